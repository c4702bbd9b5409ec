"""Why a prediction was made, out of what lies in S3, Athena and the registry; Athena is the laptop's engine."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError

from noriba.aws.why import NoSuchPredictionError
from noriba.client.why import read_why
from noriba.events import MetricsObserved, OutcomeObserved
from noriba.monitoring.observations import OutcomesFile, PredictionsFile
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from tests.unit.aws.fake_athena import FakeAthena
from tests.unit.training.deliveries import FEATURES, USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from noriba.aws.registry import ModelPackage
    from noriba.client import Session, Why
    from tests.unit.client.conftest import Trained

ID = "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e"
UNTIL = datetime.now(UTC)
AT = UNTIL - timedelta(minutes=30)
SINCE = UNTIL - timedelta(hours=2)
ROWS = {"length_m": [900.0, 1e6], "start_area": [3.0, 4.0], "clock_hour": [8.0, np.nan]}
NAMES = ("near", "far")


@dataclass
class FakeS3:
    """Objects by bucket and key."""

    objects: Mapping[tuple[str, str], bytes]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject")
        content = self.objects[Bucket, Key]
        return {"Body": io.BytesIO(content), "ETag": hashlib.md5(content, usedforsecurity=False).hexdigest()}

    def get_paginator(self, _name: str) -> Any:
        def paginate(*, Bucket: str, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
            yield {
                "Contents": [
                    {"Key": key} for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)
                ]
            }

        return SimpleNamespace(paginate=paginate)


def give_answer(trained: Trained, *, scale: float = 1.0) -> CapturedAnswer:
    """What the model answered, or another one would have."""
    columns = {name: np.array(values) for name, values in ROWS.items()}
    answers = trained.model.load().predict_features(columns)
    low, value, high = (tuple((scale * part).tolist()) for part in (answers.low, answers.value, answers.high))
    features = {
        feature.identity: tuple(None if np.isnan(v) else v for v in ROWS[feature.name]) for feature in FEATURES.features
    }
    return CapturedAnswer(ID, AT, NAMES, ModelAnswer(low, value, high, 0.8, trained.digest), features=features)


def tabulate(content: bytes) -> pa.Table:
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    for name, value in {"use_case": "deliveries", "day": f"{AT:%Y-%m-%d}", "hour": AT.hour}.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    return table


def open_session(
    answers: Mapping[str, CapturedAnswer], packages: list[ModelPackage], objects: Mapping[tuple[str, str], bytes]
) -> Session:
    """A deployment in which these variants answered, and `near` took 100 seconds and was not cancelled."""
    engine = duckdb.connect()
    files = []
    for variant, captured in answers.items():
        file = PredictionsFile("noriba-deliveries")
        file.add(variant, [captured])
        files.append(tabulate(file.finish(unreadable=0)))
    engine.register("predictions", pa.concat_tables(files))
    outcomes = OutcomesFile()
    about: dict[str, Any] = {"use_case": "deliveries", "prediction_id": ID, "candidate_id": "near", "observed_at": AT}
    outcomes.add([(AT, OutcomeObserved(value=100.0, **about))])
    engine.register("outcomes", tabulate(outcomes.finish(unreadable=0)))
    measured = json.dumps({"detail": MetricsObserved(metrics={"cancelled": 0.0}, **about).model_dump(mode="json")})
    key = f"metrics/date={AT:%Y-%m-%d}/hour={AT:%H}/a"
    done = json.dumps({"done": True, "files": 0, "predictions": 0, "outcomes": 0, "unreadable": 0})
    invoked = {"StatusCode": 200, "Payload": SimpleNamespace(read=done.encode)}
    functions = SimpleNamespace(invoke=lambda **_: invoked)
    accounts = {
        "observations": SimpleNamespace(athena=FakeAthena(engine), functions=functions),
        "serving": SimpleNamespace(s3=FakeS3({("outcomes", key): measured.encode()})),
        "registry": SimpleNamespace(s3=FakeS3(objects)),
    }
    session = SimpleNamespace(
        use_case_name="deliveries",
        use_case=USE_CASE,
        at=accounts.__getitem__,
        registry=SimpleNamespace(list_packages=lambda: packages),
        deployment=SimpleNamespace(
            query_workgroup="noriba", observations_database="noriba", compact_function="c", outcomes_bucket="outcomes"
        ),
    )
    return cast("Session", session)


def look(session: Session, prediction_id: str = ID, *, contributions: bool = True) -> Why:
    return read_why(session, prediction_id, since=SINCE, until=UNTIL, contributions=contributions)


def test_all_that_is_known_of_a_prediction_is_told(trained: Trained) -> None:
    package = trained.register()
    session = open_session({"v7": give_answer(trained)}, [package], {("models", "v7/model.tar.gz"): trained.artifact})

    why = look(session)

    assert (why.answered_at, why.unit) == (AT, "s")
    [version] = why.versions
    assert version.unexplained is None
    assert version.origin is not None
    assert (version.origin.snapshot_id, version.origin.note) == ("s-1", "better at night, by arn:ada")
    near, far = version.candidates
    assert (near.candidate_id, near.outcome, near.metrics) == ("near", 100.0, {"cancelled": 0.0})
    assert (far.candidate_id, far.outcome, far.error, far.metrics) == ("far", None, None, {})
    for one in (near, far):
        assert one.value is not None
        assert one.base is not None
        assert one.base + sum(each.amount for each in one.contributions) == pytest.approx(one.value, abs=1e-6)
    assert near.value is not None
    assert near.error == near.value - 100.0
    assert near.features == {feature.identity: ROWS[feature.name][0] for feature in FEATURES.features}
    assert far.features[FEATURES.identities[-1]] is None
    assert near.reasons == ()
    assert far.reasons[0] == "clock hour is unknown; training always knew it"


def test_each_version_that_was_asked_speaks_for_itself(trained: Trained) -> None:
    """A challenger in the shadow, whose model is gone; and one that was given another's words."""
    answers = {
        "v7": give_answer(trained),
        "v8": give_answer(trained, scale=1.01),
        "v9": give_answer(trained),
    }
    artifact = {("models", f"v{version}/model.tar.gz"): trained.artifact for version in (7, 8)}
    session = open_session(answers, [trained.register(version) for version in (7, 8)], artifact)

    seven, eight, nine = look(session).versions

    assert (seven.model_version, seven.unexplained) == (7, None)
    assert eight.unexplained == "asked again, the model answers something else: what was captured was not its own"
    assert (nine.origin, nine.unexplained) == (None, "the model, or its artifact, is there no more")
    # What was asked is known all the same.
    assert nine.candidates[0].features == seven.candidates[0].features
    assert nine.candidates[0].base is None
    assert {one.candidates[0].outcome for one in (seven, eight, nine)} == {100.0}


def test_an_answer_that_was_none_is_shown_as_none(trained: Trained) -> None:
    captured = give_answer(trained)
    none = CapturedAnswer(
        ID, AT, NAMES, ModelAnswer((), (), (), claimed_coverage=0.8, bundle_digest=""), features=captured.features
    )
    package = trained.register()
    session = open_session({"v7": none}, [package], {("models", "v7/model.tar.gz"): trained.artifact})

    [version] = look(session).versions

    assert version.unexplained == "it gave no answer"
    assert (version.candidates[0].value, version.candidates[0].error, version.candidates[0].outcome) == (
        None,
        None,
        100.0,
    )


def test_without_contributions_no_model_is_asked(trained: Trained) -> None:
    # Not even one that nobody could read.
    session = open_session({"v7": give_answer(trained)}, [trained.register(digest="another")], {})

    [version] = look(session, contributions=False).versions

    assert version.unexplained == "they were not asked for"
    assert version.candidates[0].value is not None


def test_what_is_not_found_may_lie_further_back(trained: Trained) -> None:
    session = open_session({"v7": give_answer(trained)}, [], {})

    with pytest.raises(NoSuchPredictionError, match=r"of deliveries was captured within 2 hours.*--hours"):
        look(session, ID.replace("0", "1"))
    with pytest.raises(NoSuchPredictionError, match="'yesterday' is no prediction's id"):
        look(session, "yesterday")
