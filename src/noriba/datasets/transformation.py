"""One chunk, transformed: raw rows in; model-ready columns and quarantined rows out, and counts that add up."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noriba.datasets.validation import validate_rows
from noriba.features.columns import take_rows
from noriba.usecase import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.datasets.raw import RawRows, Rows
    from noriba.datasets.sources import Source
    from noriba.datasets.validation import Verdict
    from noriba.usecase import UseCase

BROKEN_LINE = "broken_line"
IN_THE_FUTURE = "in_the_future"
ROWS_AT_ONCE = 2**16
"""Rows validated together: what validating takes, some hundred bytes a row, then does not grow with the chunk."""
EXPLANATION = ("_row", "_reasons", "_text")
"""Columns that a quarantined row has besides its own."""


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


def transform_chunk(
    raw: RawRows, source: Source, use_case: UseCase, *, object_key: str, latest_s: float = math.inf
) -> TransformedChunk:
    """Read, validate and compute the features of one chunk.

    Args:
        raw: its rows.
        source: how they are read.
        use_case: its rules and features.
        object_key: of the file.
        latest_s: rows whose event time is later are of the future, and are quarantined; seconds since 1970.
    """
    rules = (*use_case.data.rules, _forbid_future(use_case.data.event_time, latest_s))
    kept, refused, reasons = [], [], Counter[str]()
    for start in range(0, raw.table.num_rows, ROWS_AT_ONCE):
        table = raw.table.slice(start, ROWS_AT_ONCE)
        reading = source.read(table, object_key=object_key)
        verdict = validate_rows(reading, rules)
        reasons.update(verdict.counts)
        if verdict.kept.any():
            columns = use_case.complete(take_rows(reading.columns, verdict.kept))
            kept.append(pa.table({**columns, **use_case.features.compute(columns)}))
        if not verdict.kept.all():
            refused.append(_explain_rows(table, raw.row_numbers[start : start + ROWS_AT_ONCE], verdict))
    if raw.broken.num_rows:
        reasons[BROKEN_LINE] += raw.broken.num_rows
        refused.append(_explain_lines(raw.broken))
    return TransformedChunk(
        kept=pa.concat_tables(kept).combine_chunks() if kept else None,
        quarantine=_merge(refused) if refused else None,
        rows_read=raw.rows_read,
        reasons=dict(reasons),
    )


def _forbid_future(event_time: str, latest_s: float) -> Rule:
    """One row of years to come would stand last in every training, and what is last is what models are judged by."""
    remedy = (
        f"{event_time} is later than the time when the row landed; correct the date or the clock, and land it again"
    )
    return Rule(IN_THE_FUTURE, remedy, lambda rows: rows[event_time] > latest_s)


def _explain_rows(table: pa.Table, row_numbers: Rows, verdict: Verdict) -> pa.Table:
    rows = np.flatnonzero(~verdict.kept)
    refused = table.select([name for name in table.column_names if name not in EXPLANATION]).take(pa.array(rows))
    refused = refused.append_column("_row", pa.array(row_numbers[rows], pa.int64()))
    return refused.append_column("_reasons", verdict.explain_all(rows))


def _explain_lines(broken: pa.Table) -> pa.Table:
    problems = broken["problem"].combine_chunks()
    reasons = [f"{BROKEN_LINE}: {problem}" for problem in problems.dictionary.to_pylist()]
    explained = pa.DictionaryArray.from_arrays(problems.indices, pa.array(reasons, pa.string()))
    return pa.table({"_row": broken["row"], "_reasons": explained, "_text": broken["text"]})


def _merge(refused: Sequence[pa.Table]) -> pa.Table:
    """All of them, in the order of their rows."""
    if len(refused) == 1:
        return refused[0]
    merged = pa.concat_tables(refused, promote_options="default").unify_dictionaries()
    return merged.sort_by("_row")
