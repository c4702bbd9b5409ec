"""Recorded rides: one CSV or Parquet table, a ride a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.datasets.sources import Reading, Source
from noriba.datasets.table_reader import Header, TableReader, simplify
from usecases.scooter_energy.words import MODES, SCOOTERS, SURFACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_NEEDED = ("started_at", "scooter", "surface", "mode", "distance_km", "energy_kwh")


@dataclass(frozen=True)
class RideSource:
    """The fleet's own table; `rider_kg` and `temperature_c` may be missing."""

    name: str = "scooter rides"

    def recognises(self, header: Sequence[str]) -> bool:
        """By its label."""
        return Header.of(header).find([simplify("energy_kwh")]) is not None

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """What every ride needs."""
        found = Header.of(header)
        missing = [name for name in _NEEDED if found.find([simplify(name)]) is None]
        return missing + found.find_ambiguous(simplify(name) for name in _NEEDED)

    def read(self, table: pa.Table, *, object_key: str) -> Reading:  # noqa: ARG002  # the table says all
        """Words as numbers, times as seconds."""
        reader = TableReader(table, Header.of(table.column_names))
        columns = {
            "started_at_s": reader.instant("started_at"),
            "scooter": reader.word("scooter", SCOOTERS),
            "surface": reader.word("surface", SURFACES),
            "mode": reader.word("mode", MODES),
            **{
                name: reader.number([simplify(name)])
                for name in ("distance_km", "rider_kg", "temperature_c", "energy_kwh")
            },
        }
        return Reading(columns, reader.faults)


SOURCES: tuple[Source, ...] = (RideSource(),)
