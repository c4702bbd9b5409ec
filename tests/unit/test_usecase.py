"""What a data scientist declares, found by its name alone."""

from __future__ import annotations

import importlib
import math
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from noriba.errors import UnknownUseCaseError, UseCaseError
from noriba.features import as_column
from noriba.usecase import (
    BusinessMetric,
    EncoderSpec,
    GatePolicy,
    LiveMean,
    PaceSpec,
    PredictionRequest,
    RetrainingPolicy,
    RolloutPolicy,
    Rule,
    TrafficPolicy,
    TrainingPolicy,
    UseCase,
    check_conversion,
    find_default_use_case,
    list_use_cases,
    load_simulator,
    load_use_case,
    to_resource_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column


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


METRIC = BusinessMetric("cancelled", "the passenger cancelled", better="less")
ENCODER = EncoderSpec("typical", keys=("haversine_m",), prior_rows=5.0)
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a name": ({"name": "Taxi-ETA"}, "a name has 2 to 24 lower-case letters"),
    "an event time": (
        {"data": {"event_time": "pickup_at"}},
        "data.event_time 'pickup_at' is not an input; did you mean pickup_at_s?",
    ),
    "a label that is read": ({"data": {"label": "rain"}}, "data.label rain is also an input or a feature"),
    "a label that traffic has another column of": (
        {"data": {"label": "model_version"}},
        "'model_version' is a column of captured traffic, which says where a row is from; rename it",
    ),
    "a range of labels": ({"data": {"label_range": (60.0, 60.0)}}, "data.label_range is 60 to 60; a label is above 0"),
    "two rules of one name": (
        {"data": {"rules": (Rule("a", "b", np.isnan), Rule("a", "c", np.isnan))}},  # type: ignore[arg-type]
        "two rules are named a",
    ),
    "a pace": (
        {"model": {"pace": PaceSpec("haversine", 1.0)}},
        "length 'haversine' is not a feature; did you mean haversine_m?",
    ),
    "a pace of nothing": ({"model": {"pace": PaceSpec("haversine_m", 0.0)}}, "offset 0.0 must be above 0"),
    "a baseline": ({"model": {"baseline_keys": ("hour",)}}, "model.baseline_keys: 'hour' is not a feature"),
    "an encoder's key": (
        {"model": {"encoders": (EncoderSpec("typical", keys=("origin_are",), prior_rows=5.0),)}},
        "model.encoders: typical: key 'origin_are' is not a feature; did you mean origin_area?",
    ),
    "an encoder without keys": ({"model": {"encoders": (replace(ENCODER, keys=()),)}}, "typical has no keys"),
    "an encoder's parent": (
        {"model": {"encoders": (replace(ENCODER, parent="coarse"),)}},
        "its parent 'coarse' is not an encoder",
    ),
    "an encoder's weight": ({"model": {"encoders": (replace(ENCODER, prior_rows=0.0),)}}, "prior_rows is 0.0"),
    "an encoder's name": ({"model": {"encoders": (replace(ENCODER, name="rain"),)}}, "rain has the name of a feature"),
    "an answer's names": ({"answer": {"low": "eta_s"}}, "value, low and high need three names"),
    "an answer's unit": ({"answer": {"unit": ""}}, "answer.unit is empty"),
    "an answer's decimals": ({"answer": {"decimals": -1}}, "answer.decimals is -1"),
    "no golden request": ({"golden_requests": ()}, "golden_requests is empty"),
    "a golden request": (
        {"golden_requests": ({"origin": {"zone_id": 74}},)},
        "golden_requests[0] is refused: destination: ",
    ),
    "a metric's name": ({"metrics": (replace(METRIC, name="Cancelled!"),)}, "metrics: 'Cancelled!' is no name"),
    "a metric that is there already": (
        {"metrics": (replace(METRIC, name="error"),)},
        "'error' is what every experiment",
    ),
    "a metric's range": (
        {"metrics": (replace(METRIC, value_range=(5.0, 0.0)),)},
        "metrics: cancelled: value_range is 5 to 0; give the least and the greatest number",
    ),
    "a metric without an end": (
        {"metrics": (replace(METRIC, value_range=(0.0, math.inf)),)},
        "metrics: cancelled: value_range is 0 to inf",
    ),
    "live means without any": ({"live": {"means": ()}}, "live.means is empty; leave live out"),
    "a live mean of no known time": ({"live": {"known_after": "duration"}}, "did you mean duration_s?"),
    "a live mean known beforehand": ({"live": {"delay_s": -1.0}}, "live.delay_s is -1; nothing is heard of before"),
    "live means that nobody is told": ({"live": {"hidden_share": 1.0}}, "live.hidden_share is 1; give a share"),
    "two live means of one name": (
        {"live": {"means": (LiveMean("live_city_1_h", 60.0), LiveMean("live_city_1_h", 90.0))}},
        "live.means: two are named live_city_1_h",
    ),
    "a live mean that nobody reads": (
        {"live": {"means": (LiveMean("live_town", half_life_s=60.0),)}},
        "live.means: live_town is not among the inputs of the features",
    ),
    "a live mean without memory": (
        {"live": {"means": (LiveMean("live_city_1_h", half_life_s=0.0),)}},
        "live.means: live_city_1_h: half_life_s is 0",
    ),
    "a live mean that believes nothing": (
        {"live": {"means": (LiveMean("live_city_1_h", 60.0, prior=-1.0),)}},
        "live.means: live_city_1_h: prior is -1",
    ),
    "a live mean of no known group": (
        {"live": {"means": (LiveMean("live_city_1_h", 60.0, keys=("origin_are",)),)}},
        "live_city_1_h: key 'origin_are' is not a feature; did you mean origin_area?",
    ),
    "a live mean grouped by another": (
        {
            "live": {
                "means": (LiveMean("live_city_1_h", 60.0), LiveMean("live_city_6_h", 60.0, keys=("city_pace_1_h",)))
            }
        },
        "live_city_6_h: key city_pace_1_h reads a live mean itself",
    ),
    "a live mean before its parent": (
        {"live": {"means": (LiveMean("live_city_1_h", 60.0, parent="live_city_6_h"),)}},
        "live_city_1_h: its parent 'live_city_6_h' is not a mean declared before it",
    ),
    "a pace of paces": (
        {"model": {"pace": PaceSpec(length="city_pace_1_h", offset=1.0)}},
        "model.pace: length city_pace_1_h reads a live mean",
    ),
    "two metrics of one name": ({"metrics": (METRIC, METRIC)}, "metrics: two are named cancelled"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_where_it_is_made_with_the_remedy(mistake: str) -> None:
    changes, message = MISTAKES[mistake]
    use_case = load_use_case("taxi_eta")
    parts = {
        name: replace(getattr(use_case, name), **change) if isinstance(change, dict) else change
        for name, change in changes.items()
    }

    with pytest.raises(UseCaseError) as told:
        replace(use_case, **parts)

    assert str(told.value).startswith("use case ")
    assert message in str(told.value)


class NoRain(PredictionRequest):
    """A request whose conversion forgets a column."""

    lost: ClassVar = {"rain_mm_per_h", "live_city_20_min", "live_city_1_h", "live_city_6_h"}

    def candidate_ids(self) -> list[str | None]:
        return [None]

    def to_columns(self) -> dict[str, Column]:
        inputs = load_use_case("taxi_eta").features.inputs
        return {name: as_column([1.0]) for name in inputs if name not in self.lost}


class TwoRows(NoRain):
    """A request whose conversion gives a row more than it has candidates."""

    lost: ClassVar = {"live_city_20_min", "live_city_1_h", "live_city_6_h"}

    def to_columns(self) -> dict[str, Column]:
        return {name: as_column([1.0, 2.0]) for name in super().to_columns()}


class AllKnowing(NoRain):
    """A request that says what no app can know."""

    lost: ClassVar = set[str]()


@pytest.mark.parametrize(
    ("request_type", "message"),
    [
        (NoRain, "golden_requests[0]: to_columns gives no rain_mm_per_h, which features read"),
        (AllKnowing, "golden_requests[0]: to_columns gives live_city_20_min, live_city_1_h, live_city_6_h, which is"),
        (TwoRows, "golden_requests[0]: to_columns gives columns of [2] rows for 1 candidates"),
    ],
)
def test_a_conversion_that_forgets_something_is_told_before_a_deployment(
    request_type: type[PredictionRequest], message: str
) -> None:
    use_case = replace(load_use_case("taxi_eta"), request=request_type, golden_requests=({},))

    with pytest.raises(UseCaseError, match=re.escape(message)):
        check_conversion(use_case)


@pytest.mark.parametrize("name", list_use_cases())
def test_the_golden_requests_of_what_is_installed_convert(name: str) -> None:
    check_conversion(load_use_case(name))


@pytest.mark.parametrize("name", list_use_cases())
def test_the_range_of_labels_of_what_is_installed_is_what_its_rules_allow(name: str) -> None:
    use_case = load_use_case(name)
    data, inputs = use_case.data, use_case.request.model_validate(use_case.golden_requests[0]).to_columns()
    least, most = data.label_range

    def is_broken(label: float) -> bool:
        rows = len(next(iter(inputs.values())))
        columns = {**inputs, data.label: np.full(rows, label)}
        return any(bool(rule.broken_by(columns).all()) for rule in data.rules)

    assert is_broken(np.nextafter(least, -np.inf))
    assert is_broken(np.nextafter(most, np.inf))
    assert not is_broken(most)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of use cases in the place of ours."""
    folder = tmp_path / "usecases"
    folder.mkdir()
    (folder / "__init__.py").touch()
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "usecases"}
    monkeypatch.syspath_prepend(tmp_path)
    for remembered in (list_use_cases, load_use_case):
        remembered.cache_clear()
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "usecases"]:
        del sys.modules[name]
    sys.modules.update(ours)
    for remembered in (list_use_cases, load_use_case):
        remembered.cache_clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declares no USE_CASE = UseCase(...); see docs/add-a-use-case.md"),
        ("USE_CASE = 7", "declares no USE_CASE = UseCase(...)"),
        (
            "import nothing_of_that_name",
            "cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("USE_CASE = UseCase(", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_folder_that_is_no_use_case_is_told_in_a_line(installed: Path, text: str, message: str) -> None:
    (installed / "half_done").mkdir()
    (installed / "half_done/__init__.py").write_text(text)

    with pytest.raises(UseCaseError) as told:
        load_use_case("half_done")

    assert message in str(told.value)


def test_the_default_is_named_or_the_only_one_and_never_the_first_of_the_alphabet(installed: Path) -> None:
    found = []
    for name in ("zebras", "ants"):
        (installed / name).mkdir()
        (installed / name / "__init__.py").touch()
        list_use_cases.cache_clear()
        importlib.invalidate_caches()
        found.append(find_default_use_case())
    (installed / "__init__.py").write_text("DEFAULT = 'zebras'")
    importlib.reload(importlib.import_module("usecases"))

    assert [*found, find_default_use_case()] == ["zebras", None, "zebras"]


def test_what_has_no_simulator_says_so() -> None:
    with pytest.raises(UnknownUseCaseError, match="no use case 'bus_eta'"):
        load_simulator("bus_eta")


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


def test_the_second_look_at_a_day_comes_after_the_first() -> None:
    with pytest.raises(ValidationError, match="late_hours must be more than wait_hours"):
        TrafficPolicy(wait_hours=72)


@pytest.mark.parametrize(("shadow", "least"), [(12, 24), (0.5, 1)])
def test_a_shadow_that_ends_before_it_can_promote_is_refused_with_the_remedy(shadow: float, least: float) -> None:
    with pytest.raises(ValueError, match="raise shadow_hours, lower min_shadow_hours, or set shadow_hours to 0"):
        RolloutPolicy(shadow_hours=shadow, min_shadow_hours=least)


@pytest.mark.parametrize(("shadow", "least"), [(24, 24), (72, 24), (0, 24), (20, 0)])
def test_a_shadow_may_last_as_long_as_it_must_or_not_at_all(shadow: float, least: float) -> None:
    assert RolloutPolicy(shadow_hours=shadow, min_shadow_hours=least).shadow_hours == shadow
