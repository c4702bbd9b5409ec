"""What apps asked and what then happened become rows of the next snapshot, with nobody landing a file."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet

from noriba.aws.objects import ObjectStore
from noriba.aws.observations import Lines
from noriba.client import list_snapshots, read_snapshot
from noriba.records.traffic import SOURCE, name_day
from tests.laptop.loop.conftest import RIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.aws.registry import ModelPackage
    from noriba.records.snapshot import IngestedObject
    from tests.laptop.loop.conftest import Loop

CARS = [{"candidate_id": name, "origin": {"zone_id": zone}} for name, zone in (("near", 161), ("far", 74))]


def ask(loop: Loop, request: dict[str, Any], value: float, candidate_id: str | None = None) -> str:
    """Ask, and report what happened; the prediction's id."""
    prediction_id = str(loop.api.predict("taxi_eta", request).answer["prediction_id"])
    outcome = {"prediction_id": prediction_id, "value": value, "observed_at": datetime.now(UTC).isoformat()}
    named = {} if candidate_id is None else {"candidate_id": candidate_id}
    assert loop.api.post("/v1/taxi_eta/outcomes", outcome | named)[0] == 202
    return prediction_id


def test_a_day_of_production_is_in_the_next_snapshot(loop: Loop, champion: ModelPackage) -> None:
    day = datetime.now(UTC).date()
    one = ask(loop, RIDE, 1_234.5)
    chosen = ask(loop, {**{k: v for k, v in RIDE.items() if k != "origin"}, "candidates": CARS}, 777.25, "near")
    lie = ask(loop, RIDE, 5.0)
    raw, key = ObjectStore(loop.session.clients.s3, loop.session.deployment.raw_bucket), name_day("taxi_eta", day)

    def gather() -> dict[tuple[str, str | None], dict[str, Any]]:
        [report] = loop.run_json("noriba", "gather", "--day", f"{day:%Y-%m-%d}", "--json")
        rows = pyarrow.parquet.read_table(io.BytesIO(raw.read(key))).to_pylist() if report["rows"] else []
        found = {(row["prediction_id"], row["candidate_id"]): row for row in rows}
        return found if {(one, None), (chosen, "near"), (lie, None)} <= found.keys() else {}

    rows = loop.eventually(gather, within_s=90)

    assert (rows[one, None]["duration_s"], rows[one, None]["origin_latitude"]) == (1_234.5, 40.758)
    assert rows[chosen, "near"]["origin_zone"] == 161.0
    assert (chosen, "far") not in rows
    assert rows[one, None]["model_version"] >= champion.version

    def find_ingested() -> tuple[str, IngestedObject] | None:
        newest = list_snapshots(loop.session)[-1].snapshot_id
        current = loop.session.clients.s3.head_object(Bucket=raw.bucket, Key=key)["VersionId"]
        objects = read_snapshot(loop.session, newest).objects
        return next(((newest, landed) for landed in objects if landed.version_id == current), None)

    snapshot_id, landed = loop.eventually(find_ingested)

    assert (landed.source, landed.rows_read) == (SOURCE, len(rows))
    assert landed.reasons["too_short"] >= 1
    shown = loop.run_json("noriba", "datasets", snapshot_id, "--json")
    assert SOURCE in {found["source"] for found in shown["objects"]}
    assert next(one for one in list_snapshots(loop.session) if one.snapshot_id == snapshot_id).rows_from_traffic >= 2


def test_what_has_just_been_observed_is_known_to_the_next_requests(loop: Loop, champion: ModelPackage) -> None:
    assert champion
    spec = loop.session.use_case.live
    assert spec is not None
    now = datetime.now(UTC)
    ask(loop, {**RIDE, "pickup_at": (now - timedelta(minutes=20)).isoformat()}, 900.0)

    def find_state() -> bool:
        state = loop.session.ledger.read_live(spec)
        return state is not None and not state.is_stale(now.timestamp())

    loop.eventually(find_state, within_s=90)
    captures = ObjectStore(loop.session.clients.s3, loop.session.deployment.captures_bucket)
    asked = set[str]()

    def find_captured() -> Mapping[str, tuple[float | None, ...]] | None:
        """What was known to a request of this test, as it was captured."""
        request = {**RIDE, "pickup_at": now.isoformat()}
        asked.add(str(loop.api.predict("taxi_eta", request).answer["prediction_id"]))
        keys = captures.list_keys("noriba-taxi-eta/")
        found = (one for one in Lines().read_answers(captures, keys) if one.prediction_id in asked)
        return next((one.inputs for one in found if one.inputs[spec.names[0]] != (None,)), None)

    known = loop.eventually(find_captured)

    # Of the pace of a city, in s/m: no ride of this one takes a tenth or ten times as long.
    for name in spec.names:
        assert -2.5 < known[name][0] < 2.5
