"""What evaluation found about a model on a hold-out: the evidence that gates and approvers read."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

WINDOW_FILE = "window.json"
"""Of a bundle: a `WindowEvidence`."""


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


class WindowTrial(BaseModel):
    """A window that was tried: how wrong a small model was that learned from it, on rows after all that it saw."""

    model_config = ConfigDict(frozen=True)

    window: str
    rows: int
    mae: float | None = Field(default=None, description="None where it has too few rows to be tried")
    clearly_better: bool = Field(default=False, description="than the first one, beyond the margin and beyond chance")


class WindowEvidence(BaseModel):
    """Which part of the past a model learned from, and what that was chosen by; no trials where nothing was to choose.

    The trials were judged on the rows of calibration, which come before those of the hold-out.
    """

    model_config = ConfigDict(frozen=True)

    window: str
    rows: int
    first_s: float
    last_s: float
    trials: tuple[WindowTrial, ...] = ()
    judged_rows: int = 0

    @property
    def label(self) -> str:
        """In a few words, of characters that a package's metadata may hold.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
        """
        return f"{self.window}: {self.rows} rows since {datetime.fromtimestamp(self.first_s, UTC).date().isoformat()}"

    @property
    def summary(self) -> str:
        """In one line, with the trials."""
        tried = ", ".join(
            f"{trial.window} {'too few rows' if trial.mae is None else format(trial.mae, '.4g')}"
            for trial in self.trials
        )
        return f"{self.label}; MAE of trials on {self.judged_rows} later rows: {tried}" if tried else self.label


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
    window: WindowEvidence | None = Field(default=None, description="what it learned from; None in older bundles")
    stretches: bool = Field(
        default=False, description="whether this container stretches intervals when asked to; older ones do not"
    )
