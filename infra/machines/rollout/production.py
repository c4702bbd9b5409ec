"""The model in production, without a gap."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.rollout.approval import confirm_approval
from infra.machines.rollout.endpoints import announce, change_production, configure, describe_variant
from infra.machines.rollout.props import BEFORE_PRODUCTION, RESTORE, RolloutProps
from infra.machines.states import State, call, catch_all


def promote(props: RolloutProps) -> dict[str, State]:
    """States that make or update the production endpoint, and see that it serves the new model alone."""
    return {
        **confirm_approval(BEFORE_PRODUCTION, "production", follow="Announce production", catch=RESTORE),
        **announce(props, "production", follow="Configure production", catch=RESTORE),
        "Configure production": configure(
            props,
            "$.names.model",
            [describe_variant("$", props.production_instance, props.production_instances)],
            follow="Is there an endpoint?",
            catch=RESTORE,
        ),
        **look_for_endpoint(
            "Is there an endpoint?",
            "$.endpoint_name",
            found="Update endpoint for production",
            missing="Create production endpoint",
            otherwise=RESTORE,
            result="$.failure",
        ),
        "Create production endpoint": call(
            "arn:aws:states:::sagemaker:createEndpoint",
            {"EndpointName.$": "$.endpoint_name", "EndpointConfigName.$": "$.names.model"},
            follow="Wait for production",
            **catch_all(RESTORE),
        ),
        **change_production("production", "$.names.model", ready="Record champion"),
    }
