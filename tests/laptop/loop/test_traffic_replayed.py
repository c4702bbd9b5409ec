"""Two days of recorded rides through the deployed API; on this cloud, without a clock, as fast as it answers."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pyarrow.parquet

from laptop.replaying.journal import Journal
from usecases.taxi_eta.simulator import simulate

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from tests.laptop.loop.conftest import Loop

PER_DAY = 12


def test_rides_are_asked_and_reported_and_told_by_day(loop: Loop, champion: ModelPackage) -> None:
    trips, report = loop.folder / "replayed.parquet", loop.folder / "replayed.json"
    # A day more on either side: the city's days are not those of UTC.
    table = simulate(400, seed=11, first_day=date(2026, 3, 9), days=4)
    pyarrow.parquet.write_table(table, trips)
    command = ["noriba", "replay", "--trips", str(trips), "--from", "2026-03-10", "--to", "2026-03-11"]
    command += ["--per-day", str(PER_DAY), "--step", "12", "--speed", "1e6", "--report", str(report), "--json"]

    told = loop.run_json(*command)

    assert told == json.loads(report.read_text())
    assert told["finished"]
    assert told["failed"] == 0
    assert [(day["date"], day["n"]) for day in told["days"]] == [("2026-03-10", PER_DAY), ("2026-03-11", PER_DAY)]
    assert told["frozen_version"] >= champion.version
    for day in told["days"]:
        # Production's own answers and those of its bundle here, which is told nothing of the last hours.
        assert day["model_versions"] == {str(told["frozen_version"]): PER_DAY}
        assert abs(day["mae_s"] - day["frozen_mae_s"]) <= 0.3 * day["mae_s"]
    journal = Journal(report.with_suffix(".rides.jsonl"))
    assert journal.reported == journal.answered.keys() == set(range(2 * PER_DAY))
    assert report.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in report.with_suffix(".svg").read_text()

    assert loop.run_json(*command) == told
    other = loop.run(*command, "--seed", "5")
    assert other.returncode == 1
    assert "of a replay with another seed; give another --report, or delete it" in json.loads(other.stdout)["message"]
