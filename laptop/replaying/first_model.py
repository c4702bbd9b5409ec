"""The model in production when a replay begins: the one that is there, or one trained on the rides before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laptop.steps import LIMIT_S, check_gates, land
from noriba.client import (
    PENDING_APPROVAL,
    StepFailedError,
    approve_model,
    find_model,
    wait_for_candidate,
    wait_for_decision,
    wait_for_rollout,
)
from noriba.errors import NoribaError
from noriba.records.names import read_package_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from laptop.replaying.timelines import Timeline
    from noriba.aws.registry import ModelPackage
    from noriba.client import BegunRollout, Progress, Session, Watcher

NOTE = "approved by noriba replay --auto-approve"


class NobodyApprovesError(NoribaError):
    """A candidate waits for a person."""


def find_champion(session: Session) -> ModelPackage | None:
    """The model in production."""
    champion = session.ledger.read_champion()
    return None if champion is None else find_model(session, read_package_version(champion.model_package_arn))


def make_first_model(
    session: Session,
    files: Callable[[], Sequence[Path]],
    timeline: Timeline,
    watcher: Watcher,
    progress: Progress,
    *,
    auto_approve: bool,
) -> ModelPackage:
    """Land the rides before, and bring the model that comes of them into production.

    Raises:
        StepFailedError: a step failed; the message holds its cause.
        NobodyApprovesError: the candidate is there, and nobody has said that it may be approved.
    """
    package = _find_waiting(session)
    if package is None:
        _landing, manifest = land(session, files(), progress)
        timeline.settle(watcher.is_rolling_forward)
        decision = wait_for_decision(session, manifest.snapshot_id, limit_s=LIMIT_S)
        timeline.settle(watcher.is_rolling_forward)
        package = wait_for_candidate(session, decision, limit_s=LIMIT_S, progress=progress)
        check_gates(package)
    if not auto_approve:
        raise NobodyApprovesError(
            f"no model is in production, and version {package.version} waits: noriba approve {package.version}, and "
            "then the same again; or --auto-approve"
        )
    progress.update(f"rolling version {package.version} out, the first one")
    begun = approve_model(session, package, note=NOTE)
    _roll_out(session, begun, timeline, watcher, progress)
    return package


def _find_waiting(session: Session) -> ModelPackage | None:
    return next((package for package in session.registry.list_packages() if package.status == PENDING_APPROVAL), None)


def _roll_out(session: Session, begun: BegunRollout, timeline: Timeline, watcher: Watcher, progress: Progress) -> None:
    # The rollout begins a moment after the approval; until then nothing goes on that time could be given to.
    timeline.settle(watcher.is_rolling_forward)
    wait_for_rollout(session, begun, limit_s=LIMIT_S, progress=progress)
    if session.ledger.read_champion() is None:
        raise StepFailedError("the first rollout ended, and no model is in production")
