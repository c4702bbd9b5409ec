"""The model on an endpoint of its own, where it answers golden requests before production sees it."""

from __future__ import annotations

from dataclasses import replace

from infra.machines.rollout.endpoints import announce, await_endpoint, configure, describe_variant
from infra.machines.rollout.lock_entry import update_lock
from infra.machines.rollout.props import CLEAN_UP, REGISTERED, ROLL_BACK, SDK, RolloutProps, StagingProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    invoke_function,
)
from noriba.records import ledger_entries as entries

_UNAVAILABLE = {
    "ErrorEquals": ["ModelUnavailableError"],
    "IntervalSeconds": 5,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
"""Retries when SageMaker was busy or a connection was lost: that says nothing of the model."""
_OF_STAGING, _DELETE, _AFTER = "Create staging model", "Delete staging model", "Is there a champion?"


def stage(props: RolloutProps) -> dict[str, State]:
    """States that let the model answer golden requests on an endpoint of its own."""
    staging, place = "$.names.staging", props.staging
    check = invoke_function(
        place.golden_arn,
        {
            "use_case.$": "$.use_case",
            "endpoint_name.$": staging,
            "model_data_uri.$": "$.package.model_data_uri",
            "sha256.$": f"{REGISTERED}.sha256.S",
        },
        result="$.golden",
        follow="Note its features",
        catch=CLEAN_UP,
    )
    return {
        **announce(props, "staging", follow="Create model", catch=ROLL_BACK),
        "Create model": _create_model(
            props.model_role_arn, follow=_OF_STAGING if place.is_elsewhere else "Configure staging"
        ),
        **_create_model_there(place),
        "Configure staging": place.act(
            configure(
                replace(props, key_arn=place.key_arn),
                staging,
                [describe_variant("$", props.staging_instance, 1)],
                follow="Create staging endpoint",
                catch=CLEAN_UP,
                captured=False,
            )
        ),
        "Create staging endpoint": place.act(
            call(
                "arn:aws:states:::sagemaker:createEndpoint",
                {"EndpointName.$": staging, "EndpointConfigName.$": staging},
                follow="Wait for staging",
                **catch_all(CLEAN_UP),
            )
        ),
        **await_endpoint("staging", staging, ready="Check golden requests", act=place.act),
        "Check golden requests": place.act({**check, "Retry": [*check["Retry"], _UNAVAILABLE]}),
        # Before it is asked anything in production: in the shadow, nobody hears that it misses some.
        "Note its features": call(
            "arn:aws:states:::dynamodb:updateItem",
            update_lock(
                props.ledger_table, {entries.CHALLENGER_FEATURES: {"S.$": "$.golden.answer.feature_fingerprint"}}
            ),
            follow="Delete staging endpoint",
            **catch_all(CLEAN_UP),
        ),
        "Delete staging endpoint": place.act(
            call(
                f"{SDK}deleteEndpoint",
                {"EndpointName.$": staging},
                follow="Delete staging configuration",
                **catch_all(CLEAN_UP),
            )
        ),
        "Delete staging configuration": place.act(
            call(
                f"{SDK}deleteEndpointConfig",
                {"EndpointConfigName.$": staging},
                follow=_DELETE if place.is_elsewhere else _AFTER,
                **catch_all(CLEAN_UP),
            )
        ),
    }


def _create_model(role_arn: str, *, follow: str) -> State:
    return call(
        "arn:aws:states:::sagemaker:createModel",
        {
            "ModelName.$": "$.names.model",
            "PrimaryContainer": {"ModelPackageName.$": "$.model_package_arn"},
            "ExecutionRoleArn": role_arn,
            "EnableNetworkIsolation": True,
        },
        follow=follow,
        **catch_all(CLEAN_UP),
    )


def _create_model_there(place: StagingProps) -> dict[str, State]:
    """A model is one account's: where staging has its own, it has a model of its own, under the same name."""
    if not place.is_elsewhere:
        return {}
    return {
        _OF_STAGING: place.act(_create_model(place.model_role_arn, follow="Configure staging")),
        _DELETE: place.act(
            call(
                f"{SDK}deleteModel",
                {"ModelName.$": "$.names.model"},
                follow=_AFTER,
                **catch_all(CLEAN_UP),
            )
        ),
    }
