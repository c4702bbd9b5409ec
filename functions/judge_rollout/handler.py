"""Compare champion and challenger of a rollout that waits, and answer it when the answer is clear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba.aws.comparisons import Comparison, measure_health
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import answer_token
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.errors import NoribaError
from noriba.events import AlarmStateChanged
from noriba.records.metrics import CHALLENGERS_PROMOTED, CHALLENGERS_REJECTED, OUTCOMES_COMPARED
from noriba.records.rollout import ChallengerVerdict
from noriba.rollout.health import find_fault
from noriba.rollout.judgement import judge
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.ledger import Awaited, RolloutLock

AT_MOST = timedelta(minutes=6)
"""Longer than the function may run: who has not ended by then was cut off."""


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    captures_bucket: str
    outcomes_bucket: str


class ComparisonBusyError(NoribaError):
    """Somebody else is comparing at this moment; ask again."""


class NothingComparedError(NoribaError):
    """A verdict is asked for, and no rollout is waiting for one."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Any sign that there may be news: outcomes have come, an alarm went off, a minute has passed.

    Or a rollout whose time is up: `{"use_case": …, "at_last": true}` is answered with the verdict.
    """
    if event.get("at_last"):
        return judge_at_last(event["use_case"]).model_dump(mode="json")
    alarm = None
    if event.get("detail-type") == AlarmStateChanged.aws_detail_type:
        alarm = AlarmStateChanged.parse(event).alarm_name
    for use_case in list_use_cases():
        answer_if_clear(use_case, alarm)
    return {}


def answer_if_clear(use_case: str, alarm: str | None) -> None:
    """Compare, and answer the rollout that waits, if one does and there is an answer."""
    ledger, clients = open_ledger(use_case)
    lock = ledger.read_rollout()
    if lock is None or lock.awaited is None or lock.paused:
        return
    now = datetime.now(UTC)
    if not ledger.begin_comparison(now=now, at_most=AT_MOST):
        return
    try:
        verdict = compare(use_case, clients, lock, lock.awaited, alarm=alarm, at_last=False)
    finally:
        ledger.end_comparison()
    if verdict.decision != "continue":
        # Told first, forgotten then: an answer that comes twice is refused, one that never comes is waited for.
        answer_token(clients.stepfunctions, lock.awaited.token, verdict.model_dump_json())
        ledger.forget_token(lock.awaited.token)


def judge_at_last(use_case: str) -> ChallengerVerdict:
    """The verdict on a stage whose time is up.

    Raises:
        ComparisonBusyError: somebody else is comparing; the rollout asks again.
        NothingComparedError: no rollout waits.
    """
    ledger, clients = open_ledger(use_case)
    lock = ledger.read_rollout()
    if lock is None or lock.awaited is None:
        raise NothingComparedError(f"no rollout of {use_case} waits for a verdict")
    if lock.paused:
        return ChallengerVerdict(decision="continue", reason="its time is up, and somebody has paused it")
    if not ledger.begin_comparison(now=datetime.now(UTC), at_most=AT_MOST):
        raise ComparisonBusyError(f"models of {use_case} are being compared at this moment")
    try:
        verdict = compare(use_case, clients, lock, lock.awaited, alarm=None, at_last=True)
    finally:
        ledger.end_comparison()
    ledger.forget_token(lock.awaited.token)
    return verdict


def compare(
    use_case: str, clients: Clients, lock: RolloutLock, awaited: Awaited, *, alarm: str | None, at_last: bool
) -> ChallengerVerdict:
    """Read what is new, and judge by everything."""
    settings, _clients = load_dependencies()
    now = datetime.now(UTC)
    comparison = Comparison(
        ObjectStore(clients.s3, settings.captures_bucket),
        ObjectStore(clients.s3, settings.outcomes_bucket),
        execution=lock.execution,
        awaited=awaited,
    )
    tally = comparison.take_stock(use_case=use_case, now=now)
    fault = find_health_fault(clients, awaited, alarm, now=now)
    verdict = judge(tally, awaited.plan, fault=fault, at_last=at_last)
    comparison.keep(tally)
    count(
        use_case,
        {
            OUTCOMES_COMPARED: verdict.outcomes,
            CHALLENGERS_PROMOTED: verdict.decision == "promote",
            CHALLENGERS_REJECTED: verdict.decision == "reject",
        },
    )
    logger.info("judged", extra={"use_case": use_case, "stage": awaited.stage, **verdict.model_dump()})
    return verdict


def find_health_fault(clients: Clients, awaited: Awaited, alarm: str | None, *, now: datetime) -> str | None:
    """What speaks against the challenger at once; an alarm does where it answers passengers."""
    if alarm is not None and awaited.stage == "canary":
        return f"the alarm {alarm} went off while it answered"
    challenger, champion = (
        measure_health(clients.cloudwatch, awaited.endpoint, variant, since=awaited.since, until=now)
        for variant in (awaited.challenger, awaited.champion)
    )
    return find_fault(challenger, champion, awaited.plan)


def open_ledger(use_case: str) -> tuple[Ledger, Clients]:
    """The use case's ledger, and clients."""
    settings, clients = load_dependencies()
    return Ledger(clients.dynamodb.Table(settings.ledger_table), use_case), clients
