from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from hypothesis import example, given
from hypothesis import strategies as st

from noriba.datasets.replays import DAY_S, choose_rows, read_recorded
from noriba.datasets.sources import load_sources
from noriba.usecase import load_use_case
from usecases.taxi_eta.simulator import simulate

if TYPE_CHECKING:
    from noriba.datasets.replays import RecordedFile

FIRST = date(2026, 1, 5)


@example(moments=[float(row) for row in range(7)], since=0, until=3, per_day=5, seed=3)
@given(
    moments=st.lists(st.floats(0, 5 * DAY_S - 1), max_size=80),
    since=st.integers(0, 2),
    until=st.integers(3, 5),
    per_day=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_a_day_gives_as_many_rows_as_it_may_and_has(
    moments: list[float], since: int, until: int, per_day: int, seed: int
) -> None:
    asked_at_s = np.asarray(moments, dtype=np.float64)

    def choose() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return choose_rows(asked_at_s, since_s=since * DAY_S, until_s=until * DAY_S, per_day=per_day, seed=seed)

    chosen = choose()

    days = asked_at_s // DAY_S
    for day in range(5):
        wanted = min(per_day, int((days == day).sum())) if since <= day < until else 0
        assert int((days[chosen] == day).sum()) == wanted
    assert len(set(chosen.tolist())) == len(chosen)
    assert (np.diff(asked_at_s[chosen]) >= 0).all()
    assert (choose() == chosen).all()


def test_the_share_is_even_over_the_day() -> None:
    asked_at_s = np.arange(1_000, dtype=np.float64)

    chosen = choose_rows(asked_at_s, since_s=0, until_s=DAY_S, per_day=10, seed=1)

    assert (chosen // 100).tolist() == list(range(10))
    assert choose_rows(asked_at_s, since_s=0, until_s=DAY_S, per_day=10, seed=2).tolist() != chosen.tolist()


def read(rows: int = 400) -> tuple[RecordedFile, int]:
    use_case = load_use_case("taxi_eta")
    buffer = io.BytesIO()
    pq.write_table(simulate(rows, seed=3, first_day=FIRST, days=3, fault_share=0.1), buffer)
    size = buffer.tell()
    found = read_recorded(buffer, size=size, name="trips.parquet", use_case=use_case, sources=load_sources(use_case))
    return found, rows


def test_rows_that_break_a_rule_are_left_out_and_the_others_stand_as_they_came() -> None:
    found, rows = read()

    durations = found.columns["duration_s"]
    assert rows // 2 < len(durations) < rows
    raw = found.raw.to_pydict()
    lasted_s = [
        (dropoff - pickup).total_seconds() for pickup, dropoff in zip(raw["pickup_at"], raw["dropoff_at"], strict=True)
    ]
    assert lasted_s == durations.tolist()


def test_some_rows_of_a_file_are_taken_from_both_sides_alike() -> None:
    found, _rows = read()

    few = found.take(found.columns["duration_s"] > 900)

    assert few.raw.num_rows == len(few.columns["duration_s"]) == int((found.columns["duration_s"] > 900).sum())
