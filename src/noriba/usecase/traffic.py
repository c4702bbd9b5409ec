"""Which of the traffic in production becomes training rows."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LINEAGE = ("prediction_id", "candidate_id", "model_version")
"""Columns of captured traffic that say where a row is from; none of the use case's own has such a name."""
MOST_ROWS = 500_000
"""Of a day: as many as the function that gathers them holds in memory."""


class TrafficPolicy(BaseModel):
    """Predictions whose outcomes are known become rows of the next snapshot, a day of them in one object.

    A day is gathered twice: when most outcomes are there, and once more for those that came late.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gather: bool = Field(default=True, description="whether traffic is gathered at all")
    wait_hours: float = Field(default=6, ge=0, description="after a day is over, before its rows are taken")
    late_hours: float = Field(
        default=72, gt=0, description="after a day is over, when they are taken for the last time"
    )
    max_rows_per_day: int = Field(
        default=100_000, gt=0, le=MOST_ROWS, description="of more, so many are drawn, always the same ones"
    )

    @model_validator(mode="after")
    def _wait_less_than_last(self) -> Self:
        if self.wait_hours >= self.late_hours:
            raise ValueError("late_hours must be more than wait_hours; the second look comes after the first")
        return self
