"""The challenger answers a growing share of the requests: does it hold under load, and is it no worse?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.rollout.approval import confirm_approval
from infra.machines.rollout.endpoints import announce, await_endpoint, change_production, configure, describe_variant
from infra.machines.rollout.props import BEFORE_CANARY, BEFORE_PRODUCTION, RESTORE, SDK
from infra.machines.rollout.verdict import await_verdict, say_who_may_answer
from infra.machines.states import call, catch_all, choose, put

if TYPE_CHECKING:
    from infra.machines.rollout.props import RolloutProps
    from infra.machines.states import State

_PERCENT = "$.canary.step.challenger"
_STEPS = {"steps.$": "States.ArrayLength($.plan.canary)"}


def canary(props: RolloutProps) -> dict[str, State]:
    """States that go through the plan's steps, one after the other; a plan without any leads straight on."""
    size = (props.production_instance, props.production_instances)
    another = "Is there another step?"
    return {
        **confirm_approval(BEFORE_CANARY, "the canary", follow="Begin the canary", catch=RESTORE),
        "Begin the canary": put("$.canary", {"index": 0, **_STEPS}, follow=another),
        another: choose(
            ({"Variable": "$.canary.index", "NumericLessThanPath": "$.canary.steps"}, "Pick the step"),
            otherwise=BEFORE_PRODUCTION,
        ),
        "Pick the step": put(
            "$.canary",
            {
                "index.$": "$.canary.index",
                "steps.$": "$.canary.steps",
                "step.$": "States.ArrayGetItem($.plan.canary, $.canary.index)",
            },
            follow="Announce canary",
        ),
        **announce(props, "canary", follow="Is it the first step?", catch=RESTORE, percent=_PERCENT),
        "Is it the first step?": choose(
            ({"Variable": "$.canary.index", "NumericEquals": 0}, "Say who may answer"), otherwise="Shift requests"
        ),
        # Before the endpoint has both: whoever asks it must know whom to ask instead of the first answer that fails.
        "Say who may answer": say_who_may_answer(props, "canary", follow="Configure canary"),
        "Configure canary": configure(
            props,
            "$.names.canary",
            [
                describe_variant("$.champion", *size, weight={"InitialVariantWeight.$": "$.canary.step.champion"}),
                describe_variant("$", *size, weight={"InitialVariantWeight.$": _PERCENT}),
            ],
            follow="Update endpoint for canary",
            catch=RESTORE,
        ),
        **change_production("canary", "$.names.canary", ready="Await the verdict on canary"),
        # Neither variant's instances change, so no request notices.
        "Shift requests": call(
            f"{SDK}updateEndpointWeightsAndCapacities",
            {
                "EndpointName.$": "$.endpoint_name",
                "DesiredWeightsAndCapacities": [
                    {"VariantName.$": "$.champion.variant", "DesiredWeight.$": "$.canary.step.champion"},
                    {"VariantName.$": "$.variant", "DesiredWeight.$": _PERCENT},
                ],
            },
            follow="Wait for the next share",
            **catch_all(RESTORE),
        ),
        **await_endpoint("the next share", "$.endpoint_name", ready="Await the verdict on canary"),
        **await_verdict(props, "canary", limit="$.canary.step.bake_s", promote="Take the next step", percent=_PERCENT),
        "Take the next step": put(
            "$.canary", {"index.$": "States.MathAdd($.canary.index, 1)", **_STEPS}, follow=another
        ),
    }
