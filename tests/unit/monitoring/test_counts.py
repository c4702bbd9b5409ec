"""Counting by SQL, on the engine of the laptop, is counting by NumPy."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from noriba.monitoring.counts import Served, read_counts, state_counts
from noriba.records.profiles import count_bins
from noriba.training.profiles import profile_columns

SINCE = datetime(2026, 7, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
IDENTITIES = ("metres@6c6dbf051d9e", "rain@0a1b", "unheard_of@ff")


def make_rows(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    rain = rng.choice([0.0, 0.5, 7.25, math.nan], rows)
    return {"metres": np.round(rng.lognormal(8, 1, rows), 1), "rain": rain}


def make_table(columns: dict[str, np.ndarray], **more: object) -> pa.Table:
    rows = len(columns["metres"])
    features = [
        [("metres@6c6dbf051d9e", float(m)), ("rain@0a1b", None if math.isnan(r) else float(r)), ("other@00", 1.0)]
        for m, r in zip(columns["metres"], columns["rain"], strict=True)
    ]
    at_us = int((SINCE + timedelta(hours=3)).timestamp() * 1e6)
    shared = {"use_case": "taxi_eta", "day": "2026-07-01", "hour": 3, "model_version": 7, "value": 1.0}
    shared |= {"answered_at_us": at_us, "prediction_id": "p", "candidate_id": None, **more}
    return pa.table(
        {
            "features": pa.array(features, pa.map_(pa.string(), pa.float64())),
            **{name: [value] * rows for name, value in shared.items()},
        }
    )


def make_outcomes() -> pa.Table:
    return pa.table(
        {
            "use_case": ["taxi_eta"] * 2,
            "day": ["2026-07-01"] * 2,
            "hour": [4, 4],
            "prediction_id": ["p", "q"],
            "candidate_id": ["sent", "not sent"],
        }
    )


def test_bins_are_those_of_numpy_and_what_is_not_asked_about_does_not_count() -> None:
    rng = np.random.default_rng(1)
    trained = make_rows(rng, 5_000)
    profile = profile_columns(trained, np.sort(rng.uniform(0, 1e6, 5_000)))
    asked = make_rows(rng, 3_000)
    # On the very edges, too.
    asked["metres"][:19] = profile.columns["metres"].edges
    few = make_rows(rng, 50)
    others = [
        make_table(few, model_version=6),
        make_table(few, value=None),
        make_table(few, use_case="scooter_energy"),
        make_table(few, day="2026-06-20"),
        # Eight cars were weighed, and one was sent: the others are not what training will see.
        make_table(few, candidate_id="not sent"),
        make_table(few, answered_at_us=int((UNTIL + timedelta(minutes=1)).timestamp() * 1e6)),
    ]
    engine = duckdb.connect()
    alone, sent = (
        {name: values[rows] for name, values in asked.items()} for rows in (slice(1_500), slice(1_500, None))
    )
    ours = make_table(alone), make_table(sent, candidate_id="sent")
    predictions = pa.concat_tables([*ours, *others], promote_options="permissive")
    engine.register("predictions", predictions)
    engine.register("outcomes", make_outcomes())

    statement = state_counts(profile, IDENTITIES, Served("taxi_eta", 7), since=SINCE, until=UNTIL, now=UNTIL)
    answer = engine.execute(statement.text, list(statement.values))
    names = [column[0] for column in answer.description or ()]
    [row] = answer.fetchall()
    counts = read_counts(dict(zip(names, map(str, row), strict=True)), profile, IDENTITIES)

    assert counts.keys() == {"metres", "rain"}
    for name, found in counts.items():
        assert found.tolist() == count_bins(asked[name], profile.columns[name].edges).tolist()


def test_what_is_no_identity_has_no_place_in_a_query() -> None:
    profile = profile_columns({"metres": np.arange(10.0)}, np.arange(10.0))

    with pytest.raises(ValueError, match="is no feature's identity"):
        state_counts(profile, ["metres@1'] OR 1=1 --"], Served("taxi_eta", 7), since=SINCE, until=UNTIL, now=UNTIL)
