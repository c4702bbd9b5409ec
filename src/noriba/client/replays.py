"""Recorded rows to replay: read from files, and made into what an app would ask and report.

Files are read as an ingest reads them: with the extra `datasets`, and so not by whoever imports `noriba.client` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from noriba.datasets.replays import RecordedFile, choose_rows, read_recorded
from noriba.datasets.sources import load_sources
from noriba.errors import NoribaError
from noriba.features.columns import take_rows
from noriba.timestamps import begin_day
from noriba.usecase import load_observer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from noriba.features import Column
    from noriba.usecase import Observation, UseCase


class NothingToReplayError(NoribaError):
    """Files hold no row of the days that are to be replayed, or none before them to learn from."""


@dataclass(frozen=True)
class ReplayRow:
    """One row that is asked about.

    Attributes:
        number: its place among all chosen rows; the same row of the same replay has the same one.
        observation: what is asked, and what is reported later.
    """

    number: int
    observation: Observation


@dataclass(frozen=True)
class ReplayRows:
    """What is replayed.

    Attributes:
        rows: between the first day and the last one.
        chosen: those that are asked about, in the order in which they are asked.
    """

    rows: int
    chosen: tuple[ReplayRow, ...]


def read_files(files: Sequence[Path], use_case: UseCase) -> dict[Path, RecordedFile]:
    """Files as they would be ingested, without the rows that break a rule.

    Raises:
        RefusedObjectError: one cannot be read.
    """
    sources = load_sources(use_case)
    found = {}
    for path in files:
        with path.open("rb") as file:
            size = path.stat().st_size
            found[path] = read_recorded(file, size=size, name=path.name, use_case=use_case, sources=sources)
    return found


def choose_replay_rows(
    recorded: Mapping[Path, RecordedFile],
    use_case: UseCase,
    *,
    first_day: date,
    last_day: date,
    per_day: int,
    seed: int,
) -> ReplayRows:
    """The rows of some UTC days, at most so many a day; those that the API would refuse are left out.

    Raises:
        NothingToReplayError: there is no row of these days.
        UseCaseError: the use case has no observer.
    """
    names = list(next(iter(recorded.values())).columns)
    columns = {name: np.concatenate([file.columns[name] for file in recorded.values()]) for name in names}
    asked_at_s = columns[use_case.data.event_time]
    since_s, until_s = _bound_days(first_day, last_day)
    rows = _count_between(asked_at_s, since_s, until_s)
    if rows == 0:
        raise NothingToReplayError(
            f"no row of the files lies between {first_day} and {last_day} (UTC); {_say_when(asked_at_s)}"
        )
    chosen = choose_rows(asked_at_s, since_s=since_s, until_s=until_s, per_day=per_day, seed=seed)
    observed = load_observer(use_case.name).observe_rows(take_rows(columns, chosen))
    numbered = (ReplayRow(number, one) for number, one in enumerate(observed))
    return ReplayRows(rows, tuple(row for row in numbered if row.observation.fits(use_case.request)))


def refuse_idle_files(
    recorded: Mapping[Path, RecordedFile], use_case: UseCase, *, first_day: date, last_day: date
) -> None:
    """See whether each file is replayed, where what the first model learns from is named apart.

    A file that follows the one of `--train-on` is taken for one to replay, and would be left out without a word.

    Raises:
        NothingToReplayError: a file has no row of these days.
    """
    since_s, until_s = _bound_days(first_day, last_day)
    for path, file in recorded.items():
        asked_at_s = file.columns[use_case.data.event_time]
        if not _count_between(asked_at_s, since_s, until_s):
            raise NothingToReplayError(
                f"no row of {path.name} lies between {first_day} and {last_day} (UTC); {_say_when(asked_at_s)}. Leave "
                f"it out; for the first model to learn from it: --train-on {path.name}, the option "
                "repeated for each such file"
            )


def write_earlier(
    recorded: Mapping[Path, RecordedFile], use_case: UseCase, *, before: date, folder: Path
) -> list[Path]:
    """Files with the rows before a UTC day, as they stood in the given ones and under their names, to land.

    Raises:
        NothingToReplayError: there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path, file in recorded.items():
        earlier = file.take(file.columns[use_case.data.event_time] < begin_day(before).timestamp())
        if earlier.raw.num_rows:
            written.append(folder / f"{path.stem}.parquet")
            pq.write_table(earlier.raw, written[-1])
    if not written:
        raise NothingToReplayError(
            f"no row of the files lies before {before}, to train the first model on; give earlier files too, or land "
            "them first: noriba land"
        )
    return written


def _bound_days(first_day: date, last_day: date) -> tuple[float, float]:
    """When UTC days begin, and when the last of them is over, in seconds since 1970."""
    return begin_day(first_day).timestamp(), begin_day(last_day + timedelta(days=1)).timestamp()


def _count_between(asked_at_s: Column, since_s: float, until_s: float) -> int:
    return int(((asked_at_s >= since_s) & (asked_at_s < until_s)).sum())


def _say_when(asked_at_s: Column) -> str:
    if not len(asked_at_s):
        return "they hold no row that breaks no rule"
    first, last = (datetime.fromtimestamp(float(moment), UTC) for moment in (asked_at_s.min(), asked_at_s.max()))
    return f"they reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
