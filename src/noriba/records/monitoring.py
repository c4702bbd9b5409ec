"""What the monitor found: a report for each look, and the latest one for whoever asks."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.timestamps import UtcTimestamp

REPORTS = "reports/"
"""The folder of reports, in the bucket of observations."""
ERRORS, COUNTS = "errors", "counts"
"""Names of the monitor's two queries: how far answers were off, and what was asked."""

Kind: TypeAlias = Literal["accuracy", "coverage", "drift", "quality", "outcomes"]


class Finding(BaseModel):
    """One question, and its answer.

    Attributes:
        kind: what was asked: whether errors have grown, whether intervals still hold what they claim, whether requests
            have changed, whether features are missing, whether outcomes come.
        verdict: `unknown` where there is not enough data to say.
        reason: in words, with the part of the traffic that it is about.
        since: of what has changed, the day from which on it has been so: where days are compared, the first odd one;
            else that of the look that found it first. None where no report tells that look any more.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    verdict: Literal["steady", "changed", "unknown"]
    reason: str
    since: date | None = None


class PartNumbers(BaseModel):
    """One part of the traffic in numbers, in the label's unit; None where no outcome is known.

    Attributes:
        part: "" for all of it, or `slice: label`.
        answered: rows that were answered.
        with_outcome: those whose outcome is known.
        mae: mean absolute error of the median.
        expected_mae: what it was on the hold-out, of the same part; None where evaluation did not look at it.
        bias: mean of answer less outcome.
        p90: nine in ten errors are smaller, within 9 %.
        close: the share of errors that the use case calls close.
        coverage: the share of outcomes within the interval, of those that are not implausible.
        claimed_coverage: what the model claims it to be.
        mean_width: of the intervals.
        estimated_mae: the hold-out's error, in proportion to how much wider intervals are now. It needs no outcome,
            but for those that stretched them, and is only as good as the model's own doubts.
    """

    model_config = ConfigDict(frozen=True)

    part: str
    answered: int
    with_outcome: int
    mae: float | None
    expected_mae: float | None
    bias: float | None
    p90: float | None
    close: float | None
    coverage: float | None
    claimed_coverage: float | None
    mean_width: float
    estimated_mae: float | None


class MonitoringReport(BaseModel):
    """One look at the model in production."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    unit: str
    model_version: int
    since: UtcTimestamp
    until: UtcTimestamp
    parts: tuple[PartNumbers, ...] = Field(description="all of the traffic first; answers of this version alone")
    findings: tuple[Finding, ...]
    standing: dict[Kind, Literal["steady", "changed"]] = Field(
        default={}, description="the last answers that were known, which stand until there is another"
    )
    stretch: float = Field(default=1.0, description="of intervals from now on, as the hours until then demand it")


def name_latest_report(use_case: str) -> str:
    """The key of the newest report."""
    return f"{REPORTS}use_case={use_case}/latest.json"
