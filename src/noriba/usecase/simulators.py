"""What makes data up, and requests of recorded rows: the modules `simulator` and `observer` of a use case.

Both are for demonstrations, replays and tests, and may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from noriba.features import Columns
    from noriba.usecase.requests import PredictionRequest


@dataclass(frozen=True)
class Observation:
    """What an app would have asked, and what then happened.

    Attributes:
        request: the body of a prediction's request.
        asked_at: when it would have been asked.
        outcome: in the label's unit.
        observed_at: when that was known.
    """

    request: dict[str, Any]
    asked_at: datetime
    outcome: float
    observed_at: datetime

    def fits(self, request: type[PredictionRequest]) -> bool:
        """Whether an app may ask and report it: the API takes the request, and the outcome is one."""
        try:
            request.model_validate(self.request)
        except ValueError:
            return False
        return self.outcome > 0


class Simulator(Protocol):
    """A module with these three functions."""

    def simulate(self, rows: int, *, seed: int, first_day: date, days: int) -> Any:
        """Raw rows in a pyarrow table, as one of the use case's sources reads them; equal arguments give equal tables.

        Args:
            rows: how many.
            seed: not negative.
            first_day: on the use case's own calendar.
            days: over how many days the rows are spread.
        """

    def write_files(self, table: Any, folder: Path) -> Sequence[Path]:
        """The table as files to land; the folder is made where there is none. Equal tables give equal bytes."""

    def observe(self, table: Any) -> Iterator[Observation]:
        """The rows as an app meets them, one after the other; those that no app could have asked about are left out."""


class Observer(Protocol):
    """A module with this function."""

    def observe_rows(self, columns: Columns) -> Iterator[Observation]:
        """Recorded rows as an app would have asked about them, one after the other, none left out.

        Args:
            columns: input columns and label of rows that broke no rule.
        """
