"""TRAIN: take the decision ▸ train ▸ evaluate beside the champion on one hold-out ▸ register the candidate."""

from __future__ import annotations

from typing import Any

from infra.machines.ledger import name_key
from infra.machines.states import (
    DISCARD,
    State,
    call,
    choose,
    fail_as_caught,
    invoke_function,
    present,
    publish,
    succeed,
)
from infra.machines.training.decision import take_decision
from infra.machines.training.image import check_image
from infra.machines.training.jobs import evaluate, find_key, train
from infra.machines.training.props import METRICS, TrainingProps
from noriba.events import CandidateRegistered, RetrainingDecided, TrainingFailed
from noriba.records import ledger_entries as entries

__all__ = ["METRICS", "TrainingProps", "describe_training"]


def describe_training(props: TrainingProps) -> dict[str, State]:
    """The states; the input is the detail of a `RetrainingDecided`, of which only the name is believed."""
    return {
        **take_decision(props),
        **check_image(props),
        **find_key(props),
        "Train": train(props),
        "Is there a champion?": choose(
            (present("$.champion_model_uri"), "Evaluate beside the champion"), otherwise="Evaluate"
        ),
        "Evaluate": evaluate(props, beside_champion=False),
        "Evaluate beside the champion": evaluate(props, beside_champion=True),
        "Register": invoke_function(
            props.register_arn,
            {
                "decision": {f"{name}.$": f"$.{name}" for name in RetrainingDecided.model_fields},
                "training_job_arn.$": "$.training.arn",
                "image_uri.$": "$.training.image_uri",
                "model_data_uri.$": "$.training.model_data_uri",
                "evaluation_uri.$": "$.evaluation.uri",
            },
            result="$.registered",
            follow="Release the lock",
            catch="Release the lock after failure",
        ),
        # Before the news: whoever hears it may want to train again at once.
        "Release the lock": _release(props, failed=False, follow="Announce candidate"),
        "Announce candidate": publish(
            props.bus_name, CandidateRegistered, "$.registered.answer", follow="Candidate registered"
        ),
        "Candidate registered": succeed(),
        "Release the lock after failure": _release(props, failed=True, follow="Announce failure"),
        "Announce failure": publish(
            props.bus_name,
            TrainingFailed,
            {
                "use_case.$": "$.use_case",
                "decision_id.$": "$.decision_id",
                "training_job_name.$": "$.training_job_name",
                "error.$": "$.failure.Error",
                "cause.$": "$.failure.Cause",
            },
            follow="Failed",
        ),
        "Failed": fail_as_caught(),
        "Delivered before": succeed(),
    }


def _release(props: TrainingProps, *, failed: bool, follow: str) -> State:
    """The training is over, whichever way; the lock is only ours while the entry holds our decision.

    What failed is kept there: the next one by itself waits longer.
    """
    parameters: dict[str, Any] = {
        "TableName": props.ledger_table,
        "Key": name_key(entries.TRAINING),
        "UpdateExpression": "SET running = :no, failed = :failed",
        "ConditionExpression": "decision_id = :mine",
        "ExpressionAttributeValues": {
            ":no": {"BOOL": False},
            ":failed": {"BOOL": failed},
            ":mine": {"S.$": "$.decision_id"},
        },
    }
    lost = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": DISCARD, "Next": follow}
    return call("arn:aws:states:::dynamodb:updateItem", parameters, follow=follow, Catch=[lost])
