"""How the rollout that is under way stands, and what its comparisons knew."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.objects import ObjectStore
from noriba.client.rollout_history import read_running
from noriba.records.names import name_endpoint, read_version
from noriba.records.rollout import RolloutStep, name_comparison
from noriba.rollout.pairing import Look, Tally

if TYPE_CHECKING:
    from noriba.client.session import Session


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


def _find_tally(session: Session, execution: str, stage: str, percent: int | None) -> Tally | None:
    endpoint = name_endpoint(session.use_case_name, prefix=session.prefix)
    captures = ObjectStore(session.at("rollout").s3, session.deployment.captures_bucket)
    found = captures.find(name_comparison(endpoint, execution, stage, percent))
    return None if found is None else Tally.model_validate_json(found)
