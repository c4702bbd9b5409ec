"""One rollout of a use case at a time: two at once would undo each other.

The lock is an entry of the ledger that names the execution that holds it. Whoever finds it taken looks whether that
execution still runs: one that was stopped or timed out cannot have released it, and must not hold it for ever.

A rollout that is being compared may hold it for days. What is approved meanwhile takes its place, unless its plan says
that it waits: the waiting state is failed, and its execution puts production right before it lets go. An experiment
waits for nobody and takes nobody's place: it fails where it finds a rollout under way. It promotes nobody and may last
for weeks, so that whatever is approved takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.ledger import name_key
from infra.machines.rollout.props import ROLL_BACK
from infra.machines.states import DISCARD, State, call, catch_all, choose, equals, present, publish, put, wait
from noriba.events import RolledBack, RolloutCompleted
from noriba.records import ledger_entries as entries
from noriba.records.executions import LEFT_UNSAID, UNSAID

if TYPE_CHECKING:
    from collections.abc import Sequence

RETRY_S = 30
PATIENT_RETRY_S = 3600
"""A rollout that waits for another one, for weeks, stays far from the 25,000 events that an execution may have."""
SUPERSEDED = "RolloutSupersededError"
UNDER_WAY = "RolloutUnderWayError"
_TAKEN = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": DISCARD}
_FAILED = catch_all(ROLL_BACK)["Catch"]
"""Nothing was made yet, but an approval is taken once: whoever gave it must hear that it came to nothing."""
_KEY = name_key(entries.ROLLOUT)
_HOLDER = "$.lock.Item.execution.S"
_WAITER = "$.lock.Item.token.S"
_SINCE = "$.lock.Item.started_at.S"
_EXPERIMENTS = equals("$.lock.Item.purpose.S", "experiment")


def take_lock(table: str, bus_name: str, *, follow: str) -> dict[str, State]:
    """States from `Take the lock` on; `follow` when it is ours. How long they wait, the machine's timeout says."""
    return {
        "Take the lock": call(
            "arn:aws:states:::dynamodb:putItem",
            {
                "TableName": table,
                # What it makes, so that it can be removed when the execution cannot do it any more.
                "Item": {
                    **_KEY,
                    "execution": {"S.$": "$$.Execution.Id"},
                    "started_at": {"S.$": "$.started_at"},
                    "staging": {"S.$": "$.names.staging"},
                    "model": {"S.$": "$.names.model"},
                    "purpose": {"S.$": "$.plan.purpose"},
                },
                "ConditionExpression": "attribute_not_exists(entry) OR execution = :mine",
                "ExpressionAttributeValues": {":mine": {"S.$": "$$.Execution.Id"}},
            },
            follow=follow,
            Catch=[{**_TAKEN, "Next": "Who holds the lock?"}, *_FAILED],
        ),
        "Who holds the lock?": call(
            "arn:aws:states:::dynamodb:getItem",
            {"TableName": table, "Key": _KEY, "ConsistentRead": True},
            follow="Is it still held?",
            ResultPath="$.lock",
            Catch=_FAILED,
        ),
        "Is it still held?": choose((present(_HOLDER), "Look at its holder"), otherwise="Take the lock"),
        "Look at its holder": call(
            "arn:aws:states:::aws-sdk:sfn:describeExecution",
            {"ExecutionArn.$": _HOLDER},
            follow="Does its holder run?",
            ResultSelector={"status.$": "$.Status", "whole.$": "$"},
            ResultPath="$.holder",
            Catch=[
                {"ErrorEquals": ["Sfn.ExecutionDoesNotExistException"], "ResultPath": DISCARD, "Next": "Free the lock"},
                *_FAILED,
            ],
        ),
        "Does its holder run?": choose(
            (equals("$.holder.status", "RUNNING"), "May it be superseded?"), otherwise="Was its end told?"
        ),
        **_tell_in_its_place(table, bus_name, follow="Free the lock"),
        "May it be superseded?": choose(
            (equals("$.plan.purpose", "experiment"), "A rollout is under way"),
            # Even one that was begun later and was faster.
            ({"And": [_EXPERIMENTS, present(_WAITER)]}, "Supersede"),
            (_EXPERIMENTS, "Wait for the lock"),
            (equals("$.plan.when_newer", "queue"), "Wait long for the lock"),
            # Of several that wait, any may be the next: the older one must not take the place of the newer.
            (
                {"And": [present(_SINCE), {"Variable": _SINCE, "StringGreaterThanPath": "$.started_at"}]},
                "Came too late",
            ),
            (present(_WAITER), "Supersede"),
            otherwise="Wait for the lock",
        ),
        "A rollout is under way": {
            "Type": "Pass",
            "Result": {"Error": UNDER_WAY, "Cause": "a rollout is under way, and an experiment waits for nobody"},
            "ResultPath": "$.failure",
            "Next": ROLL_BACK,
        },
        "Came too late": put(
            "$.failure",
            {"Error": SUPERSEDED, "Cause.$": f"States.Format('{{}} was begun later', {_HOLDER})"},
            follow=ROLL_BACK,
        ),
        "Supersede": call(
            "arn:aws:states:::aws-sdk:sfn:sendTaskFailure",
            {
                "TaskToken.$": _WAITER,
                "Error": SUPERSEDED,
                "Cause.$": "States.Format('{} takes its place', $.model_package_arn)",
            },
            follow="Wait for the lock",
            # It was answered already, or waits no more.
            **catch_all("Wait for the lock"),
        ),
        "Wait for the lock": wait(RETRY_S, follow="Take the lock"),
        "Wait long for the lock": wait(PATIENT_RETRY_S, follow="Take the lock"),
        # When somebody else was faster, the lock is asked for all the same.
        "Free the lock": _let_go(table, "holder", _HOLDER, follow="Take the lock", otherwise=_FAILED),
    }


def _tell_in_its_place(table: str, bus_name: str, *, follow: str) -> dict[str, State]:
    """States from `Was its end told?` on: say how a holder ended that was cut off, if TIDY has not said it.

    It may have been cut off after its model had become the champion.

    What it cannot put onto the bus it does not lose: the execution fails, and the lock stays for TIDY.
    """
    by_status = {status: f"Its holder ended as {status}" for status in UNSAID}
    read = "Read how its holder ended"
    return {
        "Was its end told?": choose(
            (present("$.lock.Item.told.BOOL"), follow),
            *((equals("$.holder.status", status), state) for status, state in by_status.items()),
            *((equals("$.holder.whole.Error", error), "Its holder said nothing") for error in LEFT_UNSAID),
            otherwise=follow,
        ),
        **{state: _put_unsaid(*UNSAID[status], follow=read) for status, state in by_status.items()},
        "Its holder said nothing": _put_unsaid("States.Runtime", "no cause was given", follow=read),
        # What was said of it counts; whoever stops an execution need say nothing.
        read: put(
            "$.ended",
            {
                "given.$": "States.StringToJson($.holder.whole.Input)",
                "said.$": "States.JsonMerge($.unsaid, $.holder.whole, false)",
            },
            follow="Who is the champion now?",
        ),
        "Who is the champion now?": call(
            "arn:aws:states:::dynamodb:getItem",
            {"TableName": table, "Key": name_key(entries.CHAMPION), "ConsistentRead": True},
            follow="Is it its holder's?",
            ResultPath="$.serving",
            Catch=_FAILED,
        ),
        "Is it its holder's?": choose(
            (
                {
                    "And": [
                        present("$.serving.Item.endpoint_config.S"),
                        present("$.lock.Item.model.S"),
                        {"Variable": "$.serving.Item.endpoint_config.S", "StringEqualsPath": "$.lock.Item.model.S"},
                    ]
                },
                "Say that its holder completed",
            ),
            otherwise="Say why its holder ended",
        ),
        "Say that its holder completed": publish(
            bus_name,
            RolloutCompleted,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.ended.given.model_package_arn",
                "endpoint_name.$": "$.endpoint_name",
            },
            follow=follow,
            Catch=_FAILED,
        ),
        "Say why its holder ended": publish(
            bus_name,
            RolledBack,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.ended.given.model_package_arn",
                "error.$": "$.ended.said.Error",
                "reason.$": "$.ended.said.Cause",
            },
            follow=follow,
            Catch=_FAILED,
        ),
    }


def _put_unsaid(error: str, cause: str, *, follow: str) -> State:
    return put("$.unsaid", {"Error": error, "Cause": cause}, follow=follow)


def release_lock(table: str, *, follow: str) -> State:
    """Release it, if it is ours."""
    return _let_go(table, "mine", "$$.Execution.Id", follow=follow)


def _let_go(table: str, name: str, execution: str, *, follow: str, otherwise: Sequence[State] = ()) -> State:
    """Remove the entry if it names an execution; go on either way."""
    return call(
        "arn:aws:states:::dynamodb:deleteItem",
        {
            "TableName": table,
            "Key": _KEY,
            "ConditionExpression": f"execution = :{name}",
            "ExpressionAttributeValues": {f":{name}": {"S.$": execution}},
        },
        follow=follow,
        Catch=[{**_TAKEN, "Next": follow}, *otherwise],
    )
