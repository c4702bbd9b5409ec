"""What serves now: whether there is anything to compare the new model with, and what production goes back to."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.ledger import name_key
from infra.machines.rollout.props import (
    BEFORE_CANARY,
    BEFORE_PRODUCTION,
    CLEAN_UP,
    MOST_TRIES,
    POLL_S,
    SDK,
    RolloutProps,
)
from infra.machines.states import State, call, catch_all, choose, equals, matches, present, put, wait
from noriba.records import ledger_entries as entries
from noriba.records.names import CANARY_FORMAT, IN_PROGRESS, MODEL_FORMAT, SHADOW_FORMAT, VARIANT_FORMAT

_KNOWN = "$.known.Item.endpoint_config.S"
_MADE_BY_ROLLOUTS = (
    SHADOW_FORMAT.format("*", "*"),
    CANARY_FORMAT.format("*", "*"),
    MODEL_FORMAT.format("*", VARIANT_FORMAT.format("*"), "*"),
)


def find_champion(props: RolloutProps) -> dict[str, State]:
    """States that read what serves; production is given back to the champion first where it has not got it."""
    waiting = "Wait for production to be quiet"
    return {
        **look_for_endpoint(
            "Is there a champion?",
            "$.endpoint_name",
            found="Is production quiet?",
            missing=BEFORE_PRODUCTION,
            otherwise=CLEAN_UP,
            result="$.failure",
        ),
        # Somebody else's change, or what TIDY puts right after a rollout that was stopped.
        "Is production quiet?": choose(
            *((equals("$.failure.status", status), waiting) for status in IN_PROGRESS),
            (equals("$.failure.status", "Failed"), "Production has failed"),
            otherwise="Look at the champion",
        ),
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
        "Production has failed": {
            "Type": "Pass",
            "Result": {
                "Error": "ProductionFailedError",
                "Cause": "the production endpoint has failed, and SageMaker lets nobody do anything with it but delete "
                "it: aws sagemaker delete-endpoint, then approve again",
            },
            "ResultPath": "$.failure",
            "Next": CLEAN_UP,
        },
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
            follow="Who is the champion?",
            ResultSelector={
                "config.$": "$.EndpointConfigName",
                "variant.$": "$.ProductionVariants[0].VariantName",
                "model.$": "$.ProductionVariants[0].ModelName",
            },
            ResultPath="$.champion",
            **catch_all(CLEAN_UP),
        ),
        "Who is the champion?": call(
            "arn:aws:states:::dynamodb:getItem",
            {"TableName": props.ledger_table, "Key": name_key(entries.CHAMPION), "ConsistentRead": True},
            follow="Does it serve alone?",
            ResultPath="$.known",
            **catch_all(CLEAN_UP),
        ),
        # A rollout that was stopped may have left the endpoint half-way, or with a model that nobody let in; what
        # somebody configured by hand is theirs.
        "Does it serve alone?": choose(
            (
                {
                    "And": [
                        present(_KNOWN),
                        {"Not": {"Variable": "$.champion.config", "StringEqualsPath": _KNOWN}},
                        {"Or": [matches("$.champion.config", form) for form in _MADE_BY_ROLLOUTS]},
                    ]
                },
                "Was it tried often enough?",
            ),
            otherwise="Is it to be compared?",
        ),
        # SageMaker may take an update back each time, and serve on with what it had.
        "Was it tried often enough?": choose(
            ({"Variable": "$.giving_back.tries", "NumericGreaterThanEquals": MOST_TRIES}, "Production stays half-way"),
            otherwise="Count the giving back",
        ),
        "Production stays half-way": put(
            "$.failure",
            {
                "Error": "ProductionHalfWayError",
                "Cause.$": f"States.Format('production kept {{}} and did not take {{}}, its champion, in {MOST_TRIES} "
                f"tries', $.champion.config, {_KNOWN})",
            },
            follow=CLEAN_UP,
        ),
        "Count the giving back": put(
            "$.giving_back",
            {"tries.$": "States.MathAdd($.giving_back.tries, 1)"},
            follow="Give production back first",
        ),
        "Give production back first": call(
            "arn:aws:states:::sagemaker:updateEndpoint",
            {"EndpointName.$": "$.endpoint_name", "EndpointConfigName.$": _KNOWN},
            follow=waiting,
            **catch_all(CLEAN_UP),
        ),
        # The same version once more is the same model: there is nothing to compare, and a variant has its name already.
        "Is it to be compared?": choose(
            ({"Variable": "$.champion.variant", "StringEqualsPath": "$.variant"}, BEFORE_PRODUCTION),
            ({"Variable": "$.plan.shadow_s", "NumericGreaterThan": 0}, "Announce shadow"),
            otherwise=BEFORE_CANARY,
        ),
    }
