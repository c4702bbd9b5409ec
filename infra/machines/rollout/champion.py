"""What serves now: whether there is anything to compare the new model with, and what production goes back to."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.rollout.props import CLEAN_UP, POLL_S, SDK
from infra.machines.states import State, call, catch_all, choose, equals, matches, wait
from noriba.records.names import CANARY_FORMAT, IN_PROGRESS, SHADOW_FORMAT


def find_champion() -> dict[str, State]:
    """States that read the champion's variant, model and configuration; they change nothing."""
    waiting = "Wait for production to be quiet"
    own = "Name the champion's own configuration"
    return {
        **look_for_endpoint(
            "Is there a champion?",
            "$.endpoint_name",
            found="Is production quiet?",
            missing="Announce production",
            otherwise=CLEAN_UP,
            result="$.failure",
        ),
        # Somebody else's change, or what TIDY puts right after a rollout that was stopped.
        "Is production quiet?": choose(
            *((equals("$.failure.status", status), waiting) for status in IN_PROGRESS), otherwise="Look at the champion"
        ),
        waiting: wait(POLL_S, follow="Is there a champion?"),
        "Look at the champion": call(
            f"{SDK}describeEndpoint",
            {"EndpointName.$": "$.endpoint_name"},
            follow="Read its configuration",
            ResultSelector={"config.$": "$.EndpointConfigName"},
            ResultPath="$.champion",
            **catch_all(CLEAN_UP),
        ),
        # The champion is the first variant of every configuration that a rollout makes.
        "Read its configuration": call(
            f"{SDK}describeEndpointConfig",
            {"EndpointConfigName.$": "$.champion.config"},
            follow="Is it the champion's own?",
            ResultSelector={
                "config.$": "$.EndpointConfigName",
                "variant.$": "$.ProductionVariants[0].VariantName",
                "model.$": "$.ProductionVariants[0].ModelName",
            },
            ResultPath="$.champion",
            **catch_all(CLEAN_UP),
        ),
        # A rollout that was stopped a moment ago left the endpoint half-way. The champion's own configuration bears
        # its model's name.
        "Is it the champion's own?": choose(
            *((matches("$.champion.config", form.format("*", "*")), own) for form in (SHADOW_FORMAT, CANARY_FORMAT)),
            otherwise="Is it to be compared?",
        ),
        own: {
            "Type": "Pass",
            "Parameters": {
                "config.$": "$.champion.model",
                "variant.$": "$.champion.variant",
                "model.$": "$.champion.model",
            },
            "ResultPath": "$.champion",
            "Next": "Is it to be compared?",
        },
        # The same version once more is the same model: there is nothing to compare, and a variant has its name already.
        "Is it to be compared?": choose(
            ({"Variable": "$.champion.variant", "StringEqualsPath": "$.variant"}, "Announce production"),
            ({"Variable": "$.plan.shadow_s", "NumericGreaterThan": 0}, "Announce shadow"),
            otherwise="Begin the canary",
        ),
    }
