"""Which part of the past a model learns from: policies that a use case may let compete."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class _Window(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AllRows(_Window):
    """Everything, alike."""

    kind: Literal["all"] = "all"

    @property
    def name(self) -> str:
        """In words."""
        return "all rows"


class LastDays(_Window):
    """The latest rows alone."""

    kind: Literal["last_days"] = "last_days"
    days: float = Field(gt=0, description="before the latest row to learn from")

    @property
    def name(self) -> str:
        """In words."""
        return f"last {self.days:g} days"


class RecentFirst(_Window):
    """Everything, and old rows count for less."""

    kind: Literal["recent_first"] = "recent_first"
    half_life_days: float = Field(gt=0, description="a row so much older counts half")

    @property
    def name(self) -> str:
        """In words."""
        return f"half-life {self.half_life_days:g} days"


class SinceChange(_Window):
    """What came after the last day on which labels changed beside what the baseline expects; all rows without one."""

    kind: Literal["since_change"] = "since_change"
    min_days: int = Field(default=14, gt=0, description="of a stretch between two changes, and so of the window")

    @property
    def name(self) -> str:
        """In words."""
        return "since the last change"


Window: TypeAlias = Annotated[AllRows | LastDays | RecentFirst | SinceChange, Field(discriminator="kind")]
ALL_ROWS = AllRows()
