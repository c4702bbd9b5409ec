"""What rollouts and experiments became, and which are under way."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from noriba.errors import NoribaError
from noriba.records.rollout import RolloutPlan, RolloutStep  # pydantic reads them

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from noriba.aws.executions import Execution
    from noriba.aws.ledger import RolloutLock
    from noriba.client.session import Session


MOST_SHOWN = 50
_MOST_LOOKED_AT = 200


class NoRolloutError(NoribaError):
    """There is no rollout to stop, or no version to go back to."""


class UnderWayError(NoribaError):
    """A rollout or an experiment is under way that this would disturb."""


class Rollout(BaseModel):
    """One rollout, and how it ended."""

    model_config = ConfigDict(frozen=True)

    version: int
    status: str = Field(
        description="running, succeeded, failed, timed_out, aborted; skipped: there was nothing to do; or ended: an "
        "experiment"
    )
    started_at: datetime
    ended_at: datetime | None
    cause: str = Field(description="the approval, or who went back or tried a version, and why")
    plan: RolloutPlan | None = Field(description="None where it went straight to production")
    back: bool = Field(default=False, description="whether it was a way back, without a new approval")
    failure: str | None
    steps: tuple[RolloutStep, ...] = Field(description="the stages that it entered, and the verdicts on them")
    model_package_arn: str
    execution: str

    @property
    def is_experiment(self) -> bool:
        """Whether its version is only tried."""
        return self.plan is not None and self.plan.is_experiment

    @property
    def reached_production(self) -> bool:
        """Whether its version became the champion, even if its execution failed then; one skipped succeeds, too."""
        # Until this was kept, it was so where the execution succeeded.
        succeeded = self.status == "succeeded"
        return any(step.stage == "production" and (step.serves or succeeded) for step in self.steps)


def list_rollouts(session: Session, *, most: int = MOST_SHOWN) -> list[Rollout]:
    """The use case's newest rollouts, the newest first; Step Functions forgets them after 90 days."""
    return list(islice(iterate_rollouts(session), most))


def iterate_rollouts(session: Session) -> Iterator[Rollout]:
    """The use case's, the newest first; those of others are among the executions that are looked at."""
    for execution in session.history("rollout").list_newest(_MOST_LOOKED_AT):
        described = describe_rollout(session, execution)
        if described is not None:
            yield described


def list_under_way(session: Session) -> list[Rollout]:
    """The use case's rollouts and experiments that run, or wait for the one before to end; the newest first."""
    running = session.history("rollout").list_running()
    described = (describe_rollout(session, execution) for execution in running)
    return [rollout for rollout in described if rollout is not None]


def find_promotion(session: Session) -> Rollout | None:
    """The newest rollout under way whose version is to take the champion's place."""
    return next((rollout for rollout in list_under_way(session) if not rollout.is_experiment), None)


def find_running(session: Session) -> tuple[RolloutLock, Execution] | None:
    """The rollout that holds the lock, and runs; None when none does."""
    lock = session.ledger.read_rollout()
    history = session.history("rollout")
    execution = None if lock is None else history.look_up(lock.execution)
    if lock is None or execution is None or not execution.is_running:
        return None
    return lock, execution


def read_running(session: Session) -> tuple[RolloutLock, Execution]:
    """The rollout that holds the lock, and runs.

    Raises:
        NoRolloutError: none does.
    """
    running = find_running(session)
    if running is None:
        raise NoRolloutError(f"no rollout of {session.use_case_name} is under way")
    return running


def leave_out_abandoned(served: Iterable[Rollout]) -> Iterator[int]:
    """Versions that were in production, the newest first, without those that a way back has left.

    A way back leaves all that came after the version that it went to: those are no steps back from there.
    """
    sought: int | None = None
    for rollout in served:
        if sought in {None, rollout.version}:
            yield rollout.version
            sought = rollout.version if rollout.back else None


def describe_rollout(session: Session, execution: Execution) -> Rollout | None:
    """What a rollout was; None for another use case's, or one that somebody started with something else."""
    failure = ": ".join(execution.read_failure()) if execution.failed else None
    try:
        given: dict[str, Any] = json.loads(execution.given)
        if given["use_case"] != session.use_case_name:
            return None
        steps = tuple(session.ledger.list_steps(execution.arn))
        # The approval was withdrawn, or told a second time.
        skipped = execution.status == "SUCCEEDED" and not steps
        plan = RolloutPlan.model_validate(given["plan"]) if "plan" in given else None
        reached = any(step.stage == "production" for step in steps)
        ended = execution.status == "SUCCEEDED" and plan is not None and plan.is_experiment and not reached
        return Rollout(
            version=int(given["version"]),
            status="skipped" if skipped else "ended" if ended else execution.status.lower(),
            started_at=execution.started_at,
            ended_at=execution.ended_at,
            cause=_say_why(given),
            plan=plan,
            back="rollback" in given,
            failure=failure,
            steps=steps,
            model_package_arn=given["model_package_arn"],
            execution=execution.arn,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _say_why(given: Mapping[str, Any]) -> str:
    for name, word in (("rollback", "back"), ("experiment", "experiment")):
        if name in given:
            return f"{word}, by {given[name]['by']}: {given[name]['reason']}"
    return "approval"
