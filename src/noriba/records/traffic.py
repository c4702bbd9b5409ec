"""Traffic that becomes training rows: where a day of it lands, in which columns, and what is said of gathering it."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

SOURCE = "captured traffic"
"""What snapshots call the source of such rows."""
RECEIPTS = "gathered/"
"""Where it stands which days were looked at, in the bucket of observations."""

LookName: TypeAlias = Literal["first", "last"]
"""When most outcomes are there; and when no later ones are waited for."""


class GatherTask(BaseModel):
    """Gather what is due; the clock names nothing.

    Attributes:
        use_case: which one; all when None.
        day: this day as it stands now, over or not, whether it was looked at or not; of that use case.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    use_case: str | None = None
    day: date | None = None

    @model_validator(mode="after")
    def _name_both(self) -> Self:
        if self.day is not None and self.use_case is None:
            raise ValueError("day needs use_case: name the one whose day is meant")
        return self


class GatheredDay(BaseModel):
    """What a UTC day of predictions came to."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    day: date
    rows: int = Field(default=0, description="with their outcome, as they stand in the object")
    written: bool = Field(default=False, description="whether the object was written; not when it said so already")
    erased: bool = Field(default=False, description="whether its object was erased: such a day is left alone")
    without_outcome: int = Field(default=0, description="answers whose outcome nobody reported")
    without_inputs: int = Field(default=0, description="captured without all the inputs that are declared now")
    contradicted: int = Field(default=0, description="answers with different outcomes; the last observed counts")
    not_begun: int = Field(default=0, description="rows that say to begin later than their outcome was observed")
    left_out: int = Field(default=0, description="rows over a day's most, and outcomes over what fits into memory")


class GatherReport(BaseModel):
    """What was gathered; `done` says whether nothing is left that was due."""

    model_config = ConfigDict(frozen=True)

    done: bool
    days: tuple[GatheredDay, ...] = ()


def name_folder(use_case: str) -> str:
    """The prefix in the raw bucket under which a use case's traffic lands."""
    return f"{use_case}/traffic/"


def name_day(use_case: str, day: date) -> str:
    """The key of a day's one object in the raw bucket: gathered again, it is written over."""
    return f"{name_folder(use_case)}day={day:%Y-%m-%d}.parquet"


def name_receipts(use_case: str) -> str:
    """The prefix of a use case's receipts."""
    return f"{RECEIPTS}use_case={use_case}/"


def name_receipt(use_case: str, day: date, look: LookName) -> str:
    """Where it stands that a day was looked at, and what it came to."""
    return f"{name_receipts(use_case)}day={day:%Y-%m-%d}/{look}.json"


def name_attempt(use_case: str, day: date, look: LookName) -> str:
    """Where it stands that a look was begun; without a receipt beside it, it has failed or is under way."""
    return f"{name_receipts(use_case)}day={day:%Y-%m-%d}/{look}.begun"
