"""What the app is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.records.explanations import Contribution, Doubt, Explanation
from noriba.records.inference import ModelAnswer
from noriba.serving.answers import define_answer, write_answer
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from typing import Any

    from noriba.usecase import UseCase

PREDICTION_ID = "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e"
ANSWER = ModelAnswer(
    low=(90.04, 180.0), value=(100.06, 200.0), high=(110.0, 1e4 / 3), claimed_coverage=0.9 - 0.1, bundle_digest="b" * 64
)
ROWS = st.lists(st.tuples(*[st.floats(1.0, 1e5)] * 3).map(sorted), min_size=1, max_size=20)


def test_candidates_are_answered_in_their_order_and_by_their_names(use_case: UseCase) -> None:
    text = write_answer(use_case, ANSWER, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=["near", "far"])
    document = json.loads(text)

    assert document == {
        "prediction_id": PREDICTION_ID,
        "use_case": "taxi_eta",
        "model_version": 7,
        "interval_coverage": 0.8,
        "predictions": [
            {"candidate_id": "near", "eta_s": 100.1, "eta_low_s": 90.0, "eta_high_s": 110.0},
            {"candidate_id": "far", "eta_s": 200.0, "eta_low_s": 180.0, "eta_high_s": 3333.3},
        ],
    }


def test_a_single_origin_has_no_name(use_case: UseCase) -> None:
    one = ModelAnswer((90.0,), (100.0,), (110.0,), claimed_coverage=0.8, bundle_digest="b" * 64)

    document = json.loads(
        write_answer(use_case, one, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=[None])
    )

    assert document["predictions"] == [{"eta_s": 100.0, "eta_low_s": 90.0, "eta_high_s": 110.0}]


def test_an_answer_for_other_candidates_than_were_asked_about_is_a_mistake(use_case: UseCase) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_answer(use_case, ANSWER, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=["a", "b", "c"])


@given(ROWS, st.booleans())
def test_every_answer_is_as_the_api_describes_it_and_stays_in_order(rows: list[list[float]], named: bool) -> None:
    use_case = load_use_case("taxi_eta")
    low, value, high = (tuple(column) for column in zip(*rows, strict=True))
    answer = ModelAnswer(low, value, high, claimed_coverage=0.8, bundle_digest="b" * 64)
    candidate_ids = [f"car {i}" if named else None for i in range(len(rows))]

    document = json.loads(
        write_answer(use_case, answer, prediction_id=PREDICTION_ID, model_version=1, candidate_ids=candidate_ids)
    )

    described = define_answer(use_case).model_json_schema()
    jsonschema.validate(document, described, format_checker=jsonschema.FormatChecker())
    for prediction, (lowest, median, highest) in zip(document["predictions"], rows, strict=True):
        assert prediction["eta_low_s"] <= prediction["eta_s"] <= prediction["eta_high_s"]
        found = (prediction["eta_low_s"], prediction["eta_s"], prediction["eta_high_s"])
        assert found == pytest.approx((lowest, median, highest), abs=0.0500001)


# --- explained, and doubted -------------------------------------------------------------------------------------------


def write_one(answer: ModelAnswer) -> dict[str, Any]:
    """The one prediction of an answer, as an app reads it."""
    use_case = load_use_case("taxi_eta")
    text = write_answer(use_case, answer, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=[None])
    read: dict[str, Any] = json.loads(text)
    jsonschema.validate(read, define_answer(use_case).model_json_schema())
    (prediction,) = read["predictions"]
    return dict(prediction)


def answer_of(explanation: Explanation, doubts: tuple[Doubt, ...] = ()) -> ModelAnswer:
    total = explanation.total
    return ModelAnswer((total - 1,), (total,), (total + 1,), 0.8, "b" * 64, (explanation,), (doubts,))


def test_an_explanation_is_told_in_numbers_and_words() -> None:
    contributions = (
        Contribution(column="haversine_m", value=6302.04, amount=210.36),
        Contribution(column="traffic_hour", value=17.0, amount=-30.04),
        Contribution(column="rain", value=None, amount=0.01),
    )

    prediction = write_one(answer_of(Explanation(base=600.0, contributions=contributions, rest=1.0)))

    assert prediction["explanation"] == {
        "unit": "s",
        "base": 600.0,
        "features": [
            {
                "feature": "haversine_m",
                "value": 6302.04,
                "amount": 210.4,
                "text": "the straight-line distance is 6302.04 m: 210.4 s longer",
            },
            {
                "feature": "traffic_hour",
                "value": 17.0,
                "amount": -30.0,
                "text": "the hour is 17:00 to 18:00 on a weekday: 30.0 s shorter",
            },
            {"feature": "rain", "amount": 0.0, "text": "the rain is unknown: no change"},
        ],
        "rest": 0.9,
    }


@given(st.floats(1.0, 1e5), st.lists(st.floats(-1e4, 1e4), max_size=5), st.floats(-1e3, 1e3))
def test_what_an_app_is_told_adds_up_although_it_is_rounded(base: float, amounts: list[float], rest: float) -> None:
    contributions = tuple(Contribution(column="rain", value=1.0, amount=amount) for amount in amounts)

    prediction = write_one(answer_of(Explanation(base=base, contributions=contributions, rest=rest)))

    told = prediction["explanation"]
    total = told["base"] + sum(one["amount"] for one in told["features"]) + told["rest"]
    assert total == pytest.approx(prediction["eta_s"], abs=1e-6)
    # And what rounding leaves is little: half a digit for each number that was rounded.
    assert told["rest"] == pytest.approx(rest, abs=0.05 * (len(amounts) + 3) + 1e-6)


def test_a_doubted_prediction_says_why() -> None:
    doubts = (
        Doubt(kind="above", column="haversine_m", value=52_000.0, bound=31_000.0),
        Doubt(kind="unseen", column="origin_area", value=200.0),
        Doubt(kind="premonition"),
    )

    prediction = write_one(answer_of(Explanation(base=600.0, contributions=(), rest=0.0), doubts))

    assert prediction["confidence"] == "low"
    assert prediction["reasons"] == [
        "the straight-line distance is 52000 m; training saw no more than 31000 m",
        "the area of the origin is 200; training never saw that",
        "the request is unlike what the model has learned from",
    ]


def test_a_prediction_that_nobody_doubts_says_nothing_of_confidence() -> None:
    prediction = write_one(answer_of(Explanation(base=600.0, contributions=(), rest=0.0)))

    assert not {"confidence", "reasons"} & prediction.keys()
