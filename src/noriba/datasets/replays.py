"""Recorded rows for a replay: read as they would be for training, and of each day an even share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.sources import choose_source
from noriba.datasets.validation import validate_rows
from noriba.features.columns import take_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.datasets.raw import BinaryFile, Rows
    from noriba.datasets.sources import Source
    from noriba.features import Column
    from noriba.usecase import UseCase

DAY_S = 86_400


@dataclass(frozen=True)
class RecordedFile:
    """A raw file's rows that broke no rule.

    Attributes:
        columns: their input columns and label.
        raw: the same rows as they stand in the file.
    """

    columns: dict[str, Column]
    raw: pa.Table

    def take(self, rows: np.ndarray) -> RecordedFile:
        """Some of the rows (a mask or indices)."""
        return RecordedFile(take_rows(self.columns, rows), self.raw.take(pa.array(np.arange(self.raw.num_rows)[rows])))


def read_recorded(
    file: BinaryFile, *, size: int, name: str, use_case: UseCase, sources: Sequence[Source]
) -> RecordedFile:
    """Read a raw file whole, as an ingest would; rows that break a rule are left out.

    Args:
        file: Parquet or CSV.
        size: in bytes.
        name: of the file; sources may read a month in it.
        use_case: whose rules.
        sources: kinds of files that are known.

    Raises:
        RefusedObjectError: it cannot be read, is of no known kind, or lacks a column.
    """
    plan = plan_file(file, size=size)
    source = choose_source(sources, plan.header)
    columns: list[dict[str, Column]] = []
    raw: list[pa.Table] = []
    for chunk in plan.chunks:
        table = read_chunk(file, plan, chunk).table
        reading = source.read(table, object_key=name)
        kept = validate_rows(reading, use_case.data.rules).kept
        columns.append(take_rows(reading.columns, kept))
        raw.append(table.filter(pa.array(kept)))
    joined = {key: np.concatenate([part[key] for part in columns]) for key in columns[0]}
    return RecordedFile(joined, pa.concat_tables(raw))


def choose_rows(asked_at_s: Column, *, since_s: float, until_s: float, per_day: int, seed: int) -> Rows:
    """Of each UTC day an even share of its rows, in order of time; the same ones every time.

    A day's rows are divided into `per_day` stretches of equal numbers, but for one,, and one row is drawn of each.

    Args:
        asked_at_s: of each row, in seconds since 1970; of shape (n,), in any order.
        since_s: rows from then on.
        until_s: rows before then.
        per_day: rows at most; a day with fewer is taken whole.
        seed: not negative.

    Returns:
        Places of the chosen rows.
    """
    rows = np.flatnonzero((asked_at_s >= since_s) & (asked_at_s < until_s))
    rows = rows[np.argsort(asked_at_s[rows], kind="stable")]
    days = asked_at_s[rows] // DAY_S
    chosen = []
    for day in np.unique(days):
        of_day = rows[days == day]
        if len(of_day) > per_day:
            # Whole numbers: stretches that shared a row could both draw it.
            edges = np.arange(per_day + 1) * len(of_day) // per_day
            draws = np.random.default_rng([seed, int(day)]).random(per_day)
            of_day = of_day[(edges[:-1] + draws * np.diff(edges)).astype(np.int64)]
        chosen.append(of_day)
    return np.concatenate(chosen) if chosen else rows
