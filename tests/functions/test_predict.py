"""From an app's request to an answer; every failure has its own status, and no log knows where anybody is."""

from __future__ import annotations

import gc
import json
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from botocore.exceptions import EndpointConnectionError

from functions import predictions
from functions.predict import handler as predict_module
from functions.predict.handler import handler as predict
from functions.telemetry import logger
from noriba.aws.gateway import MAX_BODY_BYTES
from noriba.aws.ledger import Ledger
from noriba.aws.ledger_reading import RequestLedger
from noriba.aws.live_means import LiveMeans
from noriba.aws.live_models import FeatureArchive
from noriba.features import FeatureSet
from noriba.features.frozen import freeze_features
from noriba.records.explanations import Contribution, Doubt, Explanation
from noriba.records.inference import ModelAnswer, Refusal, encode_refusal
from noriba.records.live import LiveState
from noriba.records.stretching import Stretch, Stretching
from noriba.records.wanted import Wanted
from noriba.serving.answers import define_answer
from noriba.usecase import load_use_case
from tests.functions.conftest import Cloud, Listen, read_event
from tests.functions.fake_runtime import ModelFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.features import Column

USE_CASE = load_use_case("taxi_eta")
ENDPOINT = "noriba-taxi-eta"
ONE = read_event("api_predict")
CANDIDATES = read_event("api_predict_candidates")
RIDE = json.loads(ONE["body"])


def drive_at_eight_metres_a_second(columns: Mapping[str, Column]) -> ModelAnswer:
    """A model of one feature."""
    identity = next(name for name in USE_CASE.features.identities if name.startswith("haversine_m@"))
    seconds = 60.0 + columns[identity] / 8.0
    return ModelAnswer(
        low=tuple((seconds * 0.8).tolist()),
        value=tuple(seconds.tolist()),
        high=tuple((seconds * 1.25).tolist()),
        claimed_coverage=0.8,
        bundle_digest="abc",
    )


@pytest.fixture(autouse=True)
def _a_new_instance() -> None:
    """What one instance learned, the next one does not know."""
    predict_module.find_traffic.cache_clear()
    predictions.leave_out_of_collections.cache_clear()


def ask(context: LambdaContext, body: object, *, use_case: str = "taxi_eta") -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    answered = predict(ONE | {"body": text, "pathParameters": {"use_case": use_case}}, context)
    is_good = answered["statusCode"] == 200
    assert answered["headers"]["content-type"] == ("application/json" if is_good else "application/problem+json")
    return answered["statusCode"], json.loads(answered["body"])


def test_a_ride_is_answered_as_the_api_describes_it(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v7")

    answered = predict(ONE, context)

    document = json.loads(answered["body"])
    assert answered["statusCode"] == 200
    jsonschema.validate(document, define_answer(USE_CASE).model_json_schema())
    assert document["use_case"] == "taxi_eta"
    assert document["model_version"] == 7
    assert document["interval_coverage"] == 0.8
    (prediction,) = document["predictions"]
    assert prediction["eta_low_s"] < prediction["eta_s"] < prediction["eta_high_s"]
    assert prediction["eta_s"] == pytest.approx(60 + 6_300 / 8, abs=2)


@pytest.mark.parametrize(
    "said",
    [
        {"value": (math.nan,)},
        {"high": (math.inf,)},
        {"low": (1.0, 2.0)},
        {"value": ("soon",)},
        {"value": (10**400,)},
        {"claimed_coverage": "high"},
    ],
)
def test_an_answer_that_is_no_prediction_is_told_to_the_operator_and_never_to_an_app(
    cloud: Cloud, context: LambdaContext, said: dict[str, Any], listen: Listen
) -> None:
    cloud.runtime.put(ENDPOINT, lambda columns: replace(drive_at_eight_metres_a_second(columns), **said))

    read = listen(logger)
    status, problem = ask(context, RIDE)

    assert status == 502
    assert problem["detail"] == "the model in production answered something that is no prediction; tell the operator"
    assert "no prediction" in read()


def test_the_endpoint_is_asked_with_the_features_that_training_computes(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    document = json.loads(predict(ONE, context)["body"])

    (asked,) = cloud.runtime.invocations
    assert asked.endpoint_name == ENDPOINT
    assert asked.inference_id == document["prediction_id"]
    assert tuple(asked.columns) == USE_CASE.features.identities
    computed = USE_CASE.features.compute(USE_CASE.complete(USE_CASE.request.model_validate(RIDE).to_columns()))
    for feature in USE_CASE.features.features:
        assert (
            asked.columns[feature.identity].tobytes()
            == np.where(np.isnan(computed[feature.name]), np.nan, computed[feature.name]).tobytes()
        )


def test_every_candidate_is_answered_under_its_own_name_in_the_order_sent(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    answered = json.loads(predict(CANDIDATES, context)["body"])

    near, far = answered["predictions"]
    assert (near["candidate_id"], far["candidate_id"]) == ("near", "far")
    assert near["eta_s"] < far["eta_s"]
    # The model is told as well: what is captured of the request must be found again by an outcome.
    [asked] = cloud.runtime.invocations
    assert asked.candidate_ids == ["near", "far"]


def test_what_the_first_answer_made_stops_no_later_request(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v7")
    gc.unfreeze()

    try:
        predict(ONE, context)
        kept = gc.get_freeze_count()
        predict(ONE, context)

        assert kept > len(gc.get_objects())
        assert gc.get_freeze_count() <= kept
    finally:
        gc.unfreeze()


def test_where_the_app_names_no_candidate_nothing_is_named(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    predict(ONE, context)

    [asked] = cloud.runtime.invocations
    assert asked.candidate_ids is None


def test_five_hundred_candidates_are_one_request_to_the_model(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    cars = [{"candidate_id": f"car-{car}", "origin": {"zone_id": 1 + car % 263}} for car in range(500)]

    status, document = ask(
        context, {"candidates": cars, "destination": {"zone_id": 74}, "pickup_at": RIDE["pickup_at"]}
    )

    assert status == 200
    assert [prediction["candidate_id"] for prediction in document["predictions"]] == [
        f"car-{car}" for car in range(500)
    ]
    assert len(cloud.runtime.invocations) == 1


def test_every_prediction_has_its_own_id(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    ids = {json.loads(predict(ONE, context)["body"])["prediction_id"] for _ in range(3)}

    assert len(ids) == 3


# --- what the app did wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("", 400, "the body is not JSON"),
        ("{", 400, "the body is not JSON"),
        ("[" * 100_000, 400, "the body is not JSON"),
        ("[]", 400, "the body must be a JSON object"),
        ("x" * (MAX_BODY_BYTES + 1), 413, "the body is larger than"),
        ({}, 422, "destination: Field required; pickup_at: Field required"),
        (RIDE | {"origin": {"zone_id": 999}}, 422, "origin.zone_id: this taxi zone has no place"),
        (RIDE | {"pickup_at": "now"}, 422, "pickup_at: write ISO 8601"),
        (RIDE | {"passenger": "Ada"}, 422, "passenger: Extra inputs are not permitted"),
    ],
)
def test_a_request_that_cannot_be_understood_is_the_apps_to_correct(
    cloud: Cloud, context: LambdaContext, body: object, status: int, detail: str
) -> None:
    answered, problem = ask(context, body)

    assert answered == problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert cloud.runtime.invocations == []


@pytest.mark.usefixtures("cloud")
def test_a_problem_names_every_field_and_repeats_no_values(context: LambdaContext) -> None:
    _, problem = ask(
        context, RIDE | {"origin": {"latitude": 140.7947113, "longitude": -73.9425117}, "pickup_at": "soon"}
    )

    assert {fault["field"] for fault in problem["errors"]} == {"origin.latitude", "pickup_at"}
    assert "140.79" not in json.dumps(problem)


@pytest.mark.usefixtures("cloud")
def test_an_unknown_use_case_is_not_found(context: LambdaContext) -> None:
    status, problem = ask(context, RIDE, use_case="bus_eta")

    assert status == 404
    assert problem["detail"].startswith("no use case 'bus_eta'; installed: ")


@pytest.mark.usefixtures("cloud")
def test_a_use_case_with_an_endless_name_is_named_by_its_beginning(context: LambdaContext) -> None:
    status, problem = ask(context, RIDE, use_case="a" * 8_000)

    assert status == 404
    assert len(problem["detail"]) < 200


# --- what went wrong here --------------------------------------------------------------------------------------------


def fail_with(status: int, message: str = "out of memory") -> Any:
    def fail(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise ModelFailure(status, message)

    return fail


@pytest.mark.usefixtures("cloud")
def test_before_the_first_rollout_the_app_is_told_what_is_missing(context: LambdaContext) -> None:
    status, problem = ask(context, RIDE)

    assert status == 503
    assert problem["detail"].startswith("no model is in production yet")


def test_a_model_that_fails_is_worth_another_try(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, fail_with(500))

    status, problem = ask(context, RIDE)

    assert (status, problem["detail"]) == (503, "the model did not answer; try again in a moment")


def test_a_model_of_other_features_is_a_matter_for_the_operator(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, fail_with(400, "missing column rain@0000"))

    status, problem = ask(context, RIDE)

    assert status == 502
    assert "tell the operator" in problem["detail"]


# --- a model whose features the code no longer declares ---------------------------------------------------------------


def haversine_m(origin_latitude: Column, destination_latitude: Column) -> Column:
    """As it was defined when the champion was trained."""
    return np.abs(destination_latitude - origin_latitude) * 111_195.0


LEARNED = FeatureSet([haversine_m], inputs=["origin_latitude", "destination_latitude"])


def refuse_all_but(features: FeatureSet) -> Any:
    """A model that was trained on other definitions than today's, and says which."""

    def predict(columns: Mapping[str, Column]) -> ModelAnswer:
        (identity,) = features.identities
        if identity not in columns:
            refusal = Refusal(f"the model reads {identity}", features.fingerprint)
            raise ModelFailure(424, encode_refusal(refusal).decode())
        seconds = tuple((columns[identity] / 8.0).tolist())
        return ModelAnswer(seconds, seconds, seconds, 0.8, "abc")

    return predict


def test_a_champion_of_older_features_goes_on_answering(cloud: Cloud, context: LambdaContext) -> None:
    FeatureArchive(cloud.store("models")).keep(freeze_features(LEARNED).encode())
    cloud.runtime.put(ENDPOINT, refuse_all_but(LEARNED))

    status, document = ask(context, RIDE)

    columns = USE_CASE.request.model_validate(RIDE).to_columns()
    assert status == 200
    assert document["predictions"][0]["eta_s"] == round(float(LEARNED.compute(columns)["haversine_m"][0]) / 8.0, 1)
    # It was asked twice, and once from then on: with what it reads beside what the code declares.
    assert len(cloud.runtime.invocations) == 2
    assert ask(context, RIDE)[0] == 200
    assert len(cloud.runtime.invocations) == 3
    assert set(cloud.runtime.invocations[-1].columns) == {*LEARNED.identities, *USE_CASE.features.identities}


def test_a_model_whose_definitions_nobody_kept_is_a_matter_for_the_operator(
    cloud: Cloud, context: LambdaContext
) -> None:
    cloud.runtime.put(ENDPOINT, refuse_all_but(LEARNED))

    status, problem = ask(context, RIDE)

    assert (status, len(cloud.runtime.invocations)) == (502, 1)
    assert "tell the operator" in problem["detail"]


def test_definitions_that_are_not_what_their_name_says_are_not_run(cloud: Cloud, context: LambdaContext) -> None:
    forged = freeze_features(LEARNED).replace("111195.0", "1.0")
    cloud.store("models").write(f"features/{LEARNED.fingerprint}.json", forged.encode())
    cloud.runtime.put(ENDPOINT, refuse_all_but(LEARNED))

    status, _problem = ask(context, RIDE)

    assert (status, len(cloud.runtime.invocations)) == (502, 1)


# --- what the log may know -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (drive_at_eight_metres_a_second, RIDE),
        (fail_with(500), RIDE),
        (fail_with(400, "missing column rain@0000"), RIDE),
        (None, RIDE),
        (None, RIDE | {"pickup_at": "soon"}),
        (None, RIDE | {"origin": {"latitude": 140.7947113, "longitude": -73.9425117}}),
        (None, '{"origin": {"latitude": 40.7947113, "longitude": -73.9425117}'),
    ],
)
def test_no_log_line_says_where_anybody_is_or_goes(
    cloud: Cloud, context: LambdaContext, listen: Listen, model: Any, body: object
) -> None:
    read = listen(logger)
    if model is not None:
        cloud.runtime.put(ENDPOINT, model)

    ask(context, body)

    log = read()
    for value in ("40.79", "73.94", "40.74", "73.98", "2026-07-04T18:45"):
        assert value not in log
    # Nor as one of the model's columns.
    straight = USE_CASE.features.compute(USE_CASE.complete(USE_CASE.request.model_validate(RIDE).to_columns()))[
        "haversine_m"
    ][0]
    assert f"{straight:.1f}" not in log


def test_the_log_says_which_prediction_and_which_model(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    read = listen(logger)
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v7")

    document = json.loads(predict(CANDIDATES, context)["body"])

    line = json.loads(read().splitlines()[-1])
    assert line["prediction_id"] == document["prediction_id"]
    assert (line["model_version"], line["candidates"]) == (7, 2)


# --- why, and how sure ------------------------------------------------------------------------------------------------


def explain_and_doubt(columns: Mapping[str, Column]) -> ModelAnswer:
    """As a model answers that was asked to explain, and does not know the place."""
    plain = drive_at_eight_metres_a_second(columns)
    explanations = tuple(
        Explanation(
            base=60.0, contributions=(Contribution(column="haversine_m", value=1.0, amount=t - 60.0),), rest=0.0
        )
        for t in plain.value
    )
    doubts = tuple(
        (Doubt(kind="unseen", column="origin_area", value=9.0),) if not row else () for row in range(len(plain.value))
    )
    return replace(plain, explanations=explanations, doubts=doubts)


def test_who_asks_why_is_told(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, explain_and_doubt)

    status, document = ask(context, RIDE | {"explain": True})

    assert status == 200
    jsonschema.validate(document, define_answer(USE_CASE).model_json_schema())
    assert document["predictions"][0]["explanation"]["features"][0]["feature"] == "haversine_m"
    assert cloud.runtime.invocations[-1].wanted == Wanted(explain=True, humility=USE_CASE.policies.humility)


def test_who_does_not_ask_why_costs_the_model_no_explanation(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    _status, document = ask(context, RIDE)

    assert not cloud.runtime.invocations[-1].wanted.explain
    assert document["predictions"][0].keys() == {"eta_s", "eta_low_s", "eta_high_s"}


def test_a_model_of_before_there_were_explanations_answers_without(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)

    status, document = ask(context, RIDE | {"explain": True})

    assert (status, "explanation" in document["predictions"][0]) == (200, False)


def test_more_candidates_than_a_model_explains_are_refused_before_it_is_asked(
    cloud: Cloud, context: LambdaContext
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    cars = [{"candidate_id": f"car-{car}", "origin": {"zone_id": 1 + car % 263}} for car in range(21)]
    request = {"candidates": cars, "destination": {"zone_id": 74}, "pickup_at": RIDE["pickup_at"]}

    status, problem = ask(context, {**request, "explain": True})

    assert status == 422
    assert problem["errors"][0]["field"] == "explain"
    assert "at most 20 candidates are explained at once, not 21" in problem["detail"]
    assert cloud.runtime.invocations == []
    assert ask(context, {**request, "candidates": cars[:20], "explain": True})[0] == 200


def test_low_confidence_is_told_and_counted(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    cloud.runtime.put(ENDPOINT, explain_and_doubt)
    read = listen(logger)

    near, far = json.loads(predict(CANDIDATES, context)["body"])["predictions"]

    assert (near["confidence"], "confidence" in far) == ("low", False)
    assert near["reasons"] == ["the area of the origin is 9; training never saw that"]
    # What a ride is doubted for says where it begins.
    assert "area" not in read()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: replace(answer, explanations=answer.explanations * 2),
        lambda answer: replace(answer, doubts=answer.doubts * 2),
        lambda answer: replace(answer, value=tuple(v * 1.01 for v in answer.value)),
    ],
)
def test_reasons_that_are_not_of_the_answer_are_no_prediction(
    cloud: Cloud, context: LambdaContext, spoil: Callable[[ModelAnswer], ModelAnswer]
) -> None:
    cloud.runtime.put(ENDPOINT, lambda columns: spoil(explain_and_doubt(columns)))

    assert ask(context, RIDE | {"explain": True})[0] == 502


# --- intervals between trainings --------------------------------------------------------------------------------------


def stretch(cloud: Cloud, log_stretch: float) -> Stretch:
    """In the ledger, as a look of the monitor leaves it."""
    ledger = Ledger(cloud.clients.dynamodb.Table("ledger"), "taxi_eta")
    at = datetime(2026, 7, 4, 18, tzinfo=UTC)
    after = Stretching(version=3, bundle_digest="abc", log_stretch=log_stretch, through=at)
    assert ledger.replace_stretching(after, before=ledger.read_stretching())
    return after.stretch


def test_the_model_is_told_how_far_to_stretch_its_intervals(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    found = stretch(cloud, 0.25)

    ask(context, RIDE)

    assert cloud.runtime.invocations[-1].wanted.stretch == found


def test_no_request_asks_the_ledger_again_within_some_minutes(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    first = stretch(cloud, 0.25)
    ask(context, RIDE)
    second = stretch(cloud, -0.1)

    ask(context, RIDE)
    assert cloud.runtime.invocations[-1].wanted.stretch == first

    now_s = time.time()
    monkeypatch.setattr("noriba.aws.routing.time.time", lambda: now_s + 301)
    ask(context, RIDE)
    assert cloud.runtime.invocations[-1].wanted.stretch == second


def test_intervals_that_need_no_stretching_are_asked_for_as_always(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    stretch(cloud, 0.0)

    ask(context, RIDE)

    assert cloud.runtime.invocations[-1].wanted.stretch is None


# --- what is known of the last hours ---------------------------------------------------------------------------------


def publish(cloud: Cloud, *, ago_s: float, log_pace: float = -1.25) -> None:
    """One ride ended so long before the one that is asked about begins."""
    assert USE_CASE.live is not None
    begins_s = USE_CASE.request.model_validate(RIDE).to_columns()["pickup_at_s"][0]
    state = LiveState(USE_CASE.live)
    state.add(begins_s - ago_s, [()] * len(USE_CASE.live.means), log_pace)
    assert cloud.ledger().replace_live(state.to_json(), looked_at=datetime.now(UTC))


def read_paces(cloud: Cloud) -> list[float]:
    """What the model was told of the city's pace, in the order of the half-lives."""
    asked = cloud.runtime.invocations[-1].columns
    return [float(asked[name][0]) for name in USE_CASE.features.identities if name.startswith("city_pace_")]


def test_the_model_is_told_how_slow_the_city_is(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    # Over four times the shortest half-life, and of that nothing is known any more.
    publish(cloud, ago_s=5_000.0)

    status, _answer = ask(context, RIDE)

    assert status == 200
    soonest, *others = read_paces(cloud)
    assert math.isnan(soonest)
    assert others == pytest.approx([math.exp(-1.25)] * 2)


def test_a_request_is_answered_and_the_log_warned_where_nothing_has_been_observed(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    read = listen(logger)

    assert [ask(context, RIDE)[0] for _ in range(3)] == [200] * 3

    assert all(map(math.isnan, read_paces(cloud)))
    assert read().count("nothing has been observed of late") == 1


def test_a_request_is_answered_while_nobody_can_be_asked_for_the_last_hours(
    cloud: Cloud, context: LambdaContext, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    publish(cloud, ago_s=60.0)
    read = listen(logger)
    with monkeypatch.context() as away:

        def fail(*_args: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        away.setattr(RequestLedger, "read_live", fail)
        assert ask(context, RIDE)[0] == 200

    assert all(map(math.isnan, read_paces(cloud)))
    assert "nobody knows what has been observed of late" in read()
    # It is believed for some seconds that nobody can be asked; then somebody asks again.
    now_s = time.time()
    monkeypatch.setattr("noriba.aws.remembered.time.time", lambda: now_s + 16)
    assert ask(context, RIDE)[0] == 200
    assert read_paces(cloud) == pytest.approx([math.exp(-1.25)] * 3)


def test_a_state_that_is_none_is_nothing_known(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second)
    assert cloud.ledger().replace_live("{}", looked_at=datetime.now(UTC))

    assert ask(context, RIDE)[0] == 200

    assert all(map(math.isnan, read_paces(cloud)))


def test_a_use_case_without_such_means_asks_for_none(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise AssertionError("nobody has declared any")

    monkeypatch.setattr(RequestLedger, "read_live", fail)

    assert LiveMeans(cloud.ledger, warn=fail).find(load_use_case("scooter_energy")) is None
