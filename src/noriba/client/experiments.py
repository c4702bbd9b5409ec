"""Experiments: two models met by two groups of people, to see what the business gets out of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.client.beginning import begin_rollout, look_before, name_asker
from noriba.client.interventions import end_rollout
from noriba.client.models import find_approved
from noriba.client.production import is_captured
from noriba.client.progress import NO_PROGRESS
from noriba.client.rollout_history import find_running, read_running
from noriba.client.waiting import ROLLOUT_LIMIT_S
from noriba.errors import NoribaError
from noriba.records.rollout import EXPERIMENT_ENDED, RolloutPlan

if TYPE_CHECKING:
    from noriba.client.beginning import BegunRollout
    from noriba.client.progress import Progress
    from noriba.client.session import Session

LONGEST = timedelta(days=28)
"""An execution of the rollout may last for 30 days."""
FEWEST_PERCENT, MOST_PERCENT = 5, 95
"""Either side needs thirty groups of subjects of a thousand before anything is known of it."""


class NoExperimentError(NoribaError):
    """There is no experiment, or none can be begun."""


def start_experiment(session: Session, *, version: int, percent: int, lasts: timedelta, reason: str) -> BegunRollout:
    """Let a share of the subjects meet another approved version for a while.

    It goes through staging, and stands beside the champion then; who asked, and why, is in the rollout's record.

    Args:
        session: whose use case.
        version: approved, and not the champion.
        percent: of the subjects, to that version; 5 to 95.
        lasts: unless it is stopped before.
        reason: for the record.

    Raises:
        NoExperimentError: there is no champion to compare with, it is the champion itself, a rollout is under way, it
            would last too long, or leave one of the two too few subjects.
        NoSuchModelError: there is no such version.
        NotApprovedError: it is not approved.
    """
    if not timedelta(0) < lasts <= LONGEST:
        raise NoExperimentError(f"an experiment lasts up to {LONGEST.days} days")
    if not FEWEST_PERCENT <= percent <= MOST_PERCENT:
        raise NoExperimentError(f"percent is {percent}; give {FEWEST_PERCENT} to {MOST_PERCENT}: both are to be met")
    begun = look_before(session, find_approved(session, version))
    if begun.serving is None:
        raise NoExperimentError("nothing is in production yet to compare with")
    if begun.serving == version:
        raise NoExperimentError(f"version {version} is the champion; name another approved version: noriba models")
    if find_running(session) is not None:
        raise NoExperimentError("a rollout is under way, and there is one at a time: noriba rollout status")
    if not is_captured(session):
        raise NoExperimentError("production captures nothing, so nothing could be compared: set capture_percent")
    plan = RolloutPlan.of_experiment(
        session.use_case.policies.rollout, percent=percent, lasts_s=max(1, round(lasts.total_seconds()))
    )
    return begin_rollout(session, begun, plan=plan.model_dump(mode="json"), experiment=name_asker(session, reason))


def stop_experiment(
    session: Session, *, reason: str, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> None:
    """End the experiment that is under way, and wait until production is the champion's alone.

    Raises:
        NoRolloutError: none is under way.
        NoExperimentError: what is under way is something else.
    """
    lock, _execution = read_running(session)
    if not lock.is_experiment:
        raise NoExperimentError("the rollout under way is no experiment; to end it: noriba rollout abort")
    end_rollout(session, lock, error=EXPERIMENT_ENDED, reason=reason, limit_s=limit_s, progress=progress)
