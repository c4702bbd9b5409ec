"""A feature set: checked when it is made, computed in the order that its features need."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.errors import FeatureDefinitionError, FeatureMismatchError
from noriba.features import FeatureSet, as_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from noriba.features import Column
    from tests.unit.features.conftest import Define

INPUTS = ("length_m", "duration_s")


def speed_mps(length_m: Column, duration_s: Column) -> Column:
    return length_m / duration_s


def speed_kmh(speed_mps: Column) -> Column:
    return speed_mps * 3.6


def is_fast(speed_kmh: Column) -> Column:
    return np.where(speed_kmh > 50.0, 1.0, 0.0)


RIDES = {"length_m": as_column([100.0, 1000.0]), "duration_s": as_column([20.0, 50.0])}


def test_features_may_read_features_in_whatever_order_they_are_declared() -> None:
    features = FeatureSet([is_fast, speed_kmh, speed_mps], inputs=INPUTS)

    computed = features.compute(RIDES)

    assert list(computed) == ["is_fast", "speed_kmh", "speed_mps"]
    assert computed["speed_kmh"].tolist() == [18.0, 72.0]
    assert computed["is_fast"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("changed", [("length_m",), ("duration_s",), ("length_m", "duration_s"), ()])
def test_recomputed_features_are_those_of_the_inputs_as_they_are_now(changed: tuple[str, ...]) -> None:
    def length_km(length_m: Column) -> Column:
        return length_m / 1000.0

    features = FeatureSet([is_fast, speed_kmh, length_km, speed_mps], inputs=INPUTS)
    inputs = {name: column * 3.0 if name in changed else column for name, column in RIDES.items()}

    again = features.recompute(features.compute(RIDES), inputs, changed=changed)

    expected = features.compute(inputs)
    assert list(again) == list(expected)
    for name, column in expected.items():
        np.testing.assert_array_equal(again[name], column)


def test_a_feature_that_reads_no_changed_input_is_not_computed_again() -> None:
    features = FeatureSet([is_fast, speed_kmh, speed_mps], inputs=(*INPUTS, "spare"))

    assert features.find_affected("duration_s") == ("speed_mps", "speed_kmh", "is_fast")
    assert features.find_affected("spare") == ()


def test_columns_that_nothing_reads_are_ignored() -> None:
    features = FeatureSet([speed_mps], inputs=INPUTS)

    assert list(features.compute({**RIDES, "fare": as_column([1.0, 2.0])})) == ["speed_mps"]


def test_computing_warns_of_nothing_and_leaves_its_inputs_as_they_were() -> None:
    rides = {"length_m": as_column([0.0, 1.0]), "duration_s": as_column([0.0, 0.0])}

    computed = FeatureSet([speed_mps], inputs=INPUTS).compute(rides)["speed_mps"]

    assert math.isnan(computed[0])
    assert math.isinf(computed[1])
    assert rides["length_m"].tolist() == [0.0, 1.0]


def test_a_table_without_rows_has_feature_columns_without_rows() -> None:
    empty = {"length_m": as_column([]), "duration_s": as_column([])}

    assert FeatureSet([speed_mps], inputs=INPUTS).compute(empty)["speed_mps"].shape == (0,)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(FeatureMismatchError, match="missing input column duration_s; needed: length_m, duration_s"):
        FeatureSet([speed_mps], inputs=INPUTS).compute({"length_m": as_column([1.0])})


def test_inputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="length_m: 2, duration_s: 1"):
        FeatureSet([speed_mps], inputs=INPUTS).compute({**RIDES, "duration_s": as_column([1.0])})


def test_a_feature_without_one_value_per_row_is_refused() -> None:
    def longest(length_m: Column) -> Any:
        return length_m.max()

    with pytest.raises(FeatureDefinitionError, match=r"longest returned shape \(\) for 2 rows"):
        FeatureSet([longest], inputs=INPUTS).compute(RIDES)


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(FeatureDefinitionError, match="two features are named speed_mps"):
        FeatureSet([speed_mps, speed_mps], inputs=INPUTS)


def test_a_feature_with_the_name_of_an_input_is_refused() -> None:
    with pytest.raises(FeatureDefinitionError, match="feature speed_mps has the name of an input"):
        FeatureSet([speed_mps], inputs=[*INPUTS, "speed_mps"])


def test_an_input_declared_twice_is_refused() -> None:
    with pytest.raises(FeatureDefinitionError, match="input length_m is declared more than once"):
        FeatureSet([speed_mps], inputs=[*INPUTS, "length_m"])


def test_an_argument_that_nothing_provides_is_named() -> None:
    with pytest.raises(FeatureDefinitionError, match="speed_mps needs duration_s, which is neither an input"):
        FeatureSet([speed_mps], inputs=["length_m"])


def test_features_that_need_each_other_are_refused_with_the_circle() -> None:
    def egg(hen: Column) -> Column:
        return hen

    def hen(egg: Column) -> Column:
        return egg

    with pytest.raises(FeatureDefinitionError, match=r"circle: (egg → hen → egg|hen → egg → hen)"):
        FeatureSet([egg, hen], inputs=INPUTS)


@pytest.mark.parametrize(
    "text", ["def total(*lengths_m):\n    return lengths_m[0]\n", "def total(**by_name):\n    return by_name\n"]
)
def test_a_feature_that_reads_any_number_of_columns_is_refused(text: str, define: Define) -> None:
    with pytest.raises(FeatureDefinitionError, match=r"total takes \*(lengths_m|by_name); name each column"):
        FeatureSet([define(text).total], inputs=INPUTS)


@pytest.mark.parametrize("callable_", [np.sqrt, partial(speed_mps, as_column([1.0])), math.sqrt])
def test_what_is_not_a_plain_function_is_refused(callable_: Callable[..., Any]) -> None:
    with pytest.raises(FeatureDefinitionError, match="is not a plain function; a feature is defined with `def`"):
        FeatureSet([callable_], inputs=INPUTS)


def test_a_set_without_features_is_refused() -> None:
    with pytest.raises(FeatureDefinitionError, match="at least one feature"):
        FeatureSet([], inputs=INPUTS)


def test_a_feature_inherits_the_changes_of_those_it_reads(define: Define) -> None:
    text = "def base(length_m):\n    return length_m * 2\ndef double(base):\n    return base * 2\n"
    before, after = define(text), define(text.replace("length_m * 2", "length_m * 3"))

    sets = [FeatureSet([module.base, module.double], inputs=INPUTS) for module in (before, after)]

    assert sets[0].identities[1].startswith("double@")
    assert sets[0].identities[1] != sets[1].identities[1]


def test_an_unrelated_feature_changes_no_identity_but_does_change_the_fingerprint() -> None:
    alone = FeatureSet([speed_mps], inputs=INPUTS)
    together = FeatureSet([speed_mps, speed_kmh], inputs=INPUTS)

    assert alone.identities[0] == together.identities[0]
    assert alone.fingerprint != together.fingerprint


def test_the_fingerprint_depends_on_the_order_in_which_a_model_sees_the_columns() -> None:
    one = FeatureSet([speed_mps, speed_kmh], inputs=INPUTS)
    other = FeatureSet([speed_kmh, speed_mps], inputs=INPUTS)

    assert set(one.identities) == set(other.identities)
    assert one.fingerprint != other.fingerprint


def test_the_order_in_which_inputs_are_declared_does_not_matter() -> None:
    one, other = (FeatureSet([speed_mps], inputs=order) for order in (INPUTS, INPUTS[::-1]))

    assert one.fingerprint == other.fingerprint
