"""What evaluation found about a model on a hold-out: the evidence that gates and approvers read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Metrics(BaseModel):
    """How good predictions were on some rows. Errors in the label's unit; for arrival times, seconds."""

    model_config = ConfigDict(frozen=True)

    rows: int = Field(gt=0)
    mae: float = Field(description="mean absolute error of the median")
    rmse: float = Field(description="root mean squared error of the median")
    rmsle: float = Field(description="root mean squared error of log(1 + value)")
    coverage: float | None = Field(default=None, description="share of outcomes within the interval, ends included")
    mean_width: float | None = Field(default=None, description="mean width of the interval")


class SliceEvidence(BaseModel):
    """One part of the traffic."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str
    candidate: Metrics
    champion: Metrics | None = None


class Evidence(BaseModel):
    """A candidate beside its champion and a naive baseline, on the same rows, none of which it has seen."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    snapshot_id: str
    holdout_first_s: float
    holdout_last_s: float
    claimed_coverage: float
    candidate: Metrics
    baseline: Metrics
    champion: Metrics | None = None
    champion_unavailable: str | None = Field(default=None, description="why the champion could not be evaluated here")
    slices: tuple[SliceEvidence, ...]
    latency_p95_ms: float = Field(description="95th percentile of a single-row answer in this container")
    feature_fingerprint: str = Field(description="of the definitions that the candidate reads")
    bundle_digest: str
    code_digest: str
