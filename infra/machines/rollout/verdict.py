"""Waiting for the verdict on a challenger: by an event, not by asking; and when its time is up, there must be one.

The token of the waiting state stands in the ledger, beside the rules of the comparison. Whoever compares answers it as
soon as the answer is clear: the judge when outcomes have come, an operator, or a newer approval.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from __future__ import annotations

from infra.machines.ledger import name_step
from infra.machines.rollout.lock_entry import update_lock
from infra.machines.rollout.props import RESTORE, RolloutProps
from infra.machines.states import (
    State,
    call,
    catch_all,
    choose,
    equals,
    invoke_function,
    publish,
    put,
)
from noriba.events import ChallengerJudged

_ANSWER = "$.judged.answer"
AGAIN_S = 3600
"""How often a stage whose time is up, and which got no verdict, asks again: because it is paused, or its canary was
asked too little. For weeks, far from the 25,000 events that an execution may have."""
# Somebody else is comparing at this very moment.
_COMPARING = {
    "ErrorEquals": ["ComparisonBusyError"],
    "IntervalSeconds": 5,
    "MaxAttempts": 20,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}


def await_verdict(
    props: RolloutProps, stage: str, *, limit: str, promote: str, percent: str | None = None
) -> dict[str, State]:
    """States from `Await the verdict on <stage>` on.

    Args:
        props: the rollout's.
        stage: in which both models are asked.
        limit: a path to the seconds after which there must be an answer.
        promote: the state when the challenger may go on.
        percent: a path to its share, in the canary.
    """
    waiting, judge = f"Await the verdict on {stage}", f"Judge {stage} at last"
    longer = f"Await the verdict on {stage} longer"
    tell, keep, verdict = f"Tell the verdict on {stage}", f"Keep the verdict on {stage}", f"Verdict on {stage}?"
    at_last = invoke_function(
        props.judge_arn,
        {"use_case.$": "$.use_case", "at_last": True},
        result="$.judged",
        follow=tell,
        catch=RESTORE,
    )
    return {
        waiting: _wait_for_answer(
            props,
            {"TimeoutSecondsPath": limit},
            _describe_wait(stage, percent),
            follow=tell,
            late=judge,
        ),
        # What it waits for stands in the ledger already, and since when.
        longer: _wait_for_answer(props, {"TimeoutSeconds": AGAIN_S}, {}, follow=tell, late=judge),
        judge: {**at_last, "Retry": [*at_last["Retry"], _COMPARING]},
        tell: publish(
            props.bus_name,
            ChallengerJudged,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "stage": stage,
                **{f"{name}.$": f"{_ANSWER}.{name}" for name in ("decision", "error", "reason", "outcomes")},
                **{f"{name}.$": f"{_ANSWER}.{name}" for name in ("estimate", "lower", "upper")},
            },
            follow=keep,
            **catch_all(RESTORE),
        ),
        keep: call(
            "arn:aws:states:::dynamodb:updateItem",
            {
                "TableName": props.ledger_table,
                "Key": name_step(stage, percent),
                "UpdateExpression": "SET verdict = :verdict",
                "ExpressionAttributeValues": {":verdict": {"S.$": f"States.JsonToString({_ANSWER})"}},
            },
            follow=verdict,
            **catch_all(RESTORE),
        ),
        verdict: choose(
            (equals(f"{_ANSWER}.decision", "promote"), promote),
            (equals(f"{_ANSWER}.decision", "continue"), longer),
            otherwise=f"Rejected in {stage}",
        ),
        f"Rejected in {stage}": put(
            "$.failure", {"Error.$": f"{_ANSWER}.error", "Cause.$": f"{_ANSWER}.reason"}, follow=RESTORE
        ),
    }


def say_who_may_answer(props: RolloutProps, stage: str, *, follow: str) -> State:
    """Write down which two models may answer from now on, and that no subject is dealt to either yet.

    Whoever waited before waits no more: its token goes.
    """
    values = {
        "stage": {"S": stage},
        "champion": {"S.$": "$.champion.variant"},
        "challenger": {"S.$": "$.variant"},
        "percent": {"N": "0"},
    }
    return call(
        "arn:aws:states:::dynamodb:updateItem",
        update_lock(props.ledger_table, values, remove="token"),
        follow=follow,
        **catch_all(RESTORE),
    )


def _describe_wait(stage: str, percent: str | None) -> State:
    """What is waited for, as attributes of the lock's entry; by the share, subjects are dealt to the two models."""
    return {
        "stage": {"S": stage},
        "since": {"S.$": "$$.State.EnteredTime"},
        "plan": {"S.$": "States.JsonToString($.plan)"},
        "endpoint": {"S.$": "$.endpoint_name"},
        "champion": {"S.$": "$.champion.variant"},
        "challenger": {"S.$": "$.variant"},
        **({} if percent is None else {"percent": {"N.$": f"States.Format('{{}}', {percent})"}}),
    }


def _wait_for_answer(props: RolloutProps, limit: State, described: State, *, follow: str, late: str) -> State:
    """Write down who waits for what, and wait."""
    values = {"token": {"S.$": "$$.Task.Token"}, **described}
    state = call(
        "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        update_lock(props.ledger_table, values),
        follow=follow,
        **limit,
        ResultSelector={"answer.$": "$"},
        ResultPath="$.judged",
    )
    in_time = {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.failure", "Next": late}
    return {**state, "Catch": [in_time, *catch_all(RESTORE)["Catch"]]}
