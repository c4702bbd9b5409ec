"""Definitions that travel: written down, read back, and the same; or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.errors import FeatureDefinitionError
from noriba.features import FeatureSet
from noriba.features.frozen import freeze_features, thaw_features
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from tests.unit.features.conftest import Define

DEFINITIONS = """
    from __future__ import annotations
    import math
    import numpy as np
    from numpy import where as pick

    LIMIT = 30.0
    STEPS = (1.0, (2.0, "three", None, True), frozenset({4.0}))
    TABLE = np.array([[1.0, 2.5], [4.0, 8.0]], dtype=np.float32)
    FACTOR = np.float32(1.5)

    def halve(value: Unknown, times: int = 2, *, least: float = LIMIT) -> Unknown:
        return np.maximum(value, least) if times == 0 else halve(value / 2.0, times - 1)

    def limited(metres: Column) -> Column:
        '''Its docstring does not count.'''
        scaled: Unknown = np.minimum(metres, LIMIT) * FACTOR
        return pick(scaled > STEPS[0], halve(scaled), math.pi * TABLE[1, 1])

    def doubled(limited: Column) -> Column:
        return sum(limited for _ in range(2))
"""


@pytest.fixture
def features(define: Define) -> FeatureSet:
    module = define(DEFINITIONS)
    return FeatureSet([module.limited, module.doubled], inputs=["metres"])


def test_what_is_read_back_computes_the_same_bit_for_bit(features: FeatureSet) -> None:
    metres = np.array([0.0, 0.1, 29.9, 30.0, 1e300, -1.0, np.nan, np.inf])

    thawed = thaw_features(freeze_features(features))

    assert thawed.identities == features.identities
    assert thawed.inputs == features.inputs
    expected = features.compute({"metres": metres})
    for name, column in thawed.compute({"metres": metres}).items():
        assert column.tobytes() == expected[name].tobytes()


def test_what_is_read_back_can_be_written_again(features: FeatureSet) -> None:
    text = freeze_features(features)

    assert thaw_features(freeze_features(thaw_features(text))).identities == features.identities


@given(st.lists(st.floats(-90.0, 90.0), min_size=4, max_size=4), st.floats(1e9, 2e9))
def test_the_reference_use_case_travels_whole(places: list[float], moment: float) -> None:
    features = load_use_case("taxi_eta").features
    columns = {name: np.array([moment]) for name in features.inputs}
    for name, value in zip(
        ("origin_latitude", "origin_longitude", "destination_latitude", "destination_longitude"), places, strict=True
    ):
        columns[name] = np.array([value])

    thawed = thaw_features(freeze_features(features), fingerprint=features.fingerprint)

    for name, column in features.compute(columns).items():
        assert column.tobytes() == thawed.compute(columns)[name].tobytes()


def test_two_constants_of_one_name_stay_two(define: Define) -> None:
    one = define("LIMIT = 1.0\n\ndef first(metres):\n    return metres * LIMIT")
    two = define("LIMIT = 2.0\n\ndef second(metres):\n    return metres * LIMIT")
    features = FeatureSet([one.first, two.second], inputs=["metres"])

    computed = thaw_features(freeze_features(features)).compute({"metres": np.array([10.0])})

    assert (computed["first"][0], computed["second"][0]) == (10.0, 20.0)


def test_definitions_of_another_fingerprint_are_refused(features: FeatureSet) -> None:
    text = freeze_features(features)
    changed = text.replace("limited for", "limited * 2.0 for")

    assert changed != text
    with pytest.raises(FeatureDefinitionError, match=f"not of {features.fingerprint}"):
        thaw_features(changed, fingerprint=features.fingerprint)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda _text: "[]",
        lambda _text: "{}",
        lambda text: text.replace('"numpy"', '"os"'),
        lambda text: text.replace("def limited", "def another"),
        lambda text: text.replace("def limited(", "def limited"),
    ],
)
def test_what_is_no_text_of_definitions_is_refused_as_such(features: FeatureSet, spoil: object) -> None:
    text = freeze_features(features)
    assert callable(spoil)

    with pytest.raises(FeatureDefinitionError):
        thaw_features(spoil(text), fingerprint=features.fingerprint)


def test_a_constant_that_can_do_more_than_it_says_cannot_be_written_down(define: Define) -> None:
    module = define(
        """
        from collections import namedtuple
        LIMITS = namedtuple("Limits", "low high")(1.0, 2.0)

        def limited(metres):
            return metres * LIMITS.low
        """
    )

    with pytest.raises(FeatureDefinitionError, match="LIMITS, a Limits, cannot be written down"):
        freeze_features(FeatureSet([module.limited], inputs=["metres"]))


def test_the_text_is_json_that_a_person_can_read(features: FeatureSet) -> None:
    document = json.loads(freeze_features(features))

    assert document["inputs"] == ["metres"]
    assert [document["functions"][number]["name"] for number in document["features"]] == ["limited", "doubled"]
