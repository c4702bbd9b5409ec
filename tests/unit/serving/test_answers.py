"""What the app is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.records.inference import ModelAnswer
from noriba.serving.answers import define_answer, write_answer
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from noriba.usecase import UseCase

PREDICTION_ID = "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e"
ANSWER = ModelAnswer(
    low=(90.04, 180.0), value=(100.06, 200.0), high=(110.0, 1e4 / 3), claimed_coverage=0.9 - 0.1, bundle_digest="b" * 64
)
ROWS = st.lists(st.tuples(*[st.floats(1.0, 1e5)] * 3).map(sorted), min_size=1, max_size=20)


def test_candidates_are_answered_in_their_order_and_by_their_names(use_case: UseCase) -> None:
    document = write_answer(
        use_case, ANSWER, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=["near", "far"]
    )

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

    document = write_answer(use_case, one, prediction_id=PREDICTION_ID, model_version=7, candidate_ids=[None])

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
        json.dumps(
            write_answer(use_case, answer, prediction_id=PREDICTION_ID, model_version=1, candidate_ids=candidate_ids)
        )
    )

    described = define_answer(use_case).model_json_schema()
    jsonschema.validate(document, described, format_checker=jsonschema.FormatChecker())
    for prediction, (lowest, median, highest) in zip(document["predictions"], rows, strict=True):
        assert prediction["eta_low_s"] <= prediction["eta_s"] <= prediction["eta_high_s"]
        found = (prediction["eta_low_s"], prediction["eta_s"], prediction["eta_high_s"])
        assert found == pytest.approx((lowest, median, highest), abs=0.0500001)
