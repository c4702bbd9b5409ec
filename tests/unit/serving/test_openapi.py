"""The API's description of itself, held against the standard and against what the API takes and gives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import openapi_spec_validator
import pytest

from noriba.features import FeatureSet
from noriba.serving.answers import define_answer
from noriba.serving.openapi import describe_api
from noriba.serving.problems import CONTENT_TYPE, FieldFault, Problem
from noriba.usecase import DataSpec, ModelSpec, PredictionRequest, list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column
    from noriba.usecase import UseCase


class ParcelRequest(PredictionRequest):
    """Another use case's request."""

    weight_kg: float

    def to_columns(self) -> dict[str, Column]:
        return {"weight_kg": np.array([self.weight_kg])}

    def candidate_ids(self) -> Sequence[str | None]:
        return [None]


def weight(weight_kg: Column) -> Column:
    return weight_kg


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    use_cases = [load_use_case(name) for name in list_use_cases()]
    described: dict[str, Any] = json.loads(json.dumps(describe_api(use_cases, version="1.2.3")))
    return described


def check(instance: object, model: str, document: dict[str, Any]) -> None:
    """The instance is what the document says of the model."""
    schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    openapi_spec_validator.validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"


def test_every_use_case_has_its_two_routes(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {
        "/v1/health",
        "/v1/openapi.json",
        *(f"/v1/{name}/{what}" for name in list_use_cases() for what in ("predictions", "outcomes")),
    }


def test_a_second_use_case_adds_its_own_routes_and_schemas(use_case: UseCase) -> None:
    parcels = replace(
        use_case,
        name="parcels",
        request=ParcelRequest,
        features=FeatureSet([weight], inputs=["weight_kg"]),
        data=DataSpec(event_time="weight_kg", label="days"),
        model=ModelSpec(),
        golden_requests=({"weight_kg": 2.0},),
        live=None,
    )

    both = describe_api([use_case, parcels], version="1")

    openapi_spec_validator.validate(both)
    assert {"TaxiEtaRequest", "TaxiEtaAnswer", "ParcelRequest", "ParcelAnswer"} <= both["components"]["schemas"].keys()
    body = both["paths"]["/v1/parcels/predictions"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/ParcelRequest"}


def test_golden_requests_are_as_described(use_case: UseCase, document: dict[str, Any]) -> None:
    for body in use_case.golden_requests:
        check(body, use_case.request.__name__, document)


@pytest.mark.parametrize(
    "body",
    [
        {"destination": {"zone_id": 74}},
        {"pickup_at": "2026-07-01T12:00:00Z"},
        {"destination": {"latitude": 91, "longitude": 0}, "pickup_at": "2026-07-01T12:00:00Z"},
        {"destination": {"zone_id": 74}, "pickup_at": "2026-07-01T12:00:00Z", "candidates": []},
        {"destination": {"zone_id": 74}, "pickup_at": "2026-07-01T12:00:00Z", "tip": 5},
    ],
)
def test_bad_requests_are_not_as_described(use_case: UseCase, document: dict[str, Any], body: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(body, use_case.request.__name__, document)


def test_outcomes_and_problems_are_as_described(document: dict[str, Any]) -> None:
    outcome = {
        "prediction_id": "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e",
        "value": 812.5,
        "observed_at": "2026-07-01T18:00:00-04:00",
    }
    problem = Problem.of(422, "value: must be positive", errors=[FieldFault(field="value", message="must be positive")])

    check(outcome, "OutcomeRequest", document)
    check(json.loads(problem.model_dump_json()), "Problem", document)
    with pytest.raises(jsonschema.ValidationError):
        check({**outcome, "value": 0}, "OutcomeRequest", document)


@pytest.mark.parametrize(
    "said", [{"value": 812.5}, {"metrics": {"cancelled": True}}, {"value": 812.5, "metrics": {"dispatched": 1}}]
)
def test_a_use_case_s_metrics_are_as_described(document: dict[str, Any], said: dict[str, Any]) -> None:
    about = {"prediction_id": "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e", "observed_at": "2026-07-01T18:00:00-04:00"}

    check({**about, **said}, "TaxiEtaOutcome", document)
    wrongs: list[dict[str, Any]] = [
        {},
        {"metrics": {}},
        {"metrics": {"canceled": True}},
        {"metrics": {"cancelled": "yes"}},
        {"metrics": {"cancelled": 100}},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            check({**about, **wrong}, "TaxiEtaOutcome", document)


def test_what_the_gateway_says_by_itself_is_as_described(document: dict[str, Any]) -> None:
    """The status is in the answer's first line; its document cannot tell it where a function crashed."""
    check(
        {"type": "about:blank", "title": "Internal Server Error", "detail": "Internal server error"},
        "Problem",
        document,
    )
    with pytest.raises(jsonschema.ValidationError):
        check({"type": "about:blank", "title": "Internal Server Error"}, "Problem", document)


def test_whatever_can_fail_is_described_as_failing(document: dict[str, Any]) -> None:
    """Behind every route is a function: it may crash (502), take too long (504) or not be let run (500)."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"429", "500", "502", "504"} <= operation["responses"].keys(), path


def test_only_what_changes_or_costs_something_needs_a_key(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_open = path in {"/v1/health", "/v1/openapi.json"}
            assert operation.get("security", []) == ([] if is_open else [{"api_key": []}]), path


def test_every_refusal_is_a_problem_document(document: dict[str, Any]) -> None:
    post = document["paths"]["/v1/taxi_eta/predictions"]["post"]
    refusals = {status: answer for status, answer in post["responses"].items() if status >= "400"}

    assert refusals.keys() >= {"400", "404", "422", "503"}
    for status, answer in refusals.items():
        assert list(answer["content"]) == [CONTENT_TYPE]
        assert answer["description"] == Problem.of(int(status), "").title


@pytest.mark.parametrize("change", [{"predictions": []}, {"model_version": "7"}, {"use_case": "other"}, {"extra": 1}])
def test_an_answer_s_schema_is_strict(use_case: UseCase, change: dict[str, Any]) -> None:
    good = {
        "prediction_id": "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e",
        "use_case": "taxi_eta",
        "model_version": 7,
        "interval_coverage": 0.8,
        "predictions": [{"eta_s": 100.0, "eta_low_s": 90.0, "eta_high_s": 110.0}],
    }
    jsonschema.validate(good, define_answer(use_case).model_json_schema())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, **change}, define_answer(use_case).model_json_schema())
