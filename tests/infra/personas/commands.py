"""What each persona types, and which actions of the matrix a command takes: whatever is allowed, some command needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FIND = "find the deployment"
_LEDGER, _MANIFEST, _RECORD = "read the ledger", "read a snapshot's manifest", "read a model's record"
_ROLLOUT, _ENDPOINT = "look at a rollout", "look at the endpoint"

NEEDS: Mapping[str, Sequence[str]] = {
    "noriba land": [_FIND, "land a file", "read raw trips", _LEDGER, _MANIFEST],
    "noriba datasets": [_FIND, _LEDGER, _MANIFEST],
    "noriba gather": [_FIND, "gather traffic"],
    "noriba erase": [_FIND, _LEDGER, _MANIFEST, _RECORD, "erase a landed file", "settle what was landed"],
    "noriba models": [_FIND, _LEDGER, _MANIFEST, _RECORD],
    "noriba retrain": [
        *(_FIND, _LEDGER, _RECORD, "ask for training", "list training runs"),
        "look at a training run",
        "read a training job's log",
    ],
    "noriba retraining history": [_FIND, _LEDGER],
    "noriba approve": [_FIND, _LEDGER, _RECORD, _ROLLOUT, "take the approver's role"],
    "noriba reject": [_FIND, _LEDGER, _RECORD, _ROLLOUT, "take the approver's role"],
    "noriba rollout history": [_FIND, _LEDGER, _ROLLOUT],
    "noriba rollout status": [_FIND, _LEDGER, _ROLLOUT, "read a comparison"],
    "noriba rollout pause": [_FIND, _LEDGER, _ROLLOUT, "hold a rollout"],
    "noriba rollout resume": [_FIND, _LEDGER, _ROLLOUT, "hold a rollout"],
    "noriba rollout promote": [_FIND, _LEDGER, _ROLLOUT, "hold a rollout"],
    "noriba rollout abort": [_FIND, _LEDGER, _ROLLOUT, "hold a rollout", "stop a rollout", _ENDPOINT, _RECORD],
    "noriba rollback": [_FIND, _LEDGER, _ROLLOUT, _RECORD, "begin a rollout by hand"],
    "noriba experiment start": [
        *(_FIND, _LEDGER, _ROLLOUT, _RECORD, "begin a rollout by hand", _ENDPOINT),
        "look at the endpoint's configuration",
    ],
    "noriba experiment stop": [_FIND, _LEDGER, _ROLLOUT, "hold a rollout", "stop a rollout", _ENDPOINT, _RECORD],
    "noriba monitor": [_FIND, _LEDGER, "have production looked at", "read the monitor's report"],
    "noriba status": [
        *(_FIND, _LEDGER, _ENDPOINT, _RECORD, _ROLLOUT, "see alarms", "count executions", "list training runs"),
        "count events that could not be delivered",
    ],
    "noriba logs": [_FIND, "read logs", "read a training job's log"],
    "noriba audit": [_FIND, _LEDGER, _MANIFEST, _RECORD, _ROLLOUT, "look at a training job", "look up the trail"],
    "noriba doctor": [_FIND, "look what the account lacks", "see who is told of alarms"],
    "cdk deploy": [_FIND, "deploy"],
    "aws s3 cp": ["read raw trips", "read the quarantine", "read a snapshot's rows"],
    "aws s3 cp (snapshots, models)": ["read a snapshot's rows", "read a model's artifact"],
    "aws stepfunctions redrive-execution": ["look into a training run", "try a training run again"],
    "aws athena start-query-execution": ["query answers"],
    "aws cloudwatch get-dashboard": ["see a dashboard", "see alarms"],
    "curl": ["ask why"],
}
"""The actions that a command takes; what its calls are stands in `actions`."""

COMMANDS: Mapping[str, Sequence[str]] = {
    "data-engineer": ["noriba land", "noriba datasets", "noriba gather", "noriba erase", "aws s3 cp"],
    "data-scientist": [
        "noriba datasets",
        "noriba models",
        "noriba retrain",
        "noriba retraining history",
        "aws s3 cp (snapshots, models)",
    ],
    "ml-engineer": [
        "noriba status",
        "noriba logs",
        "noriba datasets",
        "noriba models",
        "noriba retrain",
        "noriba retraining history",
        "noriba rollout history",
        "aws stepfunctions redrive-execution",
    ],
    "approver": [
        "noriba models",
        "noriba approve",
        "noriba reject",
        "noriba retraining history",
        "noriba rollout history",
    ],
    "operator": [
        "noriba status",
        "noriba logs",
        "noriba models",
        "noriba monitor",
        "noriba rollback",
        "noriba rollout status",
        "noriba rollout history",
        "noriba rollout pause",
        "noriba rollout resume",
        "noriba rollout promote",
        "noriba rollout abort",
        "noriba experiment start",
        "noriba experiment stop",
        "curl",
    ],
    "business-stakeholder": ["aws athena start-query-execution", "aws cloudwatch get-dashboard"],
    "auditor": [
        "noriba audit",
        "noriba datasets",
        "noriba models",
        "noriba retraining history",
        "noriba rollout history",
    ],
    "administrator": ["cdk deploy", "noriba doctor"],
}
"""What a persona types."""


def list_needed(persona: str) -> set[str]:
    """The actions that a persona's commands take."""
    return {action for command in COMMANDS[persona] for action in NEEDS[command]}
