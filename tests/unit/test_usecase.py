"""What a data scientist declares, found by its name alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from noriba.errors import UnknownUseCaseError
from noriba.usecase import (
    GatePolicy,
    RetrainingPolicy,
    TrainingPolicy,
    UseCase,
    list_use_cases,
    load_use_case,
    to_resource_name,
)


def test_a_use_case_is_found_by_the_name_of_its_folder() -> None:
    found = load_use_case("taxi_eta")

    assert isinstance(found, UseCase)
    assert found.name == "taxi_eta"
    assert "taxi_eta" in list_use_cases()


def test_every_installed_use_case_declares_itself_under_its_folders_name() -> None:
    for name in list_use_cases():
        assert load_use_case(name).name == name


@pytest.mark.parametrize(
    "name", ["bus_eta", "", "TAXI_ETA", "taxi-eta", "taxi_eta.schema", "../taxi_eta", "os", "x" * 99]
)
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UnknownUseCaseError, match=r"installed: .*taxi_eta"):
        load_use_case(name)


def test_sagemaker_allows_hyphens_only() -> None:
    assert to_resource_name("taxi_eta") == load_use_case("taxi_eta").resource_name == "taxi-eta"


def test_what_a_use_case_reads_is_there() -> None:
    """Encoders, pace, baseline and event time name columns; a name that nothing provides would fail in training."""
    for use_case in map(load_use_case, list_use_cases()):
        columns = {*use_case.features.inputs, *use_case.features.names}
        encoders = {encoder.name for encoder in use_case.encoders}
        named = {use_case.event_time, use_case.pace.length, *use_case.baseline_keys}
        named |= {key for encoder in use_case.encoders for key in encoder.keys}

        assert named <= columns
        assert {encoder.parent for encoder in use_case.encoders} - {None} <= encoders
        assert use_case.label not in columns


@pytest.mark.parametrize(
    ("policy", "settings", "field"),
    [
        (
            RetrainingPolicy,
            {"min_rows": 0, "min_new_rows_share": 0, "cooldown_s": 0, "max_per_day": 1, "lock_s": 1},
            "min_rows",
        ),
        (
            RetrainingPolicy,
            {"min_rows": 1, "min_new_rows_share": -1, "cooldown_s": 0, "max_per_day": 1, "lock_s": 1},
            "min_new_rows_share",
        ),
        (
            RetrainingPolicy,
            {"min_rows": 1, "min_new_rows_share": 0, "cooldown_s": 0, "max_per_day": 1, "lock_s": 0},
            "lock_s",
        ),
        (GatePolicy, {"max_coverage_error": 2}, "max_coverage_error"),
        (TrainingPolicy, {"calibration_share": 0.5}, "calibration_share"),
        (TrainingPolicy, {"trees": 1, "tree": 1}, "tree"),
    ],
)
def test_a_policy_refuses_numbers_that_make_no_sense(policy: Any, settings: dict[str, float], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        policy(**settings)

    assert field in {fault["loc"][0] for fault in refused.value.errors() if fault["type"] != "missing"}
