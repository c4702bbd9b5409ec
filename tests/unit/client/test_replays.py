"""Files of recorded rides: those that are asked about, and those from before."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.client.replays import NothingToReplayError, choose_replay_rows, read_files, refuse_idle_files, write_earlier
from noriba.errors import UseCaseError
from noriba.usecase import load_observer, load_use_case
from usecases.taxi_eta.simulator import simulate, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.client.replays import ReplayRows
    from noriba.datasets.replays import RecordedFile

USE_CASE = load_use_case("taxi_eta")


@pytest.fixture
def recorded(tmp_path: Path) -> dict[Path, RecordedFile]:
    """A week of rides in two months' files."""
    files = write_files(simulate(700, seed=5, first_day=date(2026, 2, 26), days=7), tmp_path / "landed")
    assert len(files) == 2
    return read_files(files, USE_CASE)


def choose(recorded: dict[Path, RecordedFile], first: date, last: date) -> ReplayRows:
    return choose_replay_rows(recorded, USE_CASE, first_day=first, last_day=last, per_day=20, seed=1)


def test_rides_are_numbered_in_the_order_in_which_they_are_asked_about(recorded: dict[Path, RecordedFile]) -> None:
    rides = choose(recorded, date(2026, 2, 27), date(2026, 3, 2))

    asked_at = [ride.observation.asked_at for ride in rides.chosen]
    assert asked_at == sorted(asked_at)
    assert [ride.number for ride in rides.chosen] == list(range(80))
    assert {moment.date().day for moment in asked_at} == {27, 28, 1, 2}
    assert rides.rows > 300


def test_days_without_rides_are_refused_with_those_that_there_are(recorded: dict[Path, RecordedFile]) -> None:
    with pytest.raises(
        NothingToReplayError, match=r"between 2026-05-01 and 2026-05-02 .* from 2026-02-26 to 2026-03-0"
    ):
        choose(recorded, date(2026, 5, 1), date(2026, 5, 2))


def test_a_file_that_is_replayed_on_no_day_is_named_with_what_it_may_be_for(
    recorded: dict[Path, RecordedFile],
) -> None:
    refuse_idle_files(recorded, USE_CASE, first_day=date(2026, 2, 27), last_day=date(2026, 3, 2))
    february = next(path for path in recorded if "02" in path.name)

    with pytest.raises(NothingToReplayError, match=rf"{february.name} .*; for the first model .*--train-on"):
        refuse_idle_files(recorded, USE_CASE, first_day=date(2026, 3, 2), last_day=date(2026, 3, 2))


def test_earlier_rides_are_written_as_they_were_and_no_later_ones(
    recorded: dict[Path, RecordedFile], tmp_path: Path
) -> None:
    before = date(2026, 2, 28)

    written = write_earlier(recorded, USE_CASE, before=before, folder=tmp_path / "earlier")

    assert [path.name for path in written] == ["trips_2026-02.parquet"]
    (earlier,) = read_files(written, USE_CASE).values()
    whole = next(iter(recorded.values()))
    rows = whole.columns["pickup_at_s"] < datetime(2026, 2, 28, tzinfo=UTC).timestamp()
    assert 0 < rows.sum() < len(rows)
    for name, column in earlier.columns.items():
        np.testing.assert_array_equal(column, whole.columns[name][rows], err_msg=name)
    with pytest.raises(NothingToReplayError, match="give earlier files too"):
        write_earlier(recorded, USE_CASE, before=date(2026, 2, 1), folder=tmp_path / "none")


def test_a_use_case_without_an_observer_says_what_it_lacks() -> None:
    with pytest.raises(UseCaseError, match=r"scooter_energy has no observer.py; give it one with observe_rows"):
        load_observer("scooter_energy")
