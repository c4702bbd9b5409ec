"""One chunk, transformed: raw rows in; model-ready columns and quarantined rows out, and counts that add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noriba.datasets.validation import judge_rows
from noriba.features.columns import take_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.datasets.chunks import RawRows
    from noriba.datasets.sources import Source
    from noriba.datasets.validation import Verdict
    from noriba.usecase import Mask, UseCase

BROKEN_LINE = "broken_line"
_EXPLANATION = ("_row", "_reasons", "_text")


@dataclass(frozen=True)
class TransformedChunk:
    """What became of a chunk.

    Attributes:
        kept: input columns, label and features of the rows that may teach; None when there is no such row.
        quarantine: the other rows as they came, with `_row` (place in the chunk, from 0), `_reasons` and `_text` (a
            line that fits no table); None when there is no such row. Columns of these names in the raw table, left
            from an earlier quarantine, give way.
        rows_read: all rows; rows_read = rows_kept + rows_quarantined.
        reasons: rows by reason; a row may have several.
    """

    kept: pa.Table | None
    quarantine: pa.Table | None
    rows_read: int
    reasons: Mapping[str, int]

    @property
    def rows_kept(self) -> int:
        """Rows that go into the snapshot."""
        return 0 if self.kept is None else int(self.kept.num_rows)

    @property
    def rows_quarantined(self) -> int:
        """Rows that wait for repair."""
        return 0 if self.quarantine is None else int(self.quarantine.num_rows)


def transform_chunk(raw: RawRows, source: Source, use_case: UseCase, *, object_key: str) -> TransformedChunk:
    """Read, judge and compute the features of one chunk."""
    if raw.table.num_rows == 0:
        return TransformedChunk(None, _quarantine(raw, None), raw.rows_read, _count_reasons(raw, None))
    reading = source.read(raw.table, object_key=object_key)
    verdict = judge_rows(reading, use_case.rules)
    kept = None
    if verdict.kept.any():
        columns = take_rows(reading.columns, verdict.kept)
        kept = pa.table({**columns, **use_case.features.compute(columns)})
    return TransformedChunk(kept, _quarantine(raw, verdict), raw.rows_read, _count_reasons(raw, verdict))


def _count_reasons(raw: RawRows, verdict: Verdict | None) -> dict[str, int]:
    counts = Counter(verdict.counts if verdict else {})
    if raw.broken:
        counts[BROKEN_LINE] += len(raw.broken)
    return dict(counts)


def _quarantine(raw: RawRows, verdict: Verdict | None) -> pa.Table | None:
    tables = []
    if verdict is not None and not verdict.kept.all():
        refused = ~verdict.kept
        tables.append(_explain_rows(raw, verdict, refused))
    if raw.broken:
        tables.append(
            pa.table(
                {
                    "_row": pa.array([line.row for line in raw.broken], pa.int64()),
                    "_reasons": [f"{BROKEN_LINE}: {line.problem}" for line in raw.broken],
                    "_text": [line.text for line in raw.broken],
                }
            )
        )
    return pa.concat_tables(tables, promote_options="default").sort_by("_row") if tables else None


def _explain_rows(raw: RawRows, verdict: Verdict, refused: Mask) -> pa.Table:
    rows = np.flatnonzero(refused)
    table = raw.table.select([name for name in raw.table.column_names if name not in _EXPLANATION])
    table = table.take(pa.array(rows))
    table = table.append_column("_row", pa.array(np.asarray(raw.row_numbers)[rows], pa.int64()))
    return table.append_column("_reasons", pa.array([verdict.explain(int(row)) for row in rows], pa.string()))
