"""Waiting for the loop: each step is watched where it leaves its trace, and its failure is told in its own words."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from noriba.aws.logs import SAGEMAKER_GROUPS, read_lines
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from noriba.aws.ledger import ObjectState
    from noriba.aws.registry import ModelPackage
    from noriba.cli.output import Progress
    from noriba.cli.session import Session
    from noriba.events import RetrainingDecided
    from noriba.records.snapshot import SnapshotManifest

POLL_S = 0.5
# An event's clock and ours may differ; executions are looked for from a little earlier on.
SLACK = timedelta(minutes=5)


class StepFailedError(NoribaError):
    """A step of the loop failed, or did not happen; the message holds its cause."""


def wait_for_objects(
    session: Session, landed: dict[str, str], *, limit_s: float, progress: Progress
) -> dict[str, ObjectState]:
    """Wait until every landed object version (key → version id) is kept or refused.

    Raises:
        StepFailedError: not within the limit.
    """
    states: dict[str, ObjectState] = {}
    for _ in poll(limit_s, f"the ingest of {len(landed)} objects"):
        for key, version_id in landed.items():
            state = None if key in states else session.ledger.find_object(key, version_id)
            if state is not None and state.status != "received":
                states[key] = state
        progress.update(f"ingest: {len(states)} of {len(landed)} objects dealt with")
        if len(states) == len(landed):
            break
    return states


def wait_for_snapshot(session: Session, parts: Collection[str], *, limit_s: float) -> SnapshotManifest:
    """Wait for a snapshot that holds these parts, by their hashes; the newest of several.

    By content, not by the objects' versions: content that landed before makes no new snapshot.

    Raises:
        StepFailedError: not within the limit.
    """
    seen: set[str] = set()
    for _ in poll(limit_s, "a snapshot of what was landed"):
        for snapshot_id, _created in reversed(session.ledger.list_snapshots()):
            if snapshot_id in seen:
                continue
            seen.add(snapshot_id)
            manifest = session.read_manifest(snapshot_id)
            if {part.sha256 for part in manifest.parts}.issuperset(parts):
                return manifest
    raise AssertionError  # pragma: no cover - _poll raises before


def wait_for_decision(session: Session, snapshot_id: str, *, limit_s: float) -> RetrainingDecided:
    """Wait for the decision whether to train on a snapshot.

    Raises:
        StepFailedError: not within the limit, or the decision was no.
    """
    refusal = None
    for _ in poll(limit_s, f"a decision about {snapshot_id}"):
        about = [decision for decision in session.ledger.list_decisions() if decision.snapshot_id == snapshot_id]
        if training := [decision for decision in about if decision.train]:
            return training[-1]
        if about:
            refusal = about[-1].reason
            last = session.ledger.read_training()
            # A running training is no final no: its end asks again.
            if last is None or not last.running:
                break
    raise StepFailedError(f"no training on {snapshot_id}: {refusal}")


def wait_for_candidate(
    session: Session, decision: RetrainingDecided, *, limit_s: float, progress: Progress
) -> ModelPackage:
    """Wait for the model package that a decision leads to; shows what the training job says meanwhile.

    Raises:
        StepFailedError: training failed, with the container's own words, or took too long.
    """
    history = session.history(session.deployment.train_machine_arn)
    since = datetime.now(UTC) - SLACK
    for _ in poll(limit_s, "the candidate"):
        for package in session.registry.list_packages():
            if package.metadata.get("decision_id") == decision.decision_id:
                return package
        execution = history.find(decision.decision_id, since=since)
        if execution is not None and execution.failed:
            raise StepFailedError(f"training failed: {execution.error}: {read_cause(execution.cause)}")
        progress.update(f"training {decision.training_job_name}: {_last_line(session, decision, since)}")
    raise AssertionError  # pragma: no cover - _poll raises before


def read_cause(cause: str | None) -> str:
    """A failure's cause in the words of who failed: a job's reason, a function's message, or the cause itself."""
    try:
        document = json.loads(cause or "")
        return str(
            document.get("FailureReason") or document.get("errorMessage") or document.get("ExitMessage") or cause
        )
    except (ValueError, AttributeError):
        return cause or "no cause was given"


def _last_line(session: Session, decision: RetrainingDecided, since: datetime) -> str:
    lines = list(
        read_lines(
            session.clients.logs,
            SAGEMAKER_GROUPS["training"],
            since=since,
            stream_prefix=decision.training_job_name,
        )
    )
    return lines[-1].message if lines else "starting"


def poll(limit_s: float, what: str) -> Iterator[None]:
    """Come again until the limit.

    Raises:
        StepFailedError: the limit is reached.
    """
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        yield
        time.sleep(POLL_S)
    raise StepFailedError(f"{what} did not come within {limit_s:.0f} s; see `noriba status` and `noriba logs`")
