"""From a body to columns, or to a problem that names every field at fault."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from noriba.errors import FeatureMismatchError
from noriba.features import FeatureSet
from noriba.serving.outcomes import OutcomeRequest, check_observed, define_outcome
from noriba.serving.problems import MOST_FAULTS, Problem, ProblemError
from noriba.serving.requests import convert_request, parse_body
from noriba.usecase import BusinessMetric

if TYPE_CHECKING:
    from pydantic import BaseModel

    from noriba.features import Column
    from noriba.usecase import PredictionRequest, UseCase

RIDE = {
    "origin": {"latitude": 40.758, "longitude": -73.9855},
    "destination": {"zone_id": 74},
    "pickup_at": "2026-07-01T17:45:00-04:00",
}
OUTCOME = {
    "prediction_id": "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e",
    "value": 812.5,
    "observed_at": "2026-07-01T18:00:00-04:00",
}


def refuse(model: type[BaseModel], body: str | None) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        parse_body(model, body)
    return refusal.value.problem


# --- what is no request at all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="no body"),
        pytest.param("", id="empty"),
        pytest.param("origin=1", id="a form"),
        pytest.param('{"origin": ', id="cut short"),
        pytest.param("[" * 100_000, id="deeper than any stack"),
    ],
)
def test_what_is_not_json_is_a_bad_request(use_case: UseCase, body: str | None) -> None:
    problem = refuse(use_case.request, body)

    assert (problem.status, problem.title) == (400, "Bad Request")
    assert problem.detail.startswith("the body is not JSON: ")


@pytest.mark.parametrize("body", ["null", "7", '"ride"', "[]", "true"])
def test_what_is_no_object_is_a_bad_request(use_case: UseCase, body: str) -> None:
    assert refuse(use_case.request, body) == Problem.of(400, "the body must be a JSON object")


# --- fields at fault -------------------------------------------------------------------------------------------------


def test_every_field_at_fault_is_named_at_once(use_case: UseCase) -> None:
    body = {
        "origin": {"latitude": 140.758, "longitude": "west"},
        "pickup_at": "tomorrow",
        "tip": 5,
        "rain_mm_per_h": -1,
    }

    problem = refuse(use_case.request, json.dumps(body))

    assert problem.status == 422
    fields = {fault.field for fault in problem.errors}
    assert fields == {"origin.latitude", "origin.longitude", "destination", "pickup_at", "tip", "rain_mm_per_h"}
    for fault in problem.errors:
        assert f"{fault.field}: {fault.message}" in problem.detail


def test_a_field_in_a_list_is_named_by_its_place(use_case: UseCase) -> None:
    candidates = [{"candidate_id": str(i), "origin": {"zone_id": 75}} for i in range(3)]
    candidates[2]["origin"] = {"latitude": 1e6, "longitude": 0}

    problem = refuse(use_case.request, json.dumps({**RIDE, "origin": None, "candidates": candidates}))

    assert [fault.field for fault in problem.errors] == ["candidates.2.origin.latitude"]


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\n", "\x7f", "\x9b", "\u2028"])
def test_a_name_that_could_move_a_terminal_or_end_a_line_is_refused(use_case: UseCase, sign: str) -> None:
    candidates = [{"candidate_id": f"车 7 🚕{sign}", "origin": {"zone_id": 75}}]

    problem = refuse(use_case.request, json.dumps({**RIDE, "origin": None, "candidates": candidates}))

    message = "holds a control character or a line break; send printable characters"
    assert [(fault.field, fault.message) for fault in problem.errors] == [("candidates.0.candidate_id", message)]
    candidates[0]["candidate_id"] = "车 7 🚕"
    parse_body(use_case.request, json.dumps({**RIDE, "origin": None, "candidates": candidates}))


def test_a_fault_of_the_whole_is_the_body_s(use_case: UseCase) -> None:
    problem = refuse(use_case.request, json.dumps({**RIDE, "origin": None}))

    assert [(fault.field, fault.message) for fault in problem.errors] == [("body", "send either origin or candidates")]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_none_is_a_fault_of_its_field(use_case: UseCase, text: str) -> None:
    body = json.dumps({**RIDE, "rain_mm_per_h": "?"}).replace('"?"', text)

    assert [fault.field for fault in refuse(use_case.request, body).errors] == ["rain_mm_per_h"]


SECRET_PLACES: list[dict[str, Any]] = [
    {**RIDE, "origin": {"latitude": 940.7580001, "longitude": -973.98550001}},
    {**RIDE, "origin": {"latitude": "40.7580001N", "longitude": "73.98550001W"}},
    {**RIDE, "origin": "Mulberry Street 7580001"},
    {**RIDE, "pickup_at": "the 7580001st of never"},
    {**RIDE, "pickup_at": "1758-06-01T12:00:01Z"},
    {**RIDE, "origin": {"latitude": 40.7580001, "longitude": -73.98550001, "zone_id": 74}},
    {"rider": "Ms 7580001", **RIDE, "rider_name": {"first": "98550001"}},
    {**RIDE, "rain_mm_per_h": 7580001},
]


@pytest.mark.parametrize("body", SECRET_PLACES)
def test_what_was_sent_is_never_repeated(use_case: UseCase, body: dict[str, Any]) -> None:
    told = refuse(use_case.request, json.dumps(body)).model_dump_json()

    for secret in ("7580001", "98550001", "Mulberry", "1758"):
        assert secret not in told


# --- good requests ---------------------------------------------------------------------------------------------------


def parse(use_case: UseCase, body: dict[str, object]) -> PredictionRequest:
    request = parse_body(use_case.request, json.dumps(body))
    assert isinstance(request, use_case.request)
    return request


def test_a_request_becomes_feature_columns_under_their_identities(use_case: UseCase) -> None:
    columns = convert_request(use_case, parse(use_case, RIDE)).columns

    assert tuple(columns) == use_case.features.identities
    assert {column.shape for column in columns.values()} == {(1,)}
    by_name = {identity.partition("@")[0]: column[0] for identity, column in columns.items()}
    assert by_name["hour_of_day"] == 17.75
    assert by_name["origin_lat"] == 40.758
    assert np.isnan(by_name["rain"])


def test_a_request_s_inputs_go_along_and_give_the_same_features_again(use_case: UseCase) -> None:
    converted = convert_request(use_case, parse(use_case, RIDE))

    assert set(converted.inputs) >= set(use_case.features.inputs)
    again = use_case.features.compute_identified(converted.inputs)
    for identity, column in converted.columns.items():
        np.testing.assert_array_equal(again[identity], column, strict=True)


def test_many_candidates_are_many_rows_each_as_if_it_were_alone(use_case: UseCase) -> None:
    origins = [{"zone_id": 75}, {"latitude": 40.7580, "longitude": -73.9855}, {"zone_id": 23}]
    together = parse(
        use_case,
        {
            "candidates": [{"candidate_id": f"car {i}", "origin": origin} for i, origin in enumerate(origins)],
            "destination": RIDE["destination"],
            "pickup_at": RIDE["pickup_at"],
        },
    )

    columns = convert_request(use_case, together).columns

    assert together.candidate_ids() == ["car 0", "car 1", "car 2"]
    for row, origin in enumerate(origins):
        alone = convert_request(use_case, parse(use_case, {**RIDE, "origin": origin})).columns
        for identity, column in alone.items():
            np.testing.assert_array_equal(columns[identity][row : row + 1], column, strict=True)


def test_each_row_is_labelled_with_the_part_of_the_traffic_that_it_belongs_to(use_case: UseCase) -> None:
    slices = convert_request(use_case, parse(use_case, {**RIDE, "origin": {"zone_id": 75}})).slices

    assert slices == {
        "part of day": ["evening"],
        "distance": ["1-3 km"],
        "kind of day": ["weekday"],
        "origin borough": ["Manhattan"],
    }


def twice_as_far(origin_latitude: Column, destination_latitude: Column) -> Column:
    return 2.0 * (destination_latitude - origin_latitude)


def test_what_a_live_model_reads_is_computed_beside_what_the_code_declares(use_case: UseCase) -> None:
    request = parse(use_case, RIDE)
    learned = FeatureSet([twice_as_far], inputs=["origin_latitude", "destination_latitude"])

    converted = convert_request(use_case, request, also=[learned, use_case.features]).columns

    assert set(converted) == {*use_case.features.identities, *learned.identities}
    columns = request.to_columns()
    expected = 2.0 * (columns["destination_latitude"] - columns["origin_latitude"])
    np.testing.assert_array_equal(converted[learned.identities[0]], expected)


def test_a_model_that_reads_an_input_that_no_request_brings_cannot_be_asked(use_case: UseCase) -> None:
    def rides_today(tips: Column) -> Column:
        return tips

    learned = FeatureSet([rides_today], inputs=["tips"])

    with pytest.raises(FeatureMismatchError, match="missing input column tips"):
        convert_request(use_case, parse(use_case, RIDE), also=[learned])


def test_the_use_case_s_golden_requests_are_good_requests(use_case: UseCase) -> None:
    assert len(use_case.golden_requests) >= 5
    for body in use_case.golden_requests:
        request = parse(use_case, dict(body))
        columns = convert_request(use_case, request).columns
        assert {len(column) for column in columns.values()} == {len(request.candidate_ids())}


# --- outcomes --------------------------------------------------------------------------------------------------------


def test_an_outcome_is_read_with_its_zone() -> None:
    outcome = parse_body(OutcomeRequest, json.dumps({**OUTCOME, "candidate_id": "near"}))

    assert isinstance(outcome, OutcomeRequest)
    assert outcome.observed_at == datetime(2026, 7, 1, 22, 0, tzinfo=UTC)
    assert (outcome.value, outcome.candidate_id) == (812.5, "near")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prediction_id", "0b6e5f0c"),
        ("prediction_id", "0B6E5F0C-7A3D-4B8E-9D5E-1F2A3B4C5D6E"),
        ("prediction_id", None),
        ("candidate_id", ""),
        ("candidate_id", "x" * 65),
        ("candidate_id", "car\n"),
        ("value", 0),
        ("value", -1),
        ("value", "soon"),
        ("value", "1234.5"),
        ("value", True),
        ("observed_at", "2026-07-01T18:00:00"),
        ("observed_at", "yesterday"),
        ("observed_at", 1_782_943_200),
        ("observed_at", "1782943200"),
        ("observed_at", "1970-01-01T00:00:00Z"),
        ("rider", "somebody"),
    ],
)
def test_a_bad_outcome_names_its_field(field: str, value: object) -> None:
    problem = refuse(OutcomeRequest, json.dumps({**OUTCOME, field: value}))

    assert problem.status == 422
    assert [fault.field for fault in problem.errors] == [field]


@pytest.mark.parametrize("value", [0, 12.5, 3600])
def test_a_metric_with_a_range_takes_what_lies_in_it(use_case: UseCase, value: float) -> None:
    taken = parse_body(define_outcome(replace(use_case, metrics=(WAITED,))), json.dumps(report_waited(value)))

    assert taken.model_dump()["metrics"] == {"waited_s": value}


@pytest.mark.parametrize("value", [-0.1, 3600.5, 9e8, True, "12", None])
def test_a_metric_with_a_range_refuses_what_does_not_and_says_what_it_takes(use_case: UseCase, value: object) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_body(define_outcome(replace(use_case, metrics=(WAITED,))), json.dumps(report_waited(value)))

    [fault] = refused.value.problem.errors or ()
    assert fault.field == "metrics.waited_s"
    assert "must be a number from 0 to 3600" in fault.message


WAITED = BusinessMetric("waited_s", "how long the passenger waited", better="less", value_range=(0, 3600))


def report_waited(value: object) -> dict[str, Any]:
    about = {"prediction_id": "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e", "observed_at": "2026-07-01T18:00:00-04:00"}
    return {**about, "metrics": {"waited_s": value}}


def test_an_outcome_from_the_future_is_refused_beyond_what_clocks_may_differ() -> None:
    outcome = OutcomeRequest.model_validate_json(json.dumps(OUTCOME))

    check_observed(outcome, now=outcome.observed_at - timedelta(minutes=5))
    with pytest.raises(ProblemError) as refusal:
        check_observed(outcome, now=outcome.observed_at - timedelta(minutes=5, seconds=1))

    problem = refusal.value.problem
    assert (problem.status, problem.errors[0].field) == (422, "observed_at")
    assert problem.detail == "observed_at: lies in the future; it is 2026-07-01T17:54:59-04:00 here"


def test_a_hundred_thousand_faults_are_counted_and_the_first_of_them_named(use_case: UseCase) -> None:
    """Half a megabyte of unknown keys; Lambda lets no answer of more than six megabytes pass."""
    body = json.dumps({f"{number:x}": 0 for number in range(40_000)} | {"k" * 10_000: 0})

    problem = refuse(use_case.request, body)

    assert len(problem.errors) == MOST_FAULTS
    assert "; and " in problem.detail
    assert problem.detail.endswith(" more")
    assert len(problem.model_dump_json()) < 10_000


def test_a_field_with_an_endless_name_is_named_by_its_beginning(use_case: UseCase) -> None:
    problem = refuse(use_case.request, json.dumps({"k" * 100_000: 0}))

    assert max(len(fault.field) for fault in problem.errors) <= 101
