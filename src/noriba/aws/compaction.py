"""From lines to Parquet, hour by hour: what is due is found by what lies in S3, so nothing has to be remembered.

A file says in its notes how many objects of lines it was made of. Where that many lie under its hour, it is what they
say; where more have come, or none was made, the hour is due. Objects of lines are written once and never again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from noriba.aws.observations import Lines, list_captures, list_hour_files, list_outcomes
from noriba.monitoring.observations import OutcomesFile, PredictionsFile, take_answers
from noriba.records.captures import read_hour
from noriba.records.observations import (
    ANSWERS,
    OUTCOMES,
    PREDICTIONS,
    ObservationTable,
    name_file,
)
from noriba.timestamps import begin_hour

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from noriba.aws.objects import ObjectStore

_OBJECTS = "objects"
_AT_ONCE = 16
_MOST_KNOWN = 2_048
"""Hours of both tables of some use cases, for as long as lines may come late."""


@dataclass(frozen=True)
class Due:
    """An hour of one table, and the objects of lines that lie under it."""

    table: ObservationTable
    hour: datetime
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Compacted:
    """What was written: rows, and how many of the lines nobody could read."""

    rows: int
    unreadable: int


class Compaction:
    """The compaction of one use case.

    Args:
        captures: the bucket that SageMaker captures into.
        outcomes: the bucket of reported outcomes.
        observations: the bucket of Parquet.
        endpoint: the use case's production endpoint.
        use_case: its name.
    """

    def __init__(
        self, captures: ObjectStore, outcomes: ObjectStore, observations: ObjectStore, *, endpoint: str, use_case: str
    ) -> None:
        self._captures, self._outcomes, self._observations = captures, outcomes, observations
        self._endpoint, self._use_case = endpoint, use_case

    def find_due(self, *, since: datetime, before: datetime) -> list[Due]:
        """Hours that begin from that of `since` on and before another moment, the oldest first."""
        first = begin_hour(since)
        found: list[Due] = []
        answered = list_captures(self._captures, self._endpoint, since=first)
        for table, keys in ((PREDICTIONS, answered), (OUTCOMES, list_outcomes(self._outcomes, since=first))):
            hours = [Due(table, hour, objects) for hour, objects in _by_hour(keys) if hour < before]
            seen = self._count_seen(table, first)
            found += [due for due in hours if seen.get(due.hour, 0) < len(due.keys)]
        return sorted(found, key=lambda due: due.hour)

    def compact(self, due: Due) -> Compacted:
        """Write an hour's file; a second time, over the first."""
        lines = Lines()
        if due.table is PREDICTIONS:
            predictions = PredictionsFile(self._endpoint)
            for variant, keys in groupby(due.keys, key=_read_variant):
                predictions.add(variant, lines.read_answers(self._captures, keys))
            rows, content = predictions.rows, predictions.finish(unreadable=lines.unreadable)
            # First: the other file says that the hour is done.
            self._observations.write(name_file(ANSWERS, self._use_case, due.hour), take_answers(content))
        else:
            outcomes = OutcomesFile()
            outcomes.add(lines.read_reports(self._outcomes, due.keys, use_case=self._use_case))
            rows, content = outcomes.rows, outcomes.finish(unreadable=lines.unreadable)
        key = name_file(due.table, self._use_case, due.hour)
        self._observations.write(key, content, notes={_OBJECTS: str(len(due.keys))})
        return Compacted(rows, lines.unreadable)

    def _count_seen(self, table: ObservationTable, first: datetime) -> dict[datetime, int]:
        """How many objects of lines the files of a table were made of, by their hour."""
        files = list(list_hour_files(self._observations, table, self._use_case, since=first))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            seen = pool.map(lambda file: _read_seen(self._observations, file.key, file.mark), files)
            return {file.hour: number for file, number in zip(files, seen, strict=True)}


@lru_cache(maxsize=_MOST_KNOWN)
def _read_seen(observations: ObjectStore, key: str, _mark: str) -> int:
    """How many objects of lines a file was made of; asked once by a function that lives on, for its mark is its own."""
    return int(observations.read_notes(key).get(_OBJECTS, 0))


def _by_hour(keys: Iterable[str]) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Objects by the hour that they lie under, those in no hour left out."""
    placed = sorted((hour, key) for key in keys if (hour := read_hour(key)) is not None)
    for hour, some in groupby(placed, key=lambda one: one[0]):
        yield hour, tuple(key for _, key in some)


def _read_variant(key: str) -> str:
    return key.split("/")[1]
