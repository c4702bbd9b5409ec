"""Decide whether the newest snapshot is worth a training run; record and announce the answer and what it rests upon.

An answer to an event is recorded and announced whichever way it goes; the clock's question only when the answer is yes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba.aws.bus import EventBus
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import look_up
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.events import CLOCK_SKEW, RetrainingDecided, RetrainingWeighed
from noriba.monitoring.causes import ASKED_BY_THE_CLOCK, NoCauseError, Question, read_question
from noriba.monitoring.news import weigh_news
from noriba.monitoring.pending_alarms import join_pending_alarm
from noriba.monitoring.retraining import (
    Decision,
    Situation,
    choose_snapshot,
    decide_retraining,
    describe_training,
    record_start,
    resume_decision,
)
from noriba.records.metrics import TRAINING_LIMIT_REACHED, TRAININGS_DECIDED
from noriba.records.snapshot import SnapshotManifest, name_manifest
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.ledger import Champion, RolloutLock
    from noriba.events import AlarmFacts
    from noriba.records.training import TrainingRecord
    from noriba.usecase import UseCase


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    datasets_bucket: str
    bus_name: str


@dataclass(frozen=True)
class Known:
    """What the ledger and the manifests say at the moment of the decision."""

    situation: Situation
    champion: Champion | None
    rollout: RolloutLock | None


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Any event that may be a cause: a snapshot, the end of a training run, an alarm, a request, the clock.

    Raises:
        NoCauseError: it is none of these.
    """
    settings, clients = load_dependencies()
    question, now = read_question(event), datetime.now(UTC)
    use_case = load_use_case(event["detail"]["use_case"])
    logger.append_keys(use_case=use_case.name, cause=question.cause)
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case.name)
    bus = EventBus(clients.events, settings.bus_name)
    if (told := announce_again(bus, ledger, question.decision_id)) is not None:
        return told
    if question.alarm is not None and not note_alarm(ledger, question.alarm, now=now):
        return {"train": False, "reason": f"the alarm {question.alarm.name} is over"}
    last = read_last_training(ledger, clients)
    snapshot_id = choose_snapshot(last, ledger.latest_snapshot(), decision_id=question.decision_id)
    if snapshot_id is None:
        return {"train": False, "reason": "no snapshot yet"}
    datasets = ObjectStore(clients.s3, settings.datasets_bucket)
    question, known = look(use_case, ledger, datasets, question, last, snapshot_id=snapshot_id, now=now)
    decision = decide(use_case, ledger, known.situation, decision_id=question.decision_id, now=now)
    if question.note is not None:
        decision = replace(decision, reason=f"{decision.reason}: {question.note}")
    logger.info("decided", extra={"outcome": decision.outcome, "reason": decision.reason})
    # A limit in the way is an alarm.
    count(use_case.name, {TRAININGS_DECIDED: decision.train, TRAINING_LIMIT_REACHED: decision.limited})
    if not decision.train and question.cause == ASKED_BY_THE_CLOCK:
        return {"train": False, "reason": decision.reason}
    decided = RetrainingDecided(
        use_case=use_case.name,
        decision_id=question.decision_id,
        train=decision.train,
        cause=question.cause,
        reason=decision.reason,
        snapshot_id=snapshot_id,
        manifest_uri=datasets.uri(name_manifest(use_case.name, snapshot_id)),
        training_job_name=f"{use_case.resource_name}-{question.decision_id}",
        champion_package_arn=known.champion and known.champion.model_package_arn,
        champion_model_uri=known.champion and known.champion.model_data_uri,
    )
    evidence = RetrainingWeighed(
        use_case=use_case.name,
        decision_id=question.decision_id,
        outcome=decision.outcome,
        cause=question.cause,
        reason=decision.reason,
        data=known.situation.data,
        alarm=question.alarm,
        last_training=known.situation.last and describe_training(known.situation.last),
        champion_package_arn=decided.champion_package_arn,
        champion_snapshot_id=known.situation.champion_snapshot_id,
        rollout=known.rollout and known.rollout.execution,
    )
    if not ledger.record_decision(decided, evidence, now=now) and (
        told := announce_again(bus, ledger, question.decision_id)
    ):
        return told
    announce(bus, decided, evidence)
    return decided.model_dump(mode="json")


def note_alarm(ledger: Ledger, alarm: AlarmFacts, *, now: datetime) -> bool:
    """Keep an alarm's state; whether it stands, as far as is known.

    Raises:
        NoCauseError: it changed in the future, and nothing that came later would ever count.
    """
    if alarm.changed_at > now + CLOCK_SKEW:
        raise NoCauseError(f"the alarm {alarm.name} changes at {alarm.changed_at.isoformat()}, which is yet to come")
    ledger.note_alarm(alarm)
    return any(one.name == alarm.name and one.state == "ALARM" for one in ledger.list_alarms())


def read_last_training(ledger: Ledger, clients: Clients) -> TrainingRecord | None:
    """The latest training run; one whose execution was stopped, or timed out, has failed and could not say so."""
    last = ledger.read_training()
    execution_arn = ledger.find_training_execution(last.decision_id) if last and last.running else None
    execution = look_up(clients.stepfunctions, execution_arn) if execution_arn else None
    if last is None or execution is None or not execution.failed:
        return last
    return replace(last, running=False, failed=True)


def look(
    use_case: UseCase,
    ledger: Ledger,
    datasets: ObjectStore,
    question: Question,
    last: TrainingRecord | None,
    *,
    snapshot_id: str,
    now: datetime,
) -> tuple[Question, Known]:
    """What is asked, of a pending alarm too, and all that the decision is to rest upon."""
    manifest = SnapshotManifest.model_validate_json(datasets.read(name_manifest(ledger.use_case, snapshot_id)))
    champion, rollout = ledger.read_champion(), ledger.read_rollout()
    since = None if champion is None else champion.since
    policy = use_case.policies.retraining
    question = join_pending_alarm(question, ledger.list_alarms(), last, policy, champion_since=since, now=now)
    content = datasets.find(name_manifest(ledger.use_case, last.snapshot_id)) if last else None
    trained_on = SnapshotManifest.model_validate_json(content) if content else None
    situation = Situation(
        asker=question.asker,
        data=weigh_news(manifest, last=last, trained_on=trained_on, now=now),
        last=last,
        champion_snapshot_id=ledger.read_training_snapshot(champion.model_package_arn) if champion else None,
        # An experiment leaves the champion where it is, for weeks: the next candidate is held against the same one.
        rolling_out=rollout is not None and rollout.purpose == "promotion",
    )
    return question, Known(situation, champion, rollout)


def decide(use_case: UseCase, ledger: Ledger, situation: Situation, *, decision_id: str, now: datetime) -> Decision:
    """The decision, with the lock taken when it is yes."""
    last = situation.last
    if (resumed := resume_decision(last, decision_id=decision_id)) is not None:
        return resumed
    decision = decide_retraining(use_case.policies.retraining, situation, now=now)
    if decision.train:
        record = record_start(last, decision_id=decision_id, data=situation.data, now=now)
        if not ledger.begin_training(record, replacing=last):
            return Decision("running", "another decision took the lock at the same moment")
    return decision


def announce_again(bus: EventBus, ledger: Ledger, decision_id: str) -> dict[str, Any] | None:
    """The answer that stands, where the same event came before or comes at the same moment: it may not have been heard.

    None where there is none yet.
    """
    told = ledger.read_decision(decision_id)
    if told is None:
        return None
    announce(bus, told, ledger.read_evidence(decision_id))
    return told.model_dump(mode="json")


def announce(bus: EventBus, decided: RetrainingDecided, evidence: RetrainingWeighed | None) -> None:
    """First what it rests upon, so that whoever hears the decision can know it."""
    if evidence is not None:
        bus.publish(evidence)
    bus.publish(decided)
