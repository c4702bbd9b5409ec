"""What models answered and what really happened, as it lies in S3: captures and outcomes, a line each."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from noriba.events import MetricsObserved, OutcomeObserved
from noriba.records.captures import OUTCOMES, name_capture_folder, name_outcome_folder, parse_capture
from noriba.records.names import pick_variants
from noriba.records.observations import name_file, name_folder, read_hour_of_file
from noriba.timestamps import HOUR, begin_hour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from noriba.aws.objects import ObjectStore
    from noriba.records.captures import CapturedAnswer
    from noriba.records.observations import ObservationTable

T = TypeVar("T")
_AT_ONCE = 16


def list_keys(store: ObjectStore, folders: Iterable[str]) -> list[str]:
    """Keys of the objects in some folders."""
    return [key for folder in folders for key in store.list_keys(folder)]


def list_captures(captures: ObjectStore, endpoint: str, *, since: datetime) -> Iterator[str]:
    """Keys of what all variants of an endpoint answered, from the hour of a moment on."""
    for variant in pick_variants(captures.list_folders(f"{endpoint}/")):
        after = name_capture_folder(endpoint, variant, begin_hour(since))
        yield from captures.list_keys(f"{endpoint}/{variant}/", after=after)


def list_outcomes(outcomes: ObjectStore, *, since: datetime) -> Iterator[str]:
    """Keys of what was reported of all use cases, from the hour of a moment on."""
    return outcomes.list_keys(f"{OUTCOMES}/", after=name_outcome_folder(begin_hour(since)))


class HourFile(NamedTuple):
    """A table's file of an hour; `mark` is of this writing of it."""

    key: str
    hour: datetime
    mark: str


def list_hour_files(
    observations: ObjectStore, table: ObservationTable, use_case: str, *, since: datetime
) -> Iterator[HourFile]:
    """A table's files from the hour of a moment on, in order."""
    # Not after the first hour's own file.
    before_first = name_file(table, use_case, begin_hour(since) - HOUR)
    for key, mark in observations.list_marked(name_folder(table, use_case), after=before_first):
        if (hour := read_hour_of_file(key)) is not None:
            yield HourFile(key, hour, mark)


@dataclass
class Lines:
    """Lines that are read; what nobody can read is counted, for one bad line must not hide all good ones."""

    unreadable: int = 0

    def read_answers(self, store: ObjectStore, keys: Iterable[str]) -> Iterator[CapturedAnswer]:
        """What one variant answered, as far as it can be joined to anything."""
        for answer in self._parse(parse_capture, _read(store, keys)):
            if answer is not None:
                yield answer

    def read_outcomes(
        self, store: ObjectStore, keys: Iterable[str], *, use_case: str, reported_since: datetime | None = None
    ) -> Iterator[OutcomeObserved]:
        """Outcomes of a use case, those reported earlier left out.

        An event's own time is in whole seconds: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
        """
        for reported_at, outcome in self.read_reports(store, keys, use_case=use_case):
            if reported_since is None or reported_at >= reported_since.replace(microsecond=0):
                yield outcome

    def read_reports(
        self, store: ObjectStore, keys: Iterable[str], *, use_case: str
    ) -> Iterator[tuple[datetime, OutcomeObserved]]:
        """Outcomes of a use case, and when each was reported."""
        for reported_at, outcome in self._parse(_parse_outcome, _read(store, keys)):
            if outcome.use_case == use_case:
                yield reported_at, outcome

    def read_metrics(self, store: ObjectStore, keys: Iterable[str], *, use_case: str) -> Iterator[MetricsObserved]:
        """What a use case's apps reported besides."""
        for metrics in self._parse(_parse_metrics, _read(store, keys)):
            if metrics.use_case == use_case:
                yield metrics

    def _parse(self, parse: Callable[[str], T], lines: Iterable[str]) -> Iterator[T]:
        for line in lines:
            try:
                yield parse(line)
            # Somebody else's writing, or cut off: whatever a parser makes of that.
            except (ValueError, KeyError, TypeError, AttributeError, StopIteration, OverflowError, RecursionError):
                self.unreadable += 1


def _parse_metrics(line: str) -> MetricsObserved:
    return MetricsObserved.model_validate(json.loads(line)["detail"])


def _parse_outcome(line: str) -> tuple[datetime, OutcomeObserved]:
    event = json.loads(line)
    reported_at = datetime.fromisoformat(event["time"])
    if reported_at.tzinfo is None:
        raise ValueError("the time has no zone")
    return reported_at, OutcomeObserved.model_validate(event["detail"])


def _read(store: ObjectStore, keys: Iterable[str]) -> Iterator[str]:
    names = list(keys)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # A pool would fetch all of them ahead, and an hour may be larger than the memory of a function.
        for first in range(0, len(names), _AT_ONCE):
            for content in pool.map(store.read, names[first : first + _AT_ONCE]):
                # Not by `splitlines`: U+2028 may stand in a string of JSON as it is, and ends no line of it.
                lines = content.decode(errors="replace").split("\n")
                yield from lines if lines[-1] else lines[:-1]
