"""What makes data up: the module `simulator` of a use case, for demonstrations and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path


class Simulator(Protocol):
    """A module with these two functions."""

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
