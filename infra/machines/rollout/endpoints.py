"""What stages do with endpoints: configure one, wait for it, and say how far the rollout is."""

from __future__ import annotations

from typing import Any

from infra.machines.rollout.props import CLEAN_UP, POLL_S, ROLL_BACK, SDK, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    choose,
    equals,
    publish,
    wait,
)
from noriba.events import RolloutAdvanced
from noriba.records.inference import CONTENT_TYPE


def configure(
    props: RolloutProps, name: str, instance: str, instances: int, *, follow: str, captured: bool = False
) -> State:
    """Make an endpoint's configuration, with one variant; what it is asked and answers may be captured."""
    variant: dict[str, Any] = {
        "VariantName.$": "$.variant",
        "ModelName.$": "$.names.model",
        "InstanceType": instance,
        "InitialInstanceCount": instances,
        "InitialVariantWeight": 1,
    }
    return call(
        "arn:aws:states:::sagemaker:createEndpointConfig",
        {
            "EndpointConfigName.$": name,
            "ProductionVariants": [variant],
            "KmsKeyId": props.key_arn,
            **({"DataCaptureConfig": _capture(props)} if captured and props.capture_percent else {}),
        },
        follow=follow,
        **catch_all(CLEAN_UP),
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


def await_endpoint(stage: str, name: str, *, ready: str) -> dict[str, State]:
    """Wait until an endpoint is in service; `$.endpoint` then holds its configuration's name."""
    failed = f"{stage} did not come up"
    return {
        f"Wait for {stage}": wait(POLL_S, follow=f"Look at {stage}"),
        f"Look at {stage}": call(
            f"{SDK}describeEndpoint",
            {"EndpointName.$": name},
            follow=f"Is {stage} in service?",
            ResultSelector={"status.$": "$.EndpointStatus", "config.$": "$.EndpointConfigName", "whole.$": "$"},
            ResultPath="$.endpoint",
            **catch_all(CLEAN_UP if stage == "staging" else ROLL_BACK),
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
            "Next": CLEAN_UP if stage == "staging" else ROLL_BACK,
        },
    }


def announce(props: RolloutProps, stage: str, *, follow: str, catch: str) -> State:
    """Tell which stage begins."""
    detail = {"use_case.$": "$.use_case", "model_package_arn.$": "$.model_package_arn", "stage": stage}
    return publish(props.bus_name, RolloutAdvanced, detail, follow=follow, **catch_all(catch))
