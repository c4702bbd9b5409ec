"""Outcomes as they come, into what requests are told: once each, and published for whoever answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import functions.update_live_means.handler as update_live_means
from functions.telemetry import logger
from noriba.aws.live_updates import LiveUpdate
from noriba.aws.objects import ObjectStore
from noriba.events import OutcomeObserved
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.records.live import name_work
from noriba.serving.requests import convert_request
from noriba.usecase import load_use_case
from tests.functions.conftest import read_counts, read_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.live import LiveState
    from tests.functions.conftest import Cloud, Listen

USE_CASE = load_use_case("taxi_eta")
RIDE: dict[str, Any] = json.loads(read_event("api_predict")["body"])
ENDPOINT = "noriba-taxi-eta"
LASTED_S = 900.0
CAME = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": "outcomes/…"}}}


def ride(*, ago: timedelta) -> dict[str, Any]:
    return RIDE | {"pickup_at": (datetime.now(UTC) - ago).isoformat()}


def capture(cloud: Cloud, names: Sequence[str], *, variant: str = "v6", ago: timedelta = timedelta(minutes=30)) -> None:
    """What SageMaker writes of requests, each half an hour ago."""
    converted = convert_request(USE_CASE, USE_CASE.request.model_validate(ride(ago=ago)))
    asked = encode_columns(converted.columns, inputs=converted.inputs, slices=converted.slices)
    answer = encode_answer(ModelAnswer((1.0,), (2.0,), (3.0,), 0.8, "digest"))
    body = {
        side: {"encoding": "JSON", "data": data.decode()}
        for side, data in (("endpointInput", asked), ("endpointOutput", answer))
    }
    at = datetime.now(UTC) - ago
    lines = [
        json.dumps({"captureData": body, "eventMetadata": {"inferenceId": name, "inferenceTime": at.isoformat()}})
        for name in names
    ]
    key = f"{ENDPOINT}/{variant}/{at:%Y/%m/%d/%H}/{'-'.join(names)}.jsonl"
    cloud.store("captures").write(key, "\n".join(lines).encode())


def report(cloud: Cloud, names: Sequence[str], *, object_name: str = "a", use_case: str = "taxi_eta") -> None:
    """What the archive of outcomes writes."""
    now = datetime.now(UTC)
    events = [
        OutcomeObserved(use_case=use_case, prediction_id=name, value=LASTED_S, observed_at=now - timedelta(minutes=1))
        for name in names
    ]
    lines = [
        json.dumps({"time": now.isoformat(timespec="seconds"), "detail": one.model_dump(mode="json")}) for one in events
    ]
    key = f"outcomes/date={now:%Y-%m-%d}/hour={now:%H}/{object_name}"
    cloud.store("outcomes").write(key, "\n".join(lines).encode())


def update(context: LambdaContext) -> None:
    assert update_live_means.handler(CAME, context) == {}


def find_state(cloud: Cloud) -> LiveState | None:
    assert USE_CASE.live is not None
    return cloud.ledger().read_live(USE_CASE.live)


def read_city(cloud: Cloud) -> tuple[float, float]:
    """Weight and mean of the city's first mean."""
    state = find_state(cloud)
    assert state is not None
    assert USE_CASE.live is not None
    [first, *_] = json.loads(state.to_json())["means"].values()
    [[_last_s, weight, total]] = first["groups"]
    return weight, total / weight


def expect_pace() -> float:
    columns = USE_CASE.features.compute(USE_CASE.complete(USE_CASE.request.model_validate(RIDE).to_columns()))
    pace = USE_CASE.model.pace
    assert pace is not None
    return float(np.log(LASTED_S) - pace.measure_log_length(columns)[0])


def test_an_outcome_is_joined_to_what_was_asked_and_published(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, ["p1", "p2"])
    report(cloud, ["p1"])

    update(context)

    assert read_city(cloud) == pytest.approx((1.0, expect_pace()))


def test_an_outcome_counts_once_however_often_it_comes(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(cloud, ["p1"])
    # The challenger's answer in the shadow is of the same request.
    capture(cloud, ["p1"], variant="v7")
    report(cloud, ["p1", "p1"])
    update(context)
    # The event again; and the same outcome in another object.
    update(context)
    report(cloud, ["p1"], object_name="b")
    update(context)

    assert read_city(cloud)[0] == pytest.approx(1.0)
    assert read_counts(capsys)["taxi_eta"]["OutcomesInLiveMeans"] == 1


def test_an_outcome_may_come_before_its_request_is_captured(cloud: Cloud, context: LambdaContext) -> None:
    report(cloud, ["p1"])
    update(context)
    capture(cloud, ["p1"])
    update(context)

    assert read_city(cloud)[0] == pytest.approx(1.0)


def test_outcomes_of_other_use_cases_are_none_of_these(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, ["p1"])
    report(cloud, ["p1"], use_case="scooter_energy")

    update(context)

    state = find_state(cloud)
    assert state is not None
    assert state.is_stale(datetime.now(UTC).timestamp())


def test_of_two_looks_at_one_moment_each_outcome_counts_once(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(cloud, ["p1"])
    report(cloud, ["p1"])
    begin, waited = LiveUpdate._find_work, list[float]()
    monkeypatch.setattr("time.sleep", waited.append)

    def look_meanwhile(self: LiveUpdate, now: datetime) -> Any:
        work = begin(self, now)
        monkeypatch.setattr(LiveUpdate, "_find_work", begin)
        # Whoever else heard of it is done before this one has read.
        update(context)
        return work

    monkeypatch.setattr(LiveUpdate, "_find_work", look_meanwhile)
    update(context)

    assert len(waited) == 1
    assert read_city(cloud)[0] == pytest.approx(1.0)


def test_work_that_nobody_can_read_begins_anew(cloud: Cloud, context: LambdaContext) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=10)
    cloud.store("captures").write(name_work(ENDPOINT), f"{moment.isoformat()}\nof another version".encode())
    capture(cloud, ["p1"])
    report(cloud, ["p1"])

    update(context)

    assert read_city(cloud)[0] == pytest.approx(1.0)


def test_a_line_that_nobody_can_read_hides_no_other(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    capture(cloud, ["p1"])
    report(cloud, ["p1"])
    now = datetime.now(UTC)
    cloud.store("outcomes").write(f"outcomes/date={now:%Y-%m-%d}/hour={now:%H}/b", b"{")
    told = listen(logger)

    update(context)

    assert read_city(cloud)[0] == pytest.approx(1.0)
    assert '"unreadable":1' in told().replace(" ", "")


def test_no_log_line_says_where_a_ride_began(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    capture(cloud, ["p1"])
    report(cloud, ["p1"])
    read = listen(logger)

    update(context)

    log = read()
    assert "live means updated" in log
    for value in ("40.79", "73.94", "p1", f"{expect_pace():.4f}"):
        assert value not in log


def test_what_fails_is_told_and_ends_with_the_dead_letters(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise ConnectionError("S3 is away")

    monkeypatch.setattr(ObjectStore, "renew", fail)
    capture(cloud, ["p1"])
    report(cloud, ["p1"])

    with pytest.raises(update_live_means.NotUpdatedError, match="taxi_eta"):
        update_live_means.handler(CAME, context)

    assert find_state(cloud) is None
