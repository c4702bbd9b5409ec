"""First: is there such a decision, and is it this execution's to train by it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.ledger import name_key
from infra.machines.states import (
    DISCARD,
    State,
    call,
    choose,
    present,
)
from noriba.records import ledger_entries as entries

if TYPE_CHECKING:
    from infra.machines.training.props import TrainingProps


def take_decision(props: TrainingProps) -> dict[str, State]:
    """States that find the decision in the ledger and take it for this execution, once.

    Whoever may put events on the bus can put one that looks like a decision. Only what the ledger holds is trained on,
    and everything else about the run is read from there.
    """
    key = name_key(entries.DECISION, "$.decision_id")
    unknown = "the ledger holds no decision of this name to train; it did not come from decide_retraining"
    return {
        "Take the decision": call(
            "arn:aws:states:::dynamodb:updateItem",
            {
                "TableName": props.ledger_table,
                "Key": key,
                "UpdateExpression": "SET execution = :mine",
                "ConditionExpression": "train = :yes AND (attribute_not_exists(execution) OR execution = :mine)",
                "ExpressionAttributeValues": {":mine": {"S.$": "$$.Execution.Id"}, ":yes": {"BOOL": True}},
                "ReturnValues": "ALL_NEW",
            },
            follow="Go by the ledger",
            ResultSelector={"decision.$": "States.StringToJson($.Attributes.record.S)"},
            ResultPath="$.taken",
            Catch=[
                {
                    "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
                    "ResultPath": DISCARD,
                    "Next": "Look for the decision",
                }
            ],
        ),
        "Go by the ledger": {"Type": "Pass", "InputPath": "$.taken.decision", "Next": "Look at the image"},
        "Look for the decision": call(
            "arn:aws:states:::dynamodb:getItem",
            {"TableName": props.ledger_table, "Key": key, "ConsistentRead": True},
            follow="Was it taken before?",
            ResultPath="$.known",
        ),
        # EventBridge delivers at least once; the second delivery ends here.
        "Was it taken before?": choose(
            (present("$.known.Item.execution"), "Delivered before"), otherwise="Unknown decision"
        ),
        "Unknown decision": {
            "Type": "Pass",
            "Result": {"Error": "UnknownDecisionError", "Cause": unknown},
            "ResultPath": "$.failure",
            "Next": "Failed",
        },
    }
