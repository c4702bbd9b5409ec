"""What is said of why a prediction was made."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Effect(BaseModel):
    """What one column added to a median, in the label's unit."""

    model_config = ConfigDict(frozen=True)

    feature: str
    value: float | None
    amount: float
    text: str


class Answered(BaseModel):
    """One candidate, as a model was asked and answered. Its numbers are None where that was no answer."""

    model_config = ConfigDict(frozen=True)

    candidate_id: str | None
    low: float | None
    value: float | None
    high: float | None
    features: dict[str, float | None] = Field(description="by identity, name@hash; None for what was not known")
    inputs: dict[str, float | None] = Field(description="that features were computed from, where they were captured")
    base: float | None = Field(description="what the model answers when nothing is known; None without contributions")
    contributions: tuple[Effect, ...] = Field(
        description="all of them, the largest first; last, without a name, what a model does not tell apart. "
        "They add up to value − base"
    )
    reasons: tuple[str, ...] = Field(description="why the model doubts its answer")
    outcome: float | None
    observed_at: datetime | None
    error: float | None = Field(description="value − outcome")
    metrics: dict[str, float] = Field(description="what the business made of it")


class Origin(BaseModel):
    """Where a model came from."""

    model_config = ConfigDict(frozen=True)

    model_package_arn: str
    snapshot_id: str | None
    code_digest: str | None
    bundle_digest: str | None
    training_job_arn: str | None
    status: str
    note: str | None = Field(description="of whoever approved it, and who that was")
    changed_at: datetime | None = Field(
        description="when the registry's entry last was; of an approved one, mostly that"
    )
    changed_by: str | None = Field(description="by whom, where the registry says so")


class VersionAnswer(BaseModel):
    """What one model version made of the request; a challenger in the shadow is asked as well."""

    model_config = ConfigDict(frozen=True)

    model_version: int
    claimed_coverage: float | None
    origin: Origin | None = Field(description="None where the registry has it no more")
    unexplained: str | None = Field(description="why there are no contributions; None where there are")
    candidates: tuple[Answered, ...]


class Why(BaseModel):
    """One prediction."""

    model_config = ConfigDict(frozen=True)

    prediction_id: str
    use_case: str
    unit: str
    answered_at: datetime
    versions: tuple[VersionAnswer, ...]
