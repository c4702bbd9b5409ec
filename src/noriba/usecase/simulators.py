"""What makes data up: the module `simulator` of a use case, for demonstrations and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime
    from pathlib import Path


@dataclass(frozen=True)
class Observation:
    """What an app would have asked, and what then happened.

    Attributes:
        request: the body of a prediction's request.
        outcome: in the label's unit.
        observed_at: when that was known.
    """

    request: dict[str, Any]
    outcome: float
    observed_at: datetime


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
