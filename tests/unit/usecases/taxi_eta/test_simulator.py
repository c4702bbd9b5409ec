from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features.clock import read_zone_clock
from noriba.usecase import load_use_case
from usecases.taxi_eta.schema import DEFAULT_TIME_ZONE, Trip
from usecases.taxi_eta.simulation.demand import Rides
from usecases.taxi_eta.simulation.drives import DriveDraws, measure_duration_s, measure_free_drive_s
from usecases.taxi_eta.simulation.regimes import DISRUPTED, ORDINARY, Regime
from usecases.taxi_eta.simulation.streets import find_river_east_m, read_streets
from usecases.taxi_eta.simulation.traffic import read_travel_times
from usecases.taxi_eta.simulation.week import read_blend
from usecases.taxi_eta.simulator import simulate, write_files

if TYPE_CHECKING:
    from pathlib import Path

MONDAY = date(2026, 1, 5)
CHANGE = date(2026, 1, 19)
USE_CASE = load_use_case("taxi_eta")


@pytest.fixture(scope="module")
def trips() -> pa.Table:
    return simulate(20_000, seed=1, first_day=MONDAY, days=28)


@pytest.fixture(scope="module")
def changed() -> pa.Table:
    return simulate(20_000, seed=1, first_day=MONDAY, days=28, regime_change=CHANGE)


def transform(table: pa.Table) -> Any:
    source = choose_source(load_sources(USE_CASE), table.column_names)
    return transform_chunk(RawRows.whole(table), source, USE_CASE, object_key="trips.parquet")


def read_wall_s(table: pa.Table) -> np.ndarray:
    return read_zone_clock(DEFAULT_TIME_ZONE).to_wall_s(table["pickup_at"].to_numpy().astype(np.int64) / 1e6)


def read_duration_s(table: pa.Table) -> np.ndarray:
    return (table["dropoff_at"].to_numpy() - table["pickup_at"].to_numpy()) / np.timedelta64(1, "s")  # type: ignore[no-any-return]


def find_corner(east_m: float, north_m: float) -> int:
    streets = read_streets()
    return int(np.argmin(np.hypot(streets.east_m - east_m, streets.north_m - north_m)))


def make_rides(origin: int, destination: int, *, rows: int = 1) -> Rides:
    """The same ride from corner to corner, so many times."""
    streets = read_streets()
    start, end = np.full(rows, origin), np.full(rows, destination)
    return Rides(start, end, streets.east_m[start], streets.north_m[start], streets.east_m[end], streets.north_m[end])


def to_wall_s(wall_time: str) -> float:
    """A time on the city's clock, as wall seconds."""
    return float(np.datetime64(wall_time, "s").astype(np.int64))


def time_drive(
    origin: int, destination: int, wall_time: str, *, wetness: float = 0.0, regime: Regime = ORDINARY
) -> float:
    """Seconds from corner to corner without any luck."""
    blend = read_blend(np.array([to_wall_s(wall_time)]))
    return float(measure_free_drive_s(make_rides(origin, destination), regime, blend, np.array([wetness]))[0])


def spread_durations(origin: int, destination: int, wall_time: str, *, rows: int = 4_000) -> float:
    """Standard deviation of log(duration) when the same ride is driven again and again."""
    wall_s = np.full(rows, to_wall_s(wall_time))
    luck = DriveDraws.draw(np.random.default_rng(1), wall_s)
    rides = make_rides(origin, destination, rows=rows)
    return float(np.log(measure_duration_s(rides, ORDINARY, read_blend(wall_s), np.zeros(rows), luck)).std())


HOME, OFFICE = (-5_400.0, 1_800.0), (0.0, 600.0)
NIGHT, MORNING, EVENING, SATURDAY = "2026-01-07T03:00", "2026-01-07T08:30", "2026-01-07T17:30", "2026-01-10T08:30"


class TestTable:
    def test_equal_arguments_give_equal_tables(self, trips: pa.Table) -> None:
        assert simulate(20_000, seed=1, first_day=MONDAY, days=28).equals(trips)

    def test_another_seed_gives_other_trips(self, trips: pa.Table) -> None:
        other = simulate(20_000, seed=2, first_day=MONDAY, days=28)
        for name in trips.column_names:
            assert not other[name].equals(trips[name])

    def test_rows_are_in_order_of_pickup_and_fill_the_days(self, trips: pa.Table) -> None:
        wall_s = read_wall_s(trips)
        assert trips.num_rows == 20_000
        assert (np.diff(wall_s) >= 0).all()
        assert set((wall_s - to_wall_s(MONDAY.isoformat())) // 86_400) == set(range(28))

    def test_columns_are_those_of_the_canonical_trip(self, trips: pa.Table) -> None:
        assert set(trips.column_names) <= set(Trip.model_fields)
        assert (
            trips.schema.field("pickup_at").type == trips.schema.field("dropoff_at").type == pa.timestamp("us", "UTC")
        )
        clean = simulate(50, seed=3, first_day=MONDAY, days=1, fault_share=0.0)
        for row in clean.to_pylist():
            Trip.model_validate(row)

    def test_the_hour_that_summer_time_skips_has_no_trips(self) -> None:
        sunday = simulate(5_000, seed=1, first_day=date(2026, 3, 8), days=1)
        hours = read_wall_s(sunday) % 86_400 // 3_600
        assert set(hours) == set(range(24)) - {2}

    def test_the_hour_that_occurs_twice_has_trips_in_both(self) -> None:
        sunday = simulate(5_000, seed=1, first_day=date(2026, 11, 1), days=1)
        elapsed = sunday["pickup_at"].to_numpy() - np.datetime64("2026-11-01T04:00:00")
        assert set(elapsed // np.timedelta64(1, "h")) == set(range(25))

    @pytest.mark.parametrize(
        ("rows", "days", "fault_share"), [(0, 1, 0.0), (1, 0, 0.0), (1, 1, -0.1), (1, 1, 1.1), (1, 1, float("nan"))]
    )
    def test_arguments_out_of_range_are_refused(self, rows: int, days: int, fault_share: float) -> None:
        with pytest.raises(ValueError, match=r"rows and days|fault_share"):
            simulate(rows, seed=1, first_day=MONDAY, days=days, fault_share=fault_share)


class TestFaults:
    def test_without_faults_every_row_is_kept(self) -> None:
        clean = simulate(20_000, seed=1, first_day=MONDAY, days=28, fault_share=0.0)
        assert transform(clean).rows_quarantined == 0

    def test_the_share_of_faults_is_quarantined_to_the_row(self) -> None:
        broken = simulate(20_000, seed=1, first_day=MONDAY, days=28, fault_share=0.03)
        assert transform(broken).rows_quarantined == 600

    def test_every_rule_on_times_and_places_finds_its_faults(self, trips: pa.Table) -> None:
        rules = {rule.name for rule in USE_CASE.data.rules} - {"time_out_of_range", "rain_out_of_range"}
        assert set(transform(trips).reasons) == rules

    def test_faults_change_no_other_row(self, trips: pa.Table) -> None:
        clean = simulate(20_000, seed=1, first_day=MONDAY, days=28, fault_share=0.0)
        same = [left == right for left, right in zip(trips.to_pylist(), clean.to_pylist(), strict=True)]
        assert sum(same) == 19_800


class TestDemand:
    def test_weekdays_peak_in_the_evening_and_rest_before_dawn(self, trips: pa.Table) -> None:
        wall_s = read_wall_s(trips)
        weekday = (wall_s // 86_400 + 3) % 7 < 5
        count = np.bincount((wall_s[weekday] % 86_400 // 3_600).astype(int), minlength=24)
        assert count.argmax() in {17, 18}
        assert count.argmin() in {2, 3, 4, 5}
        assert count.max() > 4 * count.min()

    def test_saturday_nights_are_livelier_than_tuesday_nights(self, trips: pa.Table) -> None:
        wall_s = read_wall_s(trips)
        at_one = wall_s % 86_400 // 3_600 == 1
        day = (wall_s // 86_400 + 3) % 7
        assert (at_one & (day == 5)).sum() > 2 * (at_one & (day == 1)).sum()

    def test_mornings_lead_into_the_middle_and_evenings_out_of_it(self) -> None:
        table = simulate(20_000, seed=1, first_day=MONDAY, days=5, fault_share=0.0)
        hour = read_wall_s(table) % 86_400 // 3_600

        def count_in_middle(end: str, at: int) -> int:
            north = np.abs(table[f"{end}_latitude"].to_numpy() - 40.75) < 0.02
            east = np.abs(table[f"{end}_longitude"].to_numpy() + 73.97) < 0.025
            return int((north & east & (hour == at)).sum())

        assert count_in_middle("destination", 8) > 1.5 * count_in_middle("origin", 8)
        assert count_in_middle("origin", 17) > 1.5 * count_in_middle("destination", 17)


class TestStreets:
    def test_every_corner_reaches_every_other_even_with_a_bridge_closed(self) -> None:
        for regime in (ORDINARY, DISRUPTED):
            assert np.isfinite(read_travel_times(regime).tables).all()

    def test_rush_hour_is_slower_than_night(self) -> None:
        home, office = find_corner(*HOME), find_corner(*OFFICE)
        assert time_drive(home, office, MORNING) > 1.3 * time_drive(home, office, NIGHT)

    def test_a_saturday_morning_is_faster_than_a_wednesday_morning(self) -> None:
        home, office = find_corner(*HOME), find_corner(*OFFICE)
        assert time_drive(home, office, MORNING) > 1.2 * time_drive(home, office, SATURDAY)

    def test_the_way_to_work_is_slower_in_the_morning_and_the_way_home_in_the_evening(self) -> None:
        home, office = find_corner(*HOME), find_corner(*OFFICE)
        assert time_drive(home, office, MORNING) > 1.1 * time_drive(office, home, MORNING)
        assert time_drive(office, home, EVENING) > 1.1 * time_drive(home, office, EVENING)

    def test_rain_slows(self) -> None:
        home, office = find_corner(*HOME), find_corner(*OFFICE)
        dry, drizzle, downpour = (time_drive(home, office, MORNING, wetness=wetness) for wetness in (0.0, 0.3, 1.0))
        assert dry < drizzle < downpour
        assert downpour > 1.08 * dry

    def test_the_river_costs_a_way_round_except_beside_a_bridge(self) -> None:
        def cross(north_m: float) -> float:
            river_m = float(find_river_east_m(np.array([north_m]))[0])
            return time_drive(find_corner(river_m - 900.0, north_m), find_corner(river_m + 900.0, north_m), NIGHT)

        along = time_drive(find_corner(-2_400.0, 2_400.0), find_corner(-600.0, 2_400.0), NIGHT)
        assert cross(2_400.0) > 2.0 * along
        assert cross(2_400.0) > 2.0 * cross(0.0)

    def test_the_avenue_is_faster_than_the_street_beside_it(self) -> None:
        avenue, street = (
            time_drive(find_corner(east, -1_800.0), find_corner(east, 1_800.0), NIGHT) for east in (-1_800.0, -2_400.0)
        )
        assert avenue < street

    def test_the_airport_is_nearer_by_motorway_than_its_distance_suggests(self) -> None:
        streets = read_streets()
        far_m = float(np.hypot(streets.east_m[streets.airport] - 6_000.0, streets.north_m[streets.airport] + 7_800.0))
        assert far_m / time_drive(find_corner(6_000.0, -7_800.0), streets.airport, NIGHT) > 15.0


class TestSpread:
    def test_rush_hour_is_harder_to_foretell_than_night(self) -> None:
        home, office = find_corner(*HOME), find_corner(*OFFICE)
        assert spread_durations(home, office, MORNING) > 1.3 * spread_durations(home, office, NIGHT)

    def test_a_ride_never_takes_less_than_its_stops(self) -> None:
        next_door = make_rides(find_corner(0.0, 0.0), find_corner(0.0, 600.0), rows=4_000)
        wall_s = np.full(4_000, to_wall_s(NIGHT))
        luck = DriveDraws.draw(np.random.default_rng(1), wall_s)
        duration_s = measure_duration_s(next_door, ORDINARY, read_blend(wall_s), np.zeros(4_000), luck)
        assert duration_s.min() > 60.0


class TestRegimeChange:
    def test_nothing_changes_before_its_day(self, trips: pa.Table, changed: pa.Table) -> None:
        before = read_wall_s(trips) < to_wall_s(CHANGE.isoformat())
        assert changed.filter(pa.array(before)).equals(trips.filter(pa.array(before)))
        assert changed["pickup_at"].equals(trips["pickup_at"])
        assert changed["rain_mm_per_h"].equals(trips["rain_mm_per_h"])

    def test_everything_slows_from_its_day_on(self, trips: pa.Table, changed: pa.Table) -> None:
        after = read_wall_s(trips) >= to_wall_s(CHANGE.isoformat())
        usual, now = read_duration_s(trips)[after], read_duration_s(changed)[after]
        assert np.nanmedian(now) > 1.1 * np.nanmedian(usual)

    def test_who_crossed_the_closed_bridge_goes_far_round(self) -> None:
        west, east = find_corner(1_200.0, 0.0), find_corner(3_000.0, 0.0)
        assert time_drive(west, east, NIGHT, regime=DISRUPTED) > 3.0 * time_drive(west, east, NIGHT)

    def test_offices_move_across_the_river(self, trips: pa.Table, changed: pa.Table) -> None:
        morning = (read_wall_s(trips) % 86_400 // 3_600 == 8) & (read_wall_s(trips) >= to_wall_s(CHANGE.isoformat()))
        usual, now = (np.nanmedian(table["destination_longitude"].to_numpy()[morning]) for table in (trips, changed))
        assert now > usual + 0.005


class TestFiles:
    def test_one_file_a_month_holds_the_month_on_the_citys_clock(self, tmp_path: Path) -> None:
        table = simulate(5_000, seed=1, first_day=date(2026, 1, 25), days=14)
        paths = write_files(table, tmp_path / "raw", prefix="rides")
        assert [path.name for path in paths] == ["rides_2026-01.parquet", "rides_2026-02.parquet"]
        months = [pq.read_table(path) for path in paths]
        assert pa.concat_tables(months).equals(table)
        for month, number in zip(months, (1, 2), strict=True):
            wall = read_wall_s(month).astype("datetime64[s]")
            assert set(wall.astype("datetime64[M]").astype(int) % 12 + 1) == {number}

    def test_equal_tables_give_equal_bytes(self, trips: pa.Table, tmp_path: Path) -> None:
        first, second = (write_files(trips, tmp_path / name) for name in ("first", "second"))
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
