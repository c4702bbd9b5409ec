"""The report of a replay: days in numbers, and what the loop did meanwhile."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.timestamps import UtcTimestamp

EventKind: TypeAlias = Literal[
    "alarm_fired",
    "alarm_cleared",
    "finding",
    "decision",
    "candidate",
    "approval",
    "rollout_began",
    "rollout_ended",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplayedFile(_Record):
    """A file that rows were read from; another size is another file."""

    name: str
    bytes: int


class ReplaySettings(_Record):
    """What makes two replays the same: a report is gone on with by no other."""

    use_case: str
    api_url: str
    files: tuple[ReplayedFile, ...]
    first_day: date
    last_day: date
    per_day: int
    step_hours: int
    seed: int


class ReplayDay(_Record):
    """Rides that were asked about within one UTC day. Errors are of the median, in the label's unit.

    Attributes:
        n: rides that were answered.
        mae_s: mean absolute error of what production answered; None for a day without rides.
        bias_s: mean of answer less outcome.
        coverage: share of outcomes within the interval.
        model_version: that answered most of them.
        model_versions: how many each version answered.
        frozen_mae_s: what the first model would have been off.
    """

    date: date
    n: int
    mae_s: float | None
    bias_s: float | None
    coverage: float | None
    model_version: int | None
    model_versions: dict[int, int]
    frozen_mae_s: float | None
    frozen_bias_s: float | None


class ReplayEvent(_Record):
    """Something that the loop did, once.

    Attributes:
        key: what makes it this one; seen again, it is not told again.
        at: when; of a finding, until when the monitor had looked.
        about: the alarm, the version, the decision.
        text: what happened, in words.
        trained: of a decision, whether it was to train.
        cause: of a decision: the event that asked, or the alarm that did.
    """

    key: str
    at: UtcTimestamp
    kind: EventKind
    about: str
    text: str
    version: int | None = None
    trained: bool | None = None
    cause: str | None = None


class ReplayReport(_Record):
    """A replay, as far as it has come.

    Attributes:
        finished: whether all days are there.
        unit: of the errors.
        claimed_coverage: what intervals claim to hold.
        settings: see there.
        begun_at: by the replay's time.
        frozen_version: the model in production when it began, which goes on being asked beside.
        rows: those between the first day and the last one that broke no rule.
        chosen: of these, those that are asked about.
        asked: of these, those that were answered until now.
        failed: requests and outcomes that were not taken.
        failures: the first of them, in words.
        took_s: real seconds.
    """

    finished: bool
    unit: str
    claimed_coverage: float | None
    settings: ReplaySettings
    begun_at: UtcTimestamp
    frozen_version: int
    rows: int
    chosen: int
    asked: int
    failed: int
    failures: tuple[str, ...]
    took_s: float
    days: tuple[ReplayDay, ...]
    events: tuple[ReplayEvent, ...] = Field(description="in order of time")
