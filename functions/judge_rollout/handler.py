"""Compare champion and challenger of a rollout that waits, and answer it when the answer is clear."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from functions.use_cases import do_for_each
from noriba.aws.comparisons import Comparison, find_alarm, give_verdict, measure_health
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.errors import NoribaError
from noriba.records.measured import OF_SAGEMAKER
from noriba.records.metrics import CHALLENGERS_PROMOTED, CHALLENGERS_REJECTED, OUTCOMES_COMPARED
from noriba.records.names import name_endpoint_alarm
from noriba.rollout.health import find_fault
from noriba.rollout.judgement import judge
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.ledger import Awaited, RolloutLock
    from noriba.records.rollout import ChallengerVerdict

AT_MOST = timedelta(minutes=6)
"""Longer than the function may run: who has not ended by then was cut off."""
PATIENCE_S = 60.0
"""How long a rollout whose time is up waits for who is comparing: seconds, mostly."""
PAUSE_S = 1.0


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    captures_bucket: str
    outcomes_bucket: str
    resource_prefix: str
    trust_outcome_times: bool
    metrics_namespace: str = OF_SAGEMAKER
    """Of what was measured of the models."""


class ComparisonBusyError(NoribaError):
    """Somebody else is comparing at this moment; ask again."""


class NotJudgedError(NoribaError):
    """A look failed; what is wrong is in the log."""


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
    do_for_each(
        list_use_cases(),
        answer_if_clear,
        trouble="not judged",
        fail=lambda names: NotJudgedError(f"models of {names} could not be compared; the log says why"),
    )
    return {}


def answer_if_clear(use_case: str) -> None:
    """Compare, and answer the rollout that waits, if one does and there is an answer."""
    ledger, clients = open_ledger(use_case)
    lock = ledger.read_rollout()
    if lock is None or lock.awaited is None:
        return
    now = datetime.now(UTC)
    if not ledger.begin_comparison(now=now, at_most=AT_MOST):
        return
    try:
        verdict = compare(ledger, clients, lock, lock.awaited, at_last=False)
    finally:
        ledger.end_comparison()
    if verdict.decision != "continue":
        give_verdict(clients.stepfunctions, ledger, lock.awaited, verdict)


def judge_at_last(use_case: str) -> ChallengerVerdict:
    """The verdict on a stage whose time is up; asked again, it is given again.

    Raises:
        ComparisonBusyError: somebody else is comparing for long; the rollout asks again.
        NothingComparedError: no rollout waits.
    """
    ledger, clients = open_ledger(use_case)
    lock = ledger.read_rollout()
    if lock is None or lock.awaited is None:
        raise NothingComparedError(f"no rollout of {use_case} waits for a verdict")
    patience_s = PATIENCE_S
    while not ledger.begin_comparison(now=datetime.now(UTC), at_most=AT_MOST):
        if patience_s <= 0:
            raise ComparisonBusyError(f"models of {use_case} are being compared at this moment")
        time.sleep(PAUSE_S)
        patience_s -= PAUSE_S
    try:
        return compare(ledger, clients, lock, lock.awaited, at_last=True)
    finally:
        ledger.end_comparison()


def compare(
    ledger: Ledger, clients: Clients, lock: RolloutLock, awaited: Awaited, *, at_last: bool
) -> ChallengerVerdict:
    """Read what is new, and judge by everything.

    A pause holds back the verdict and not the look: what came in days would be more than one look can read.
    """
    settings, _clients = load_dependencies()
    now, use_case = datetime.now(UTC), ledger.use_case
    alarm = name_endpoint_alarm(use_case, "latency", prefix=settings.resource_prefix)
    comparison = Comparison(
        ObjectStore(clients.s3, settings.captures_bucket),
        ObjectStore(clients.s3, settings.outcomes_bucket),
        execution=lock.execution,
        awaited=awaited,
        trusts_times=settings.trust_outcome_times,
    )
    tally = comparison.take_stock(use_case=use_case, now=now)
    challenger, champion = measure_health(clients.cloudwatch, awaited, namespace=settings.metrics_namespace, now=now)
    fault = find_fault(challenger, champion, awaited.plan)
    if fault is None and awaited.stage == "canary" and challenger.is_slower(champion):
        # It is of both together. When it began would not say whose it is: one of before may go on for a slower
        # challenger, and a champion may become slow beside one that is not.
        fault = find_alarm(clients.cloudwatch, alarm)
    unit = load_use_case(use_case).answer.unit
    verdict = judge(tally, awaited.plan, fault=fault, at_last=at_last, asked=challenger.requests, unit=unit)
    comparison.keep(tally)
    # Somebody may have paused it meanwhile.
    if (ledger.read_rollout() or lock).paused:
        reason = f"somebody has paused it; {verdict.reason}"
        verdict = verdict.model_copy(update={"decision": "continue", "error": None, "reason": reason, "paused": True})
    count(
        use_case,
        {
            OUTCOMES_COMPARED: verdict.outcomes,
            CHALLENGERS_PROMOTED: verdict.decision == "promote",
            CHALLENGERS_REJECTED: verdict.rejects,
        },
    )
    unlike = {"odd_outcomes": tally.odd, "far_outcomes": tally.far}
    logger.info("judged", extra={"use_case": use_case, "stage": awaited.stage, **unlike, **verdict.model_dump()})
    return verdict


def open_ledger(use_case: str) -> tuple[Ledger, Clients]:
    """The use case's ledger, and clients."""
    settings, clients = load_dependencies()
    return Ledger(clients.dynamodb.Table(settings.ledger_table), use_case), clients
