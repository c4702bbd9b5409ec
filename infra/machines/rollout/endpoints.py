"""What stages do with endpoints: configure one, wait for it, and say how far the rollout is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.machines.ledger import name_step
from infra.machines.rollout.props import CLEAN_UP, POLL_S, RESTORE, SDK, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    choose,
    equals,
    publish,
    put,
    wait,
)
from noriba.events import RolloutAdvanced
from noriba.records.inference import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable


def describe_variant(who: str, instance: str, instances: int, *, weight: State | None = None) -> State:
    """A variant of `$` (the new model) or `$.champion`, as a configuration names it."""
    name, model = ("$.variant", "$.names.model") if who == "$" else (f"{who}.variant", f"{who}.model")
    return {
        "VariantName.$": name,
        "ModelName.$": model,
        "InstanceType": instance,
        "InitialInstanceCount": instances,
        **(weight or {"InitialVariantWeight": 1}),
    }


def configure(
    props: RolloutProps,
    name: str,
    variants: list[State],
    *,
    follow: str,
    catch: str,
    shadows: list[State] | None = None,
    captured: bool = True,
) -> State:
    """Make an endpoint's configuration; what production is asked and answers is captured."""
    return call(
        f"{SDK}createEndpointConfig",
        {
            "EndpointConfigName.$": name,
            "ProductionVariants": variants,
            **({"ShadowProductionVariants": shadows} if shadows else {}),
            "KmsKeyId": props.key_arn,
            **({"DataCaptureConfig": _capture(props)} if captured and props.capture_percent else {}),
        },
        follow=follow,
        **catch_all(catch),
    )


def _capture(props: RolloutProps) -> dict[str, Any]:
    """Both sides of a request, as the JSON that they are.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
    """
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": props.capture_percent,
        "DestinationS3Uri": props.captures_uri,
        "KmsKeyId": props.key_arn,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": [CONTENT_TYPE]},
    }


def await_endpoint(
    stage: str, name: str, *, ready: str, act: Callable[[State], State] = lambda state: state
) -> dict[str, State]:
    """Wait until an endpoint is in service; `$.endpoint` then holds its configuration's name.

    Where the endpoint is another account's, `act` makes a task act there.
    """
    failed = f"{stage} did not come up"
    catch = CLEAN_UP if stage == "staging" else RESTORE
    return {
        f"Wait for {stage}": wait(POLL_S, follow=f"Look at {stage}"),
        f"Look at {stage}": act(
            call(
                f"{SDK}describeEndpoint",
                {"EndpointName.$": name},
                follow=f"Is {stage} in service?",
                ResultSelector={"status.$": "$.EndpointStatus", "config.$": "$.EndpointConfigName", "whole.$": "$"},
                ResultPath="$.endpoint",
                **catch_all(catch),
            )
        ),
        f"Is {stage} in service?": choose(
            (equals("$.endpoint.status", "InService"), ready),
            (equals("$.endpoint.status", "Failed"), failed),
            (equals("$.endpoint.status", "OutOfService"), failed),
            (equals("$.endpoint.status", "UpdateRollbackFailed"), failed),
            otherwise=f"Wait for {stage}",
        ),
        failed: put(
            "$.failure",
            {"Error": "EndpointFailed", "Cause.$": "States.JsonToString($.endpoint.whole)"},
            follow=catch,
        ),
    }


def change_production(stage: str, config: str, *, ready: str) -> dict[str, State]:
    """Give the production endpoint another configuration, and see that it serves by that one.

    SageMaker brings up the new fleet, moves the traffic, then ends the old one.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
    """
    change, check = f"Update endpoint for {stage}", f"Is {stage} what serves?"
    return {
        change: call(
            "arn:aws:states:::sagemaker:updateEndpoint",
            {"EndpointName.$": "$.endpoint_name", "EndpointConfigName.$": config},
            follow=f"Wait for {stage}",
            **catch_all(RESTORE),
        ),
        **await_endpoint(stage, "$.endpoint_name", ready=check),
        # An update that fails leaves the endpoint in service with what it served before.
        check: choose(
            ({"Variable": "$.endpoint.config", "StringEqualsPath": config}, ready),
            otherwise=f"{stage} did not come up",
        ),
    }


def announce(
    props: RolloutProps, stage: str, *, follow: str, catch: str, percent: str | None = None
) -> dict[str, State]:
    """Tell which stage begins, and keep it in the rollout's record.

    Args:
        props: the rollout's.
        stage: its name.
        follow: the next state.
        catch: where a failure leads.
        percent: a path to the challenger's share, in the canary.
    """
    detail = {"use_case.$": "$.use_case", "model_package_arn.$": "$.model_package_arn", "stage": stage}
    share = {} if percent is None else {"percent.$": percent}
    record = f"Record {stage}"
    item = {
        **name_step(stage, percent),
        "stage": {"S": stage},
        "began_at": {"S.$": "$$.State.EnteredTime"},
        **({} if percent is None else {"percent": {"N.$": f"States.Format('{{}}', {percent})"}}),
    }
    return {
        f"Announce {stage}": publish(
            props.bus_name, RolloutAdvanced, {**detail, **share}, follow=record, **catch_all(catch)
        ),
        record: call(
            "arn:aws:states:::dynamodb:putItem",
            {"TableName": props.ledger_table, "Item": item},
            follow=follow,
            **catch_all(catch),
        ),
    }
