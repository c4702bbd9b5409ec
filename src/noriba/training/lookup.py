"""Encoders asked for a single row: the same values as `FittedEncoders.encode`, by dictionaries instead of arrays.

A request is mostly one row, for which each of NumPy's calls costs more than all the looking up.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.training.encoders import FittedEncoders


@dataclass(frozen=True)
class _Encoder:
    """One encoder: for each key the places of its values, then the numbers of the groups that occurred."""

    name: str
    parent: str | None
    keys: tuple[tuple[str, Mapping[float, int]], ...]
    groups: Sequence[int]
    values: Sequence[float]

    def find(self, row: Mapping[str, float]) -> float | None:
        """The value of the row's group; None where it did not occur."""
        number = 0
        for key, places in self.keys:
            place = places.get(row[key])
            if place is None:
                return None
            number = number * len(places) + place
        place = bisect_left(self.groups, number)
        return self.values[place] if place < len(self.groups) and self.groups[place] == number else None


class RowEncoder:
    """A model's encoders, for one row at a time."""

    def __init__(self, encoders: FittedEncoders) -> None:
        self._overall = encoders.overall
        fitted = zip(encoders.specs, encoders.indexes, encoders.values, strict=True)
        self._encoders = tuple(
            _Encoder(
                spec.name,
                spec.parent,
                tuple(
                    (key, {value: place for place, value in enumerate(distinct.tolist())})
                    for key, distinct in zip(spec.keys, index.values, strict=True)
                ),
                index.groups.tolist(),
                values.tolist(),
            )
            for spec, index, values in fitted
        )

    def encode(self, row: Mapping[str, float], log_length: float) -> list[float]:
        """The typical logarithm of the label, an encoder each.

        Args:
            row: the features that encoders have as keys.
            log_length: as `measure_log_length` gives it.
        """
        typical: dict[str, float] = {}
        for encoder in self._encoders:
            found = encoder.find(row)
            if found is None:
                found = self._overall if encoder.parent is None else typical[encoder.parent]
            typical[encoder.name] = found
        return [value + log_length for value in typical.values()]
