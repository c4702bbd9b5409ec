"""The numbers that people argue about: when to train, how, and what a candidate must show."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from noriba.usecase.traffic import TrafficPolicy
from noriba.usecase.windows import ALL_ROWS, Window


class RetrainingPolicy(BaseModel):
    """When new data are worth a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: int = Field(gt=0, description="fewer kept rows than this never train")
    min_new_rows_share: float = Field(ge=0, description="new rows over the rows last trained on")
    cooldown_s: float = Field(ge=0, description="seconds between the starts of two training runs")
    max_per_day: int = Field(gt=0, description="training runs begun within 24 hours, those asked for by hand too")
    lock_s: float = Field(gt=0, description="seconds after which a training run is considered abandoned")
    max_back_off_s: float = Field(
        default=86_400.0,
        ge=0,
        description="the longest wait after failed runs; each failure in a row doubles it, from the cooldown on",
    )
    max_quarantined_share: float = Field(
        default=0.3, gt=0, le=1, description="rows in quarantine over all that landed since the latest training"
    )
    min_later_rows: int = Field(
        default=1, ge=0, description="what an alarm asks for: rows later than all of the latest training's"
    )
    alarm_again_s: float = Field(
        default=86_400.0,
        gt=0,
        description="an alarm that stands so long after a training began, and the champion took over, asks for another",
    )


class GatePolicy(BaseModel):
    """What a candidate must show before it is offered to an approver."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_mae_to_baseline: float = Field(gt=0, description="MAE over the naive baseline's, on the same hold-out")
    max_mae_to_champion: float = Field(gt=0, description="MAE over the champion's, on the same hold-out")
    max_coverage_error: float = Field(gt=0, le=1, description="|coverage − claim| on the hold-out")
    max_slice_mae_to_champion: float = Field(gt=0, description="the same ratio in the worst slice")
    min_slice_rows: int = Field(gt=0, description="smaller slices are reported, and pass")
    max_latency_ms: float = Field(gt=0, description="95th percentile of one single-row answer inside the container")


class ComparisonPolicy(BaseModel):
    """What outcomes must show of a challenger before it takes the champion's place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="probability that an equal challenger is promoted or rejected, ever"
    )
    margin: float = Field(
        default=0.0, description="promoted when its error is larger by less than this share of the champion's"
    )
    slice_margin: float = Field(
        default=0.05, ge=0, description="rejected when in a slice it is larger by more than this share"
    )
    min_outcomes: int = Field(default=500, gt=0, description="no decision on fewer")
    min_slice_outcomes: int = Field(default=500, gt=0, description="smaller slices are not looked at")
    tuned_for: int = Field(
        default=5_000, gt=0, description="outcomes at which the bounds are tightest; any are allowed"
    )


class CanaryStep(BaseModel):
    """A share of the requests that the challenger answers in production, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: int = Field(gt=0, lt=100, description="of the requests, to the challenger")
    minutes: float = Field(gt=0, description="how long, unless something speaks against it before")


class RolloutPolicy(BaseModel):
    """How an approved model takes the champion's place: in the shadow, then with a growing share of the requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shadow_hours: float = Field(
        default=72, ge=0, le=24 * 14, description="how long the shadow waits for a clear answer; 0: no shadow"
    )
    min_shadow_hours: float = Field(
        default=24, ge=0, description="outcomes must span so much time before a promotion: a day has its night"
    )
    canary: tuple[CanaryStep, ...] = Field(
        default=(CanaryStep(percent=10, minutes=15), CanaryStep(percent=50, minutes=15)),
        description="shares of the requests, one after the other; none: all at once",
    )
    when_inconclusive: Literal["promote", "reject", "lower_error"] = Field(
        default="reject",
        description="what becomes of a challenger when the shadow's time is up without an answer; by lower_error it is "
        "promoted where it was closer on the whole, over enough outcomes of enough hours",
    )
    when_newer: Literal["supersede", "queue"] = Field(
        default="supersede",
        description="whether an approval takes the place of the rollout that is being compared, or waits for its end",
    )
    max_error_share: float = Field(
        default=0.01, ge=0, lt=1, description="requests that the challenger may fail more than the champion"
    )
    max_latency_ratio: float = Field(
        default=3.0, gt=1, description="the challenger's mean time to answer over the champion's"
    )
    comparison: ComparisonPolicy = ComparisonPolicy()

    @field_validator("canary")
    @classmethod
    def _grow(cls, steps: tuple[CanaryStep, ...]) -> tuple[CanaryStep, ...]:
        if any(later.percent <= earlier.percent for earlier, later in pairwise(steps)):
            raise ValueError("each step of the canary must have a larger share than the one before it")
        return steps

    @model_validator(mode="after")
    def _give_time(self) -> Self:
        if 0 < self.shadow_hours < self.min_shadow_hours:
            raise ValueError(
                f"shadow_hours of {self.shadow_hours:g} end before outcomes can span min_shadow_hours of "
                f"{self.min_shadow_hours:g}, so nothing would ever be promoted: raise shadow_hours, lower "
                "min_shadow_hours, or set shadow_hours to 0 for no shadow"
            )
        return self


class MonitoringPolicy(BaseModel):
    """When the model in production no longer does what it showed on its hold-out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_hours: int = Field(
        default=24, ge=12, le=24 * 7, description="how much is looked at together; best whole days"
    )
    truth_hours: int = Field(default=3, ge=0, le=48, description="after this time most outcomes have come")
    min_outcomes: int = Field(default=200, gt=0, description="no answer on fewer, of all or of a part of the traffic")
    alpha: float = Field(
        default=0.001, gt=0, lt=0.5, description="probability that a look at a model at its limit calls it changed"
    )
    max_error_ratio: float = Field(default=1.15, ge=1, description="MAE over that of the hold-out")
    max_lean: float = Field(
        default=0.16, gt=0, lt=1, description="|share of answers too high - share too low|; of medians, 0 is expected"
    )
    max_part_error_ratio: float = Field(default=1.5, ge=1, description="the same in the worst part of the traffic")
    max_coverage_gap: float = Field(default=0.05, gt=0, lt=1, description="|coverage - claim|")
    drift_alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="share of days like those of training that may be called drifted"
    )
    max_unknown_gain: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="share of requests in which a feature may be missing more than in training",
    )
    min_outcome_share: float = Field(default=0.01, ge=0, lt=1, description="answers that must get an outcome in time")
    implausible_ratio: float = Field(
        default=20.0, gt=1, description="errors of so many times the hold-out's are taken for an app's nonsense"
    )
    stretch_gain: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="how quickly intervals follow outcomes between trainings, an hour; 0: not at all",
    )
    stretch_prior: float = Field(
        default=30.0, gt=0, description="outcomes at which an hour counts for half as much as one of many more"
    )
    close_to: float | None = Field(
        default=None,
        gt=0,
        description="errors within this are called close, in the label's unit; half the hold-out's MAE",
    )


class HumilityPolicy(BaseModel):
    """When a prediction says of itself that it may not be relied on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beyond_range: float = Field(
        default=0.05, ge=0, description="how far a feature may lie outside what training saw, as a share of its range"
    )
    unseen_groups: bool = Field(
        default=False,
        description="whether a combination of keys that training never saw is a reason; a single value always is",
    )
    wider_than: float = Field(
        default=0.99,
        gt=0,
        le=1,
        description="the share of training's calibration rows whose interval, over the median, may be narrower",
    )
    max_relative_width: float | None = Field(
        default=None, gt=0, description="an interval may be so wide over the median; None for whatever is usual"
    )


class TrainingPolicy(BaseModel):
    """How rows are split, and the model's shape; every number may be overridden by a hyper-parameter of a job.

    Of several `windows` the first is what is learned from unless another does better in a trial (ADR 37).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibration_share: float = Field(gt=0, lt=0.5)
    holdout_share: float = Field(gt=0, lt=0.5)
    judged_days: float | None = Field(
        default=7,
        gt=0,
        description="calibration and hold-out take at most so many days each, if these have rows enough: no model "
        "learns from the hold-out, and from calibration the median alone. A week has all its days; by shares alone "
        "when None",
    )
    quantiles: tuple[float, float, float] = (0.1, 0.5, 0.9)
    trees: int = Field(gt=0)
    leaves: int = Field(gt=1)
    min_leaf_rows: int = Field(gt=0)
    learning_rate: float = Field(gt=0, le=1)
    seed: int = 20_260_101
    windows: tuple[Window, ...] = Field(default=(ALL_ROWS,), min_length=1, description="tried when there are several")
    window_margin: float = Field(
        default=0.005, ge=0, lt=1, description="share by which a window's error must be below the first one's"
    )
    trial_trees: int = Field(default=40, gt=0, description="trees of the median that a window is tried with")

    @field_validator("windows")
    @classmethod
    def _differ(cls, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        if len(set(windows)) < len(windows):
            raise ValueError("a window stands there twice; leave one out")
        return windows


@dataclass(frozen=True)
class Policies:
    """All of a use case's; without humility, no prediction doubts itself."""

    training: TrainingPolicy
    gates: GatePolicy
    retraining: RetrainingPolicy
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    monitoring: MonitoringPolicy = field(default_factory=MonitoringPolicy)
    humility: HumilityPolicy | None = field(default_factory=HumilityPolicy)
    traffic: TrafficPolicy = field(default_factory=TrafficPolicy)
