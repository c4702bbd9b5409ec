"""The challenger gets a copy of every request, and nobody hears its answers: is it better on the very same requests?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.rollout.endpoints import announce, change_production, configure, describe_variant
from infra.machines.rollout.props import RESTORE
from infra.machines.rollout.verdict import await_verdict

if TYPE_CHECKING:
    from infra.machines.rollout.props import RolloutProps
    from infra.machines.states import State


def shadow(props: RolloutProps) -> dict[str, State]:
    """States that let the challenger run beside the champion until the answer is clear.

    A shadow stands beside exactly one production variant, and gets every request when it has that one's weight.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    size = (props.production_instance, props.production_instances)
    return {
        **announce(props, "shadow", follow="Configure shadow", catch=RESTORE),
        "Configure shadow": configure(
            props,
            "$.names.shadow",
            [describe_variant("$.champion", *size)],
            shadows=[describe_variant("$", *size)],
            follow="Update endpoint for shadow",
            catch=RESTORE,
        ),
        **change_production("shadow", "$.names.shadow", ready="Await the verdict on shadow"),
        **await_verdict(props, "shadow", limit="$.plan.shadow_s", promote="Begin the canary"),
    }
