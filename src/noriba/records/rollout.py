"""What a rollout is told to do, and what was found out about a challenger on the way."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.usecase import ComparisonPolicy, RolloutPolicy

RolloutStages: TypeAlias = Literal["full", "canary", "direct"]
"""Which stages between staging and production a deployment's rollouts have: both, no shadow, or none."""

ComparedStage: TypeAlias = Literal["shadow", "canary"]
"""Stages in which champion and challenger stand side by side."""


class Share(BaseModel):
    """One step of the canary: weights of the two variants, and how long they hold."""

    model_config = ConfigDict(frozen=True)

    challenger: int
    champion: int
    bake_s: int


class RolloutPlan(BaseModel):
    """A rollout's plan, in its execution's input: under which rules a model was promoted can be read there for good.

    Attributes:
        asked_by: an approval, which is taken once, or a person, as often as they ask.
        purpose: whether the challenger is to take the champion's place, or only to be met by some for a while.
        shadow_s: how long the shadow may last; 0 for none.
        min_shadow_s: how much time the outcomes of the shadow must span before a promotion.
        canary: the steps, in order.
        when_inconclusive: what becomes of the challenger when the shadow's time is up.
        when_newer: whether a newer approval takes its place, or waits; an experiment's place it takes in any case.
        max_error_share: requests that the challenger may fail more than the champion.
        max_latency_ratio: its mean time to answer over the champion's.
        comparison: what outcomes must show.
    """

    model_config = ConfigDict(frozen=True)

    asked_by: Literal["approval", "person"] = "approval"
    purpose: Literal["promotion", "experiment"] = "promotion"
    shadow_s: int
    min_shadow_s: float
    canary: tuple[Share, ...]
    when_inconclusive: Literal["promote", "reject", "lower_error"]
    when_newer: Literal["supersede", "queue"]
    max_error_share: float
    max_latency_ratio: float
    comparison: ComparisonPolicy

    @property
    def is_experiment(self) -> bool:
        """Whether its challenger is only tried."""
        return self.purpose == "experiment"

    @classmethod
    def of_experiment(cls, policy: RolloutPolicy, *, percent: int, lasts_s: int) -> Self:
        """The plan of an experiment: one step, at whose end production is the champion's again."""
        step = Share(challenger=percent, champion=100 - percent, bake_s=lasts_s)
        changes = {"asked_by": "person", "purpose": "experiment", "canary": (step,)}
        return cls.of(policy, stages="canary").model_copy(update=changes)

    @classmethod
    def of(cls, policy: RolloutPolicy, *, stages: RolloutStages) -> Self:
        """The plan of a use case's rollouts in a deployment that has these stages."""
        canary = policy.canary if stages != "direct" else ()
        return cls(
            shadow_s=round(policy.shadow_hours * 3600) if stages == "full" else 0,
            min_shadow_s=policy.min_shadow_hours * 3600,
            canary=tuple(
                Share(challenger=step.percent, champion=100 - step.percent, bake_s=max(1, round(step.minutes * 60)))
                for step in canary
            ),
            **policy.model_dump(exclude={"shadow_hours", "min_shadow_hours", "canary"}),
        )


DIRECT = RolloutPlan.of(RolloutPolicy(), stages="direct").model_copy(update={"asked_by": "person"})
"""After golden requests, production: for a way back to what served before."""


EXPERIMENT_ENDED = "ExperimentEnded"
"""What an experiment's last verdict bears in place of an error: production is given back, and nothing has failed."""


class ChallengerVerdict(BaseModel):
    """What a comparison came to, and on what evidence; the answer that a waiting rollout is given.

    Differences are the challenger's error less the champion's, in the label's unit: negative where it is better.
    """

    model_config = ConfigDict(frozen=True)

    decision: Literal["promote", "reject", "continue"]
    error: str | None = Field(default=None, description="the name under which a rejection, and it alone, is a failure")
    reason: str
    outcomes: int = 0
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    paused: bool = Field(default=False, description="whether its time is up, and a person has paused it")

    @property
    def rejects(self) -> bool:
        """Whether it says that the challenger is no good; an experiment that is over says nothing of it."""
        return self.decision == "reject" and self.error != EXPERIMENT_ENDED


class RolloutStep(BaseModel):
    """One stage of a rollout, as it is kept: when it began, and what was said of it."""

    model_config = ConfigDict(frozen=True)

    stage: str
    percent: int | None = None
    began_at: datetime
    verdict: ChallengerVerdict | None = None
    serves: bool = Field(default=False, description="of production: whether its model became the champion")

    def describe(self) -> str:
        """The stage, with the challenger's share where it has one."""
        return self.stage if self.percent is None else f"{self.stage}, {self.percent} % of the requests"


COMPARISONS = "comparisons/"
"""Where comparisons keep what they have counted, in the captures bucket."""


def name_comparison(endpoint: str, execution: str, stage: str, percent: int | None = None) -> str:
    """The key of what a comparison has counted so far, in the captures bucket.

    Args:
        endpoint: the production endpoint.
        execution: ARN of the rollout's execution.
        stage: of the rollout.
        percent: the challenger's share in this step of the canary. Each step counts for itself: errors follow the time
            of day, and over two steps together the side that had more of the bad hours would look worse.
    """
    step = stage if percent is None else f"{stage}-{percent}"
    return f"{COMPARISONS}{endpoint}/{execution.rpartition(':')[2]}/{step}.json"
