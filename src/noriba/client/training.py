"""From a snapshot to a candidate: the decision to train, and training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noriba.aws.logs import SAGEMAKER_GROUPS, read_lines
from noriba.client.progress import NO_PROGRESS
from noriba.client.waiting import TRAINING_LIMIT_S, StepFailedError, wait_until
from noriba.records.training import answers_event

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from noriba.client.progress import Progress
    from noriba.client.session import Session
    from noriba.events import RetrainingDecided

# An event's clock and ours may differ; executions are looked for from a little earlier on.
_SLACK = timedelta(minutes=5)


def wait_for_decision(session: Session, snapshot_id: str, *, limit_s: float = TRAINING_LIMIT_S) -> RetrainingDecided:
    """Wait for the decision to train on a snapshot.

    Raises:
        StepFailedError: not within the limit, or the decision was no; the message says why.
    """

    def look() -> RetrainingDecided | None:
        about = [decision for decision in session.ledger.list_decisions() if decision.snapshot_id == snapshot_id]
        if training := [decision for decision in about if decision.train]:
            return training[-1]
        last = session.ledger.read_training()
        # A running training is no final no: its end asks again.
        if about and (last is None or not last.running):
            raise StepFailedError(f"no training on {snapshot_id}: {about[-1].reason}")
        return None

    return wait_until(look, f"a decision about {snapshot_id}", limit_s=limit_s)


def wait_for_answer(session: Session, event_id: str, *, limit_s: float = TRAINING_LIMIT_S) -> RetrainingDecided:
    """Wait for the decision about an event, such as the one that `request_training` sent.

    Raises:
        StepFailedError: the decision was no, or there was none within the limit.
    """

    def look() -> RetrainingDecided | None:
        decisions = session.ledger.list_decisions()
        return next((one for one in reversed(decisions) if answers_event(one.decision_id, event_id)), None)

    decision = wait_until(look, "the decision to train", limit_s=limit_s)
    if not decision.train:
        raise StepFailedError(f"no training: {decision.reason}")
    return decision


def wait_for_candidate(
    session: Session,
    decision: RetrainingDecided,
    *,
    limit_s: float = TRAINING_LIMIT_S,
    progress: Progress = NO_PROGRESS,
) -> ModelPackage:
    """Wait for the model package that a decision leads to; tells what the training job says meanwhile.

    Raises:
        StepFailedError: training failed, with the container's error message, or took too long.
    """
    history = session.history("train")
    since = datetime.now(UTC) - _SLACK

    def look() -> ModelPackage | None:
        for package in session.registry.list_packages():
            if package.metadata.get("decision_id") == decision.decision_id:
                return package
        execution = history.find(decision.decision_id, since=since)
        if execution is not None and execution.failed:
            raise StepFailedError(f"training failed: {': '.join(execution.read_failure())}")
        progress.update(f"training {decision.training_job_name}: {_read_last_line(session, decision, since)}")
        return None

    return wait_until(look, "the candidate", limit_s=limit_s)


def _read_last_line(session: Session, decision: RetrainingDecided, since: datetime) -> str:
    group, stream = SAGEMAKER_GROUPS["training"], decision.training_job_name
    lines = list(read_lines(session.at("training").logs, group, since=since, stream_prefix=stream))
    return lines[-1].message if lines else "starting"
