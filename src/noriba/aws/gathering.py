"""From observations to the raw bucket, day by day: which days are due is found by what lies in S3.

A look at a day leaves a receipt. It takes the outcomes that were reported before a fixed moment after the day's end,
so that what a look finds does not hang on when it is taken.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet

from noriba.aws.observations import list_hour_files
from noriba.datasets.gathering import DayGathering, bound_day
from noriba.datasets.last_words import LastWords, hash_rows
from noriba.datasets.parts import encode_parquet
from noriba.monitoring.partitions import ASTRAY
from noriba.records.observations import OUTCOMES, PREDICTIONS, ObservationTable
from noriba.records.traffic import GatheredDay, LookName, name_attempt, name_day, name_receipt, name_receipts
from noriba.timestamps import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import pyarrow as pa

    from noriba.aws.ledger import Ledger
    from noriba.aws.objects import ObjectStore
    from noriba.usecase import UseCase

COMPACTED = timedelta(hours=3)
"""How long after a moment all that was said before it is in its hour's file: captures come late, and then the clock."""
_READ = {*OUTCOMES.columns, "model_version", "answered_at_us", "inputs"}
"""Columns that are wanted of either table; of a prediction, features and bounds are not."""
_NAMES = {"prediction_id", "candidate_id"}


@dataclass(frozen=True)
class DueLook:
    """A look at a day that is to be taken, and before which moment an outcome must have been reported to count."""

    day: date
    look: LookName
    until: datetime


class TrafficGathering:
    """The gathering of one use case.

    Args:
        observations: the bucket of compacted observations.
        raw: the bucket that is ingested.
        ledger: knows what was erased.
        use_case: whose traffic.
    """

    def __init__(self, observations: ObjectStore, raw: ObjectStore, ledger: Ledger, use_case: UseCase) -> None:
        self._observations, self._raw, self._ledger, self._use_case = observations, raw, ledger, use_case

    def find_due(self, *, now: datetime, since: datetime) -> list[DueLook]:
        """Looks that are to be taken at days that began at a time or later, the oldest first.

        Those that were begun before come last, the one begun longest ago first: a day that ends the function each
        time, by its size, would hold up all others, and those that were interrupted once as well.
        """
        policy, name = self._use_case.policies.traffic, self._use_case.name
        kept = dict(self._observations.list_written(name_receipts(name)))
        due = []
        for day in self._list_days(since):
            begin, end = bound_day(day)
            moments: tuple[tuple[LookName, datetime], ...] = (
                ("last", end + timedelta(hours=policy.late_hours)),
                ("first", end + timedelta(hours=policy.wait_hours)),
            )
            # The latest alone: what an earlier look would have found, the later one has.
            look, until = next(((look, until) for look, until in moments if until + COMPACTED <= now), (None, now))
            if look and begin >= since and name_receipt(name, day, look) not in kept:
                due.append(DueLook(day, look, until))
        return sorted(due, key=lambda one: kept.get(name_attempt(name, one.day, one.look), since))

    def begin(self, due: DueLook) -> None:
        """Keep that a look was begun; whatever becomes of it, the next ones are not behind it."""
        self._observations.write(name_attempt(self._use_case.name, due.day, due.look), b"")

    def gather(self, day: date, *, until: datetime) -> GatheredDay:
        """Join a day's predictions to the outcomes that were reported before a moment, and write what is new."""
        begin, end = bound_day(day)
        asked = [hash_rows(predictions) for predictions in self._read(PREDICTIONS, begin, end, wanted=_NAMES)]
        words = LastWords(np.concatenate(asked) if asked else np.empty(0, np.uint64))
        for outcomes in self._read(OUTCOMES, begin, until):
            words.add(outcomes, before_us=to_microseconds(until))
        words.finish()
        gathering = DayGathering(self._use_case, day, words)
        for predictions in self._read(PREDICTIONS, begin, end):
            gathering.add(predictions)
        found = gathering.finish()
        written, erased = self._land(name_day(self._use_case.name, day), found.table)
        return GatheredDay(
            use_case=self._use_case.name,
            day=day,
            rows=0 if found.table is None else found.table.num_rows,
            written=written,
            erased=erased,
            without_outcome=found.without_outcome,
            without_inputs=found.without_inputs,
            contradicted=found.contradicted,
            not_begun=found.not_begun,
            left_out=found.left_out,
        )

    def keep_receipt(self, due: DueLook, gathered: GatheredDay) -> None:
        """Keep that a look was taken."""
        key = name_receipt(self._use_case.name, due.day, due.look)
        self._observations.write(key, gathered.model_dump_json().encode())

    def _land(self, key: str, rows: pa.Table | None) -> tuple[bool, bool]:
        """Write a day that was not erased; whether it was written, and whether it was erased."""
        if self._is_erased(key):
            return False, True
        version_id = None if rows is None else self._write(key, encode_parquet(rows))
        # Whoever began to erase it since may have listed what to delete before this was there; and whoever begins from
        # here on finds it.
        if version_id is None or not self._is_erased(key):
            return version_id is not None, False
        self._raw.delete_version(key, version_id)
        return False, True

    def _is_erased(self, key: str) -> bool:
        return self._ledger.find_erasure(key) is not None

    def _write(self, key: str, content: bytes) -> str | None:
        """The id of the version that was written; None where it says so already."""
        # By its content: of an object that is encrypted with a key of ours, the ETag says nothing.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
        if self._raw.find(key) == content:
            return None
        return self._raw.write(key, content)

    def _list_days(self, since: datetime) -> list[date]:
        """Days on which something may have been answered."""
        hours = [
            file.hour for file in list_hour_files(self._observations, PREDICTIONS, self._use_case.name, since=since)
        ]
        return sorted({moment.date() for hour in hours for moment in (hour - ASTRAY, hour, hour + ASTRAY)})

    def _read(
        self, table: ObservationTable, since: datetime, until: datetime, *, wanted: set[str] = _READ
    ) -> Iterator[pa.Table]:
        """An hour after the other: a day of a busy deployment is larger than the memory of a function."""
        for key, hour, _mark in list_hour_files(self._observations, table, self._use_case.name, since=since - ASTRAY):
            if hour > until + ASTRAY:
                return
            file = pyarrow.parquet.ParquetFile(io.BytesIO(self._observations.read(key)))
            yield file.read(columns=[name for name in file.schema_arrow.names if name in wanted])
