"""ROLLOUT: an approved model into staging ▸ golden requests ▸ production, without a gap; or production stays as is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.constructs.endpoint_search import look_for_endpoint
from infra.constructs.rollout_lock import release_lock, take_lock
from infra.constructs.states import (
    DISCARD,
    TRANSIENT,
    State,
    call,
    catch_all,
    choose,
    equals,
    fail_as_caught,
    invoke_function,
    present,
    publish,
    succeed,
    wait,
)
from noriba.events import RolledBack, RolloutAdvanced, RolloutCompleted
from noriba.records.names import IN_PROGRESS

POLL_S = 15
_REGISTERED = "$.registered.Item"
_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
_FAIL = "Is staging still there?"
_ROLL_BACK = "Announce rollback"
_GIVE_UP = "Release the lock after failure"
"""From the lock on, whatever fails must lead here: a lock that nobody releases ends all rollouts to come."""


@dataclass(frozen=True)
class RolloutPlaces:
    """Names and ARNs."""

    bus_name: str
    ledger_table: str
    golden_arn: str
    model_role_arn: str
    key_arn: str
    staging_instance: str
    production_instance: str
    production_instances: int


def describe_rollout(places: RolloutPlaces) -> dict[str, State]:
    """The states; the input names the use case, its endpoint, and the package that was approved.

    `{use_case, endpoint_name, model_package_arn, version}`
    """
    return {
        **_prepare(places),
        **_stage(places),
        **_promote(places),
        **_finish(places),
        **_roll_back(places),
    }


def _prepare(places: RolloutPlaces) -> dict[str, State]:
    return {
        # Names of this attempt: a model approved twice must not meet what the first rollout left.
        "Name": {
            "Type": "Pass",
            "Parameters": {
                "use_case.$": "$.use_case",
                "endpoint_name.$": "$.endpoint_name",
                "model_package_arn.$": "$.model_package_arn",
                "variant.$": "States.Format('v{}', $.version)",
                "attempt.$": "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)",
            },
            "Next": "Name resources",
        },
        "Name resources": {
            "Type": "Pass",
            "Parameters": {
                "model.$": "States.Format('{}-{}-{}', $.endpoint_name, $.variant, $.attempt)",
                "staging.$": "States.Format('{}-staging-{}', $.endpoint_name, $.attempt)",
            },
            "ResultPath": "$.names",
            "Next": "Read package",
        },
        "Read package": call(
            f"{_SDK}describeModelPackage",
            {"ModelPackageName.$": "$.model_package_arn"},
            follow="Is it still approved?",
            ResultSelector={
                "status.$": "$.ModelApprovalStatus",
                "model_data_uri.$": "$.InferenceSpecification.Containers[0].ModelDataUrl",
                "image_uri.$": "$.InferenceSpecification.Containers[0].Image",
            },
            ResultPath="$.package",
        ),
        "Is it still approved?": choose(
            (equals("$.package.status", "Approved"), "Read registration"), otherwise="Approval was withdrawn"
        ),
        # Whoever may update a package may also point it at another artifact: only what was judged is rolled out.
        "Read registration": call(
            "arn:aws:states:::dynamodb:getItem",
            {
                "TableName": places.ledger_table,
                "Key": {
                    "use_case": {"S.$": "$.use_case"},
                    "entry": {"S.$": "States.Format('registered#{}', $.model_package_arn)"},
                },
                "ConsistentRead": True,
            },
            follow="Is it as registered?",
            ResultPath="$.registered",
        ),
        "Is it as registered?": choose(
            (
                {
                    "And": [
                        present("$.registered.Item"),
                        {"Variable": "$.package.model_data_uri", "StringEqualsPath": f"{_REGISTERED}.model_data_uri.S"},
                        {"Variable": "$.package.image_uri", "StringEqualsPath": f"{_REGISTERED}.image_uri.S"},
                    ]
                },
                "Take the lock",
            ),
            otherwise="Not as registered",
        ),
        "Not as registered": {
            "Type": "Pass",
            "Result": {
                "Error": "PackageChangedError",
                "Cause": "the package is not one that was registered after training, or its image or artifact was "
                "changed since; approve one that was",
            },
            "ResultPath": "$.failure",
            "Next": _ROLL_BACK,
        },
        "Approval was withdrawn": succeed(),
        **take_lock(places.ledger_table, follow="Announce staging"),
    }


def _stage(places: RolloutPlaces) -> dict[str, State]:
    staging = "$.names.staging"
    return {
        "Announce staging": _announce(places, "staging", follow="Create model", catch=_ROLL_BACK),
        "Create model": call(
            "arn:aws:states:::sagemaker:createModel",
            {
                "ModelName.$": "$.names.model",
                "PrimaryContainer": {"ModelPackageName.$": "$.model_package_arn"},
                "ExecutionRoleArn": places.model_role_arn,
                "EnableNetworkIsolation": True,
            },
            follow="Configure staging",
            **catch_all(_FAIL),
        ),
        "Configure staging": _configure(places, staging, places.staging_instance, 1, follow="Create staging endpoint"),
        "Create staging endpoint": call(
            "arn:aws:states:::sagemaker:createEndpoint",
            {"EndpointName.$": staging, "EndpointConfigName.$": staging},
            follow="Wait for staging",
            **catch_all(_FAIL),
        ),
        **_await_endpoint("staging", staging, ready="Check golden requests"),
        "Check golden requests": invoke_function(
            places.golden_arn,
            {
                "use_case.$": "$.use_case",
                "endpoint_name.$": staging,
                "model_data_uri.$": "$.package.model_data_uri",
                "sha256.$": f"{_REGISTERED}.sha256.S",
            },
            result="$.golden",
            follow="Delete staging endpoint",
            catch=_FAIL,
        ),
        "Delete staging endpoint": call(
            f"{_SDK}deleteEndpoint",
            {"EndpointName.$": staging},
            follow="Delete staging configuration",
            **catch_all(_FAIL),
        ),
        "Delete staging configuration": call(
            f"{_SDK}deleteEndpointConfig",
            {"EndpointConfigName.$": staging},
            follow="Announce production",
            **catch_all(_FAIL),
        ),
    }


def _promote(places: RolloutPlaces) -> dict[str, State]:
    name = {"EndpointName.$": "$.endpoint_name"}
    config = {**name, "EndpointConfigName.$": "$.names.model"}
    return {
        "Announce production": _announce(places, "production", follow="Configure production", catch=_ROLL_BACK),
        "Configure production": _configure(
            places,
            "$.names.model",
            places.production_instance,
            places.production_instances,
            follow="Is there an endpoint?",
        ),
        **look_for_endpoint(
            "Is there an endpoint?",
            "$.endpoint_name",
            found="Update production endpoint",
            missing="Create production endpoint",
            otherwise=_ROLL_BACK,
            result="$.failure",
        ),
        # SageMaker brings up the new fleet, moves the traffic, then ends the old one.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
        "Update production endpoint": call(
            "arn:aws:states:::sagemaker:updateEndpoint",
            config,
            follow="Wait for production",
            **catch_all(_ROLL_BACK),
        ),
        "Create production endpoint": call(
            "arn:aws:states:::sagemaker:createEndpoint",
            config,
            follow="Wait for production",
            **catch_all(_ROLL_BACK),
        ),
        **_await_endpoint("production", "$.endpoint_name", ready="Does it serve the new model?"),
        # An update that fails leaves the endpoint in service with what it served before.
        "Does it serve the new model?": choose(
            (
                {"Variable": "$.endpoint.config", "StringEqualsPath": "$.names.model"},
                "Record champion",
            ),
            otherwise="production did not come up",
        ),
    }


def _finish(places: RolloutPlaces) -> dict[str, State]:
    return {
        "Record champion": call(
            "arn:aws:states:::dynamodb:putItem",
            {
                "TableName": places.ledger_table,
                "Item": {
                    "use_case": {"S.$": "$.use_case"},
                    "entry": {"S": "champion"},
                    "model_package_arn": {"S.$": "$.model_package_arn"},
                    "model_data_uri": {"S.$": "$.package.model_data_uri"},
                    "since": {"S.$": "$$.State.EnteredTime"},
                },
            },
            follow="Announce completion",
            # The new model answers: to say that production was left alone would be wrong.
            **catch_all(_GIVE_UP),
        ),
        "Announce completion": publish(
            places.bus_name,
            RolloutCompleted,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "endpoint_name.$": "$.endpoint_name",
            },
            follow="Release the lock",
            **catch_all(_GIVE_UP),
        ),
        "Release the lock": release_lock(places.ledger_table, follow="Completed"),
        "Completed": succeed(),
    }


def _roll_back(places: RolloutPlaces) -> dict[str, State]:
    """Clean up, say why, and fail; whether staging stands or not, production was not touched or stands as it did."""
    delete = "Delete staging endpoint after failure"
    configuration = "Delete staging configuration after failure"
    model = "Delete model after failure"
    waiting = "Wait for staging after failure"
    return {
        **look_for_endpoint(
            _FAIL,
            "$.names.staging",
            found="Can staging be deleted?",
            missing=configuration,
            otherwise=delete,
            result="$.search",
        ),
        # SageMaker refuses to delete an endpoint that it is still making.
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
        "Can staging be deleted?": choose(
            *((equals("$.search.status", status), waiting) for status in IN_PROGRESS), otherwise=delete
        ),
        waiting: wait(POLL_S, follow=_FAIL),
        delete: _remove("deleteEndpoint", {"EndpointName.$": "$.names.staging"}, follow=configuration),
        configuration: _remove("deleteEndpointConfig", {"EndpointConfigName.$": "$.names.staging"}, follow=model),
        model: _remove("deleteModel", {"ModelName.$": "$.names.model"}, follow=_ROLL_BACK),
        _ROLL_BACK: publish(
            places.bus_name,
            RolledBack,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "error.$": "$.failure.Error",
                "reason.$": "$.failure.Cause",
            },
            follow=_GIVE_UP,
            **_regardless(_GIVE_UP),
        ),
        _GIVE_UP: release_lock(places.ledger_table, follow="Failed"),
        "Failed": fail_as_caught(),
    }


def _await_endpoint(stage: str, name: str, *, ready: str) -> dict[str, State]:
    """Wait until an endpoint is in service; `$.endpoint` then holds its configuration's name."""
    failed = f"{stage} did not come up"
    return {
        f"Wait for {stage}": wait(POLL_S, follow=f"Look at {stage}"),
        f"Look at {stage}": call(
            f"{_SDK}describeEndpoint",
            {"EndpointName.$": name},
            follow=f"Is {stage} in service?",
            ResultSelector={"status.$": "$.EndpointStatus", "config.$": "$.EndpointConfigName", "whole.$": "$"},
            ResultPath="$.endpoint",
            **catch_all(_FAIL if stage == "staging" else _ROLL_BACK),
        ),
        f"Is {stage} in service?": choose(
            (equals("$.endpoint.status", "InService"), ready),
            (equals("$.endpoint.status", "Failed"), failed),
            (equals("$.endpoint.status", "OutOfService"), failed),
            (equals("$.endpoint.status", "UpdateRollbackFailed"), failed),
            otherwise=f"Wait for {stage}",
        ),
        failed: {
            "Type": "Pass",
            "Parameters": {"Error": "EndpointFailed", "Cause.$": "States.JsonToString($.endpoint.whole)"},
            "ResultPath": "$.failure",
            "Next": _FAIL if stage == "staging" else _ROLL_BACK,
        },
    }


def _configure(places: RolloutPlaces, name: str, instance: str, instances: int, *, follow: str) -> State:
    variant: dict[str, Any] = {
        "VariantName.$": "$.variant",
        "ModelName.$": "$.names.model",
        "InstanceType": instance,
        "InitialInstanceCount": instances,
        "InitialVariantWeight": 1,
    }
    return call(
        "arn:aws:states:::sagemaker:createEndpointConfig",
        {"EndpointConfigName.$": name, "ProductionVariants": [variant], "KmsKeyId": places.key_arn},
        follow=follow,
        **catch_all(_FAIL),
    )


def _announce(places: RolloutPlaces, stage: str, *, follow: str, catch: str) -> State:
    detail = {"use_case.$": "$.use_case", "model_package_arn.$": "$.model_package_arn", "stage": stage}
    return publish(places.bus_name, RolloutAdvanced, detail, follow=follow, **catch_all(catch))


def _remove(action: str, parameters: State, *, follow: str) -> State:
    """Remove what may not be there; what is left all the same, TIDY removes."""
    return call(f"{_SDK}{action}", parameters, follow=follow, Retry=[TRANSIENT], **_regardless(follow))


def _regardless(follow: str) -> State:
    """Go on after a failure too, with what was caught before."""
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": DISCARD, "Next": follow}]}
