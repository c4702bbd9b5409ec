"""Captured traffic as a raw file: one format for every use case, because it holds what the use case declares.

It is what GATHER lands. Rows that were quarantined may be repaired and landed again in the same columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.datasets.raw import list_names
from noriba.datasets.sources import Reading, Source, choose_source, load_sources
from noriba.datasets.table_reader import Header, TableReader
from noriba.datasets.transformation import EXPLANATION
from noriba.errors import RefusedObjectError
from noriba.records.traffic import SOURCE, name_folder
from noriba.usecase import LINEAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from noriba.usecase import UseCase


@dataclass(frozen=True)
class TrafficSource:
    """A use case's own input columns and label, as requests and outcomes brought them."""

    use_case: UseCase
    name: str = SOURCE

    def recognises(self, header: Sequence[str]) -> bool:
        """By the columns that say where a row is from."""
        return set(LINEAGE) <= set(header)

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """Every column, and no other: one that is not known might be an input under an earlier name."""
        missing = [name for name in (*self._values, *LINEAGE) if name not in header]
        known = {*self._values, *LINEAGE, *EXPLANATION}
        if extra := [name for name in header if name not in known]:
            # Where most are unknown, the header may be a row with times and places.
            named = list_names(extra) if 2 * len(extra) <= len(header) else f"{len(extra):,} other columns"
            missing.append(f"to be without {named}, which {self.use_case.name} does not declare")
        return missing

    def read(self, table: pa.Table, *, object_key: str) -> Reading:  # noqa: ARG002  # the table says all
        """The columns as they stand; the rules judge them like any others."""
        # By their exact names: two inputs may differ by an underscore.
        reader = TableReader(table, Header({name: [name] for name in table.column_names}))
        return Reading({name: reader.number([name]) for name in self._values}, reader.faults)

    @property
    def _values(self) -> tuple[str, ...]:
        return (*self.use_case.features.inputs, self.use_case.data.label)


def find_source(use_case: UseCase, header: Sequence[str], *, object_key: str) -> Source:
    """What reads a landed file: captured traffic by its place or its columns, anything else the use case's sources.

    Raises:
        RefusedObjectError: nothing does, or a column is missing or too many; the message names it.
    """
    traffic = TrafficSource(use_case)
    # First: a use case's own source may go by the label's name alone.
    if traffic.recognises(header):
        return choose_source([traffic], header)
    place = name_folder(use_case.name)
    if object_key.startswith(place):
        missing = "; ".join(traffic.find_missing(header))
        raise RefusedObjectError(
            f"under {place} lies {SOURCE} alone, which needs {missing}; land other files beside that folder"
        )
    return choose_source(load_sources(use_case), header)
