"""Row by row: may it teach a model? Every reason against a row is kept; nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noriba.features.columns import row_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.datasets.sources import Fault, Reading
    from noriba.usecase import Mask, Rule


@dataclass(frozen=True)
class Verdict:
    """Which rows are kept, and what speaks against the others.

    Attributes:
        kept: one flag a row.
        broken: for each rule or fault that any row breaks, the rows; in the order in which reasons are given.
        remedies: what to do, by name.
    """

    kept: Mask
    broken: Mapping[str, Mask]
    remedies: Mapping[str, str]

    @property
    def counts(self) -> dict[str, int]:
        """Rows that break each rule. A row may break several, so these may add up to more than the rows refused."""
        return {name: int(rows.sum()) for name, rows in self.broken.items()}

    def explain(self, row: int) -> str:
        """All reasons against one row, with their remedies."""
        return "; ".join(f"{name}: {self.remedies[name]}" for name, rows in self.broken.items() if rows[row])

    def explain_all(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.DictionaryArray:
        """All reasons against each of these rows, which all have some.

        Rows with the same reasons share one text: a million of them would take a gigabyte.
        """
        flags = np.packbits([broken[rows] for broken in self.broken.values()], axis=0).T
        buffers = [None, pa.py_buffer(np.ascontiguousarray(flags))]
        alike = pa.FixedSizeBinaryArray.from_buffers(pa.binary(flags.shape[1]), len(rows), buffers).dictionary_encode()
        kinds = alike.indices.to_numpy()
        examples = np.zeros(len(alike.dictionary), dtype=np.int64)
        examples[kinds] = rows
        return pa.DictionaryArray.from_arrays(
            alike.indices, pa.array([self.explain(row) for row in examples.tolist()], pa.string())
        )


def validate_rows(reading: Reading, rules: Sequence[Rule]) -> Verdict:
    """Hold every row against the source's faults and the use case's rules."""
    kept = np.ones(row_count(reading.columns), dtype=np.bool_)
    broken: dict[str, Mask] = {}
    remedies: dict[str, str] = {}
    with np.errstate(all="ignore"):
        for name, remedy, rows in _list_violations(reading.faults, rules, reading):
            if rows.any():
                broken[name] = broken[name] | rows if name in broken else rows
                remedies[name] = remedy
                kept &= ~rows
    return Verdict(kept, broken, remedies)


def _list_violations(
    faults: Sequence[Fault], rules: Sequence[Rule], reading: Reading
) -> Sequence[tuple[str, str, Mask]]:
    return [
        *((fault.name, fault.remedy, fault.rows) for fault in faults),
        *((rule.name, rule.remedy, rule.broken_by(reading.columns)) for rule in rules),
    ]
