"""The rollout that is under way: how it stands, and what a person may do about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.comparisons import give_verdict
from noriba.aws.objects import ObjectStore
from noriba.client.production import find_obstacle, serves_champion_alone
from noriba.client.progress import NO_PROGRESS
from noriba.client.rollout_history import find_running
from noriba.client.rollouts import NoRolloutError
from noriba.client.waiting import ROLLOUT_LIMIT_S, StepFailedError, wait_until
from noriba.errors import NoribaError
from noriba.records.names import name_endpoint, read_package_version, read_version
from noriba.records.rollout import ChallengerVerdict, RolloutStep, name_comparison
from noriba.rollout.pairing import Look, Tally

if TYPE_CHECKING:
    from noriba.aws.executions import Execution
    from noriba.aws.ledger import Awaited, RolloutLock
    from noriba.client.progress import Progress
    from noriba.client.session import Session

ABORTED = "RolloutAbortedError"


class RolloutCompletedError(NoribaError):
    """A rollout was to be ended, and its version is the champion already."""


class RolloutStatus(BaseModel):
    """How a rollout stands; differences are the challenger's error less the champion's, in the answers' unit."""

    model_config = ConfigDict(frozen=True)

    execution: str
    started_at: datetime
    champion: int | None = Field(description="the version that it is compared with, while it is")
    challenger: int | None
    paused: bool
    steps: tuple[RolloutStep, ...]
    answered: dict[str, int] = Field(
        description="answers of each model since the comparison began, one for each candidate of a request"
    )
    waiting: int = Field(
        description="requests that wait for their outcome or for an answer of the other model; those of which only the "
        "outcome has come are among them"
    )
    looks: tuple[Look, ...] = Field(description="what was known at each look, the latest last")


def read_rollout_status(session: Session) -> RolloutStatus:
    """The rollout that is under way.

    Raises:
        NoRolloutError: none is.
    """
    lock, execution = read_running(session)
    awaited = lock.awaited
    steps = tuple(session.ledger.list_steps(execution.arn))
    counted = _find_tally(session, execution.arn, steps[-1].stage, steps[-1].percent) if steps else None
    return RolloutStatus(
        execution=execution.arn,
        started_at=execution.started_at,
        champion=None if awaited is None else read_version(awaited.champion),
        challenger=None if awaited is None else read_version(awaited.challenger),
        paused=lock.paused,
        steps=steps,
        answered={} if counted is None else {str(side): n for side, n in counted.answered.items()},
        waiting=0 if counted is None else len(counted.waiting),
        looks=() if counted is None else tuple(counted.looks),
    )


def read_looks(session: Session, execution: str, stage: str, percent: int | None = None) -> tuple[Look, ...]:
    """What was known at each look at a stage of a rollout, under way or not; empty where nothing was compared.

    Of the canary, one step is meant: the one in which the challenger had that share.
    """
    tally = _find_tally(session, execution, stage, percent)
    return () if tally is None else tuple(tally.looks)


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
    verdict = ChallengerVerdict(decision="promote", reason=f"{_name_caller(session)}: {reason}")
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
    why = f"{_name_caller(session)}: {reason}"
    verdict = ChallengerVerdict(decision="reject", error=error, reason=why)
    history = session.history(session.deployment.rollout_machine_arn)
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


def _find_tally(session: Session, execution: str, stage: str, percent: int | None) -> Tally | None:
    endpoint = name_endpoint(session.use_case_name, prefix=session.prefix)
    captures = ObjectStore(session.clients.s3, session.deployment.captures_bucket)
    found = captures.find(name_comparison(endpoint, execution, stage, percent))
    return None if found is None else Tally.model_validate_json(found)


def read_running(session: Session) -> tuple[RolloutLock, Execution]:
    """The rollout that holds the lock, and runs.

    Raises:
        NoRolloutError: none does.
    """
    running = find_running(session)
    if running is None:
        raise NoRolloutError(f"no rollout of {session.use_case_name} is under way")
    return running


def _answer(session: Session, awaited: Awaited | None, verdict: ChallengerVerdict) -> bool:
    """Give a rollout its verdict; False when it does not wait for one, or not any more."""
    return awaited is not None and give_verdict(session.clients.stepfunctions, session.ledger, awaited, verdict)


def _name_caller(session: Session) -> str:
    return session.clients.sts.get_caller_identity()["Arn"]
