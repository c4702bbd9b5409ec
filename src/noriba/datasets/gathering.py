"""A day of predictions, joined to their outcomes: rows of input columns and label, as a source reads them.

A prediction's id is told with an answer of production alone, so what has an outcome was answered there; a shadow's
answer to the same request is the same row, and is taken once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noriba.datasets.last_words import hash_name, name_rows
from noriba.events import CLOCK_SKEW
from noriba.timestamps import begin_day, to_microseconds
from noriba.usecase import LINEAGE

if TYPE_CHECKING:
    from datetime import date

    from noriba.datasets.last_words import LastWords
    from noriba.usecase import UseCase

_NAME, _ANSWERED = "name", "answered_at_us"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class GatheredRows:
    """What a day came to.

    Attributes:
        table: input columns, label and lineage, in the order in which they were answered; None where there is no row.
        without_outcome: answers that nobody reported on.
        without_inputs: answers with an outcome that were captured without all the inputs that are declared now.
        contradicted: answers with different outcomes.
        not_begun: rows that say to begin later than their outcome was observed.
        left_out: rows over the most that a day may have, and reports over what fits into memory.
    """

    table: pa.Table | None
    without_outcome: int
    without_inputs: int
    contradicted: int
    not_begun: int
    left_out: int


def bound_day(day: date) -> tuple[datetime, datetime]:
    """When a UTC day begins, and when it is over."""
    begin = begin_day(day)
    return begin, begin + _DAY


class DayGathering:
    """A day of a use case's predictions, an hour's file after the other.

    Args:
        use_case: whose inputs and label are wanted.
        day: in UTC, by when predictions were answered.
        words: what outcomes say of them in the end.
    """

    def __init__(self, use_case: UseCase, day: date, words: LastWords) -> None:
        self._use_case, self._words = use_case, words
        self._begin_us, self._end_us = map(to_microseconds, bound_day(day))
        self._names = pa.array(words.names, pa.string())
        self._answered = self._without_inputs = 0
        self._found: list[pa.Table] = []

    def add(self, predictions: pa.Table) -> None:
        """Take what has an outcome.

        Args:
            predictions: rows of the table of predictions; a file of an earlier version has no column of inputs.
        """
        moment = pc.field(_ANSWERED)
        in_day = (moment >= self._begin_us) & (moment < self._end_us)
        answered = predictions.filter(in_day & pc.field("prediction_id").is_valid() & pc.field("value").is_valid())
        names = name_rows(answered)
        self._answered += pc.count_distinct(names).as_py()
        known = answered.append_column(_NAME, names).filter(pc.is_in(names, value_set=self._names))
        if known.num_rows:
            self._found.append(self._spread(known))

    def finish(self) -> GatheredRows:
        """All that was taken, each prediction and candidate once."""
        if not self._found:
            return GatheredRows(None, self._answered, 0, 0, 0, self._words.left_out)
        found = _take_once(pa.concat_tables(self._found))
        names = found[_NAME].to_pylist()
        whole = found.filter(found["whole"])
        begun = self._take_begun(whole)
        drawn = _draw(begun, self._use_case.policies.traffic.max_rows_per_day)
        return GatheredRows(
            self._label(drawn) if drawn.num_rows else None,
            without_outcome=self._answered - len(names),
            without_inputs=found.num_rows - whole.num_rows,
            contradicted=self._words.count_contradicted(names),
            not_begun=whole.num_rows - begun.num_rows,
            left_out=begun.num_rows - drawn.num_rows + self._words.left_out,
        )

    def _spread(self, known: pa.Table) -> pa.Table:
        """Inputs from a map to columns, and whether they are all there."""
        wanted = self._use_case.features.inputs
        spread = known.select([_NAME, *LINEAGE, _ANSWERED])
        if "inputs" not in known.column_names:
            columns = {name: pa.nulls(known.num_rows, pa.float64()) for name in wanted}
            whole = np.zeros(known.num_rows, np.bool_)
        else:
            inputs = known["inputs"].combine_chunks()
            columns = {name: pc.map_lookup(inputs, pa.scalar(name), "first") for name in wanted}
            whole = _count_keys(inputs, wanted) == len(wanted)
        for name, values in columns.items():
            spread = spread.append_column(name, values)
        return spread.append_column("whole", pa.array(whole))

    def _take_begun(self, rows: pa.Table) -> pa.Table:
        """What has ended has begun: a lie about when would stand as the latest of all rows in every later training."""
        observed_us = self._words.read_observed_us(rows[_NAME].to_pylist())
        observed_s = np.fromiter(observed_us, np.float64, rows.num_rows) / 1e6
        begins_s = rows[self._use_case.data.event_time].to_numpy()
        # One that is not known is for the rules to judge.
        return rows.filter(pa.array(~(begins_s > observed_s + CLOCK_SKEW.total_seconds())))

    def _label(self, rows: pa.Table) -> pa.Table:
        """The rows in their order, as a file has them."""
        ordered = rows.sort_by([(_ANSWERED, "ascending"), (_NAME, "ascending")])
        values = pa.array(self._words.read(ordered[_NAME].to_pylist()), pa.float64())
        label = self._use_case.data.label
        columns = [*self._use_case.features.inputs, label, *LINEAGE]
        return ordered.append_column(label, values).select(columns).combine_chunks()


def _count_keys(inputs: pa.MapArray, wanted: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many of the wanted keys each row has; one that has no value counts, for that is what was known."""
    is_wanted = pc.is_in(inputs.keys, value_set=pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
    before = np.append(0, np.cumsum(is_wanted))
    ends: np.ndarray[tuple[int], np.dtype[np.int64]] = before[inputs.offsets.to_numpy()]
    return np.diff(ends)


def _take_once(rows: pa.Table) -> pa.Table:
    """Of several captures of one row the one of the lowest version, the first.

    Where a shadow answered the same request, that is the champion's, whose answer the app was told; and where the
    champion was asked because the challenger failed, too.
    """
    ordered = rows.sort_by([(_NAME, "ascending"), ("model_version", "ascending"), (_ANSWERED, "ascending")])
    names = ordered[_NAME].to_numpy(zero_copy_only=False)
    return ordered.filter(pa.array(np.append(True, names[1:] != names[:-1])))


def _draw(rows: pa.Table, most: int) -> pa.Table:
    """At most so many rows, the same ones whenever the same are there."""
    if rows.num_rows <= most:
        return rows
    places = np.fromiter(map(hash_name, rows[_NAME].to_pylist()), np.uint64, rows.num_rows)
    return rows.filter(pa.array(places < np.partition(places, most)[most]))
