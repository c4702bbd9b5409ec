"""The challenger gets a copy of every request, and nobody hears its answers: is it better on the very same requests?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.rollout.endpoints import announce, change_production, configure, describe_variant
from infra.machines.rollout.props import BEFORE_CANARY, RESTORE
from infra.machines.rollout.verdict import await_verdict
from infra.machines.states import choose, is_true, present, wait

if TYPE_CHECKING:
    from infra.machines.rollout.props import RolloutProps
    from infra.machines.states import State

HEARD_S = 300
"""After which whoever asks the models has read what this one learned: they look every ten seconds.

So long because it must be enough on the laptop cloud as well, which waits a twentieth of it.
"""
_DECLARED = "$.golden.answer.features_declared"


def shadow(props: RolloutProps) -> dict[str, State]:
    """States that let the challenger run beside the champion until the answer is clear.

    A shadow stands beside exactly one production variant, and gets every request when it has that one's weight.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    size = (props.production_instance, props.production_instances)
    return {
        **announce(props, "shadow", follow="Does the code declare its features?", catch=RESTORE),
        "Does the code declare its features?": choose(
            ({"And": [present(_DECLARED), is_true(_DECLARED)]}, "Configure shadow"),
            otherwise="Let requests bring its features",
        ),
        "Let requests bring its features": wait(HEARD_S, follow="Configure shadow"),
        "Configure shadow": configure(
            props,
            "$.names.shadow",
            [describe_variant("$.champion", *size)],
            shadows=[describe_variant("$", *size)],
            follow="Update endpoint for shadow",
            catch=RESTORE,
        ),
        **change_production("shadow", "$.names.shadow", ready="Await the verdict on shadow"),
        **await_verdict(props, "shadow", limit="$.plan.shadow_s", promote=BEFORE_CANARY),
    }
