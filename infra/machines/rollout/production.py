"""The model in production, without a gap."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.rollout.endpoints import announce, await_endpoint, configure
from infra.machines.rollout.props import ROLL_BACK, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    choose,
)


def promote(props: RolloutProps) -> dict[str, State]:
    """States that make or update the production endpoint, and see that it serves the new model."""
    name = {"EndpointName.$": "$.endpoint_name"}
    config = {**name, "EndpointConfigName.$": "$.names.model"}
    return {
        "Announce production": announce(props, "production", follow="Configure production", catch=ROLL_BACK),
        "Configure production": configure(
            props,
            "$.names.model",
            props.production_instance,
            props.production_instances,
            follow="Is there an endpoint?",
            captured=True,
        ),
        **look_for_endpoint(
            "Is there an endpoint?",
            "$.endpoint_name",
            found="Update production endpoint",
            missing="Create production endpoint",
            otherwise=ROLL_BACK,
            result="$.failure",
        ),
        # SageMaker brings up the new fleet, moves the traffic, then ends the old one.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
        "Update production endpoint": call(
            "arn:aws:states:::sagemaker:updateEndpoint",
            config,
            follow="Wait for production",
            **catch_all(ROLL_BACK),
        ),
        "Create production endpoint": call(
            "arn:aws:states:::sagemaker:createEndpoint",
            config,
            follow="Wait for production",
            **catch_all(ROLL_BACK),
        ),
        **await_endpoint("production", "$.endpoint_name", ready="Does it serve the new model?"),
        # An update that fails leaves the endpoint in service with what it served before.
        "Does it serve the new model?": choose(
            (
                {"Variable": "$.endpoint.config", "StringEqualsPath": "$.names.model"},
                "Record champion",
            ),
            otherwise="production did not come up",
        ),
    }
