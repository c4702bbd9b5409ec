"""What a person may do about the rollout that is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.comparisons import give_verdict
from noriba.client.production import find_obstacle, serves_champion_alone
from noriba.client.progress import NO_PROGRESS
from noriba.client.rollout_history import NoRolloutError, read_running
from noriba.client.session import name_caller
from noriba.client.waiting import ROLLOUT_LIMIT_S, StepFailedError, wait_until
from noriba.errors import NoribaError
from noriba.records.names import read_package_version
from noriba.records.rollout import ChallengerVerdict

if TYPE_CHECKING:
    from noriba.aws.ledger import Awaited, RolloutLock
    from noriba.client.progress import Progress
    from noriba.client.session import Session

ABORTED = "RolloutAbortedError"


class RolloutCompletedError(NoribaError):
    """A rollout was to be ended, and its version is the champion already."""


def pause_rollout(session: Session, *, paused: bool) -> bool:
    """Hold back verdicts, so that a rollout that compares two models stays where it is; or let them come again.

    Returns:
        Whether it compares two models now; where it does not, it goes on until it does.

    Raises:
        NoRolloutError: none is under way.
    """
    lock, execution = read_running(session)
    if not session.ledger.pause_rollout(execution.arn, paused=paused):
        raise NoRolloutError(f"no rollout of {session.use_case_name} is under way any more")
    return lock.awaited is not None


def promote_challenger(session: Session, *, reason: str) -> str:
    """Let the challenger into the next stage on a person's word; who and why stands in the record.

    Returns:
        The stage that it leaves.

    Raises:
        NoRolloutError: no rollout waits for a verdict.
    """
    lock, _execution = read_running(session)
    verdict = ChallengerVerdict(decision="promote", reason=f"{name_caller(session, 'rollout')}: {reason}")
    if lock.awaited is None or not _answer(session, lock.awaited, verdict):
        raise NoRolloutError(f"the rollout of {session.use_case_name} waits for no verdict; see noriba rollout status")
    return lock.awaited.stage


def abort_rollout(
    session: Session, *, reason: str, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> bool:
    """Stop the rollout that is under way, and wait until production is the champion's alone.

    Returns:
        Whether production had been changed.

    Raises:
        NoRolloutError: none is under way.
        RolloutCompletedError: it was too late; the new version serves.
        StepFailedError: production cannot be given back to the champion, or was not in time.
    """
    lock, _execution = read_running(session)
    return end_rollout(session, lock, error=ABORTED, reason=reason, limit_s=limit_s, progress=progress)


def end_rollout(
    session: Session, lock: RolloutLock, *, error: str, reason: str, limit_s: float, progress: Progress
) -> bool:
    """End the rollout that holds the lock under a name; see `abort_rollout`.

    One that waits for a verdict is told and ends by itself; any other is stopped, and TIDY puts right what it left.
    """
    changed = not serves_champion_alone(session)
    why = f"{name_caller(session, 'rollout')}: {reason}"
    verdict = ChallengerVerdict(decision="reject", error=error, reason=why)
    history = session.history("rollout")
    if not _answer(session, lock.awaited, verdict):
        history.stop(lock.execution, cause=why)
    progress.update("waiting until the champion serves alone")

    def look() -> bool | None:
        found = history.look_up(lock.execution)
        ended = found is None or not found.is_running
        if not ended or serves_champion_alone(session):
            return ended or None
        obstacle = find_obstacle(session)
        if obstacle is not None:
            raise StepFailedError(f"the rollout is over, but {obstacle}")
        return None

    wait_until(look, "production as the champion's alone", limit_s=limit_s)
    champion = session.ledger.read_champion()
    # By the configuration, which is of this rollout alone: a champion that was approved again has its own version.
    if champion is not None and lock.model and champion.endpoint_config == lock.model:
        version = read_package_version(champion.model_package_arn)
        raise RolloutCompletedError(
            f"version {version} had taken over before its rollout could be ended, and it serves; to go back: "
            "noriba rollback --reason TEXT"
        )
    return changed


def _answer(session: Session, awaited: Awaited | None, verdict: ChallengerVerdict) -> bool:
    """Give a rollout its verdict; False when it does not wait for one, or not any more."""
    return awaited is not None and give_verdict(session.at("rollout").stepfunctions, session.ledger, awaited, verdict)
