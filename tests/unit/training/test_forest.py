"""Trees walked by LightGBM's Python package, by its library, and compiled: the numbers are the same ones."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.errors import CorruptBundleError
from noriba.training.boosters import QuantileBoosters
from noriba.training.compiled import CompiledForest
from noriba.training.forest import Forest, UncompilableError
from noriba.training.lightgbm_library import LoadedTrees

COLUMNS = 4
ROWS = 600
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def grow(*, seed: int, unknown: float = 0.1, trees: int = 5, **parameters: Any) -> lightgbm.Booster:
    """A booster over columns of a few values each, many of them unknown."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(ROWS, COLUMNS)).round(1)
    label = np.nan_to_num(matrix).sum(axis=1) + random.normal(size=ROWS) * 0.1
    matrix[random.random(matrix.shape) < unknown] = np.nan
    dataset = lightgbm.Dataset(matrix, label, free_raw_data=False)
    settings = {"objective": "quantile", "min_data_in_leaf": 2, "num_leaves": 15, "verbose": -1, **parameters}
    return lightgbm.train(settings, dataset, num_boost_round=trees)


@pytest.fixture(scope="module")
def boosters() -> list[lightgbm.Booster]:
    # The second has no unknown values in training: LightGBM then takes them for nought.
    return [grow(seed=1, alpha=0.1), grow(seed=2, alpha=0.5, unknown=0.0), grow(seed=3, alpha=0.9, num_leaves=2)]


@pytest.fixture(scope="module")
def texts(boosters: list[lightgbm.Booster]) -> tuple[str, ...]:
    return tuple(booster.model_to_string() for booster in boosters)


@pytest.fixture(scope="module")
def compiled(texts: tuple[str, ...]) -> CompiledForest:
    return CompiledForest(Forest.of(texts))


def expect(boosters: list[lightgbm.Booster], matrix: Matrix) -> Matrix:
    return np.column_stack([booster.predict(matrix) for booster in boosters])


values = st.one_of(
    st.floats(-5, 5).map(lambda value: round(value, 1)), st.floats(allow_nan=True, allow_infinity=True), st.just(-0.0)
)


@given(rows=st.lists(st.lists(values, min_size=COLUMNS, max_size=COLUMNS), min_size=1, max_size=20))
@settings(deadline=None)
def test_all_ways_give_the_same_bits(
    boosters: list[lightgbm.Booster], texts: tuple[str, ...], compiled: CompiledForest, rows: list[list[float]]
) -> None:
    matrix = np.array(rows, dtype=np.float64)
    expected = expect(boosters, matrix)

    np.testing.assert_array_equal(compiled.predict(matrix), expected, strict=True)
    np.testing.assert_array_equal(QuantileBoosters((0.1, 0.5, 0.9), texts).load().predict(matrix), expected)


def test_a_value_that_is_a_threshold_goes_left(
    boosters: list[lightgbm.Booster], texts: tuple[str, ...], compiled: CompiledForest
) -> None:
    thresholds = np.unique(Forest.of(texts).thresholds)
    around = np.concatenate([thresholds, np.nextafter(thresholds, -np.inf), np.nextafter(thresholds, np.inf)])
    matrix = np.repeat(around[:, np.newaxis], COLUMNS, axis=1)

    np.testing.assert_array_equal(compiled.predict(matrix), expect(boosters, matrix))


def test_many_rows_are_shared_between_threads(boosters: list[lightgbm.Booster], compiled: CompiledForest) -> None:
    matrix = np.random.default_rng(5).normal(size=(9_001, COLUMNS))

    np.testing.assert_array_equal(compiled.predict(matrix), expect(boosters, matrix))


def test_a_tree_of_one_leaf_has_its_value_for_every_row() -> None:
    stump = grow(seed=1, trees=1, min_data_in_leaf=ROWS)
    compiled = CompiledForest(Forest.of([stump.model_to_string()]))
    matrix = np.zeros((11, COLUMNS))

    np.testing.assert_array_equal(compiled.predict(matrix)[:, 0], stump.predict(matrix))


def test_trees_compiled_answer_for_their_boosters(texts: tuple[str, ...]) -> None:
    class Told:
        def predict(self, matrix: Matrix) -> Matrix:
            return np.full((len(matrix), 3), 7.0)

    loaded = QuantileBoosters((0.1, 0.5, 0.9), texts).load()
    loaded.answer_by(Told())

    assert (loaded.predict(np.zeros((2, COLUMNS))) == 7.0).all()


def test_rows_of_too_few_columns_are_refused_and_not_read_beyond(
    texts: tuple[str, ...], compiled: CompiledForest
) -> None:
    with pytest.raises(ValueError, match="the trees read 4 columns"):
        compiled.predict(np.zeros((3, COLUMNS - 1)))
    with pytest.raises(ValueError, match="the trees read 4 columns"):
        LoadedTrees(texts[0]).predict(np.zeros((1, COLUMNS - 1)), threads=1)


def test_what_is_no_booster_is_said_to_be_none() -> None:
    with pytest.raises(CorruptBundleError, match="LightGBM"):
        LoadedTrees("tree\nnothing of the kind")


def test_contributions_are_those_of_lightgbm_s_own_package(boosters: list[lightgbm.Booster]) -> None:
    matrix = np.random.default_rng(4).normal(size=(6, COLUMNS))
    matrix[0, 0] = np.nan

    np.testing.assert_array_equal(
        LoadedTrees(boosters[0].model_to_string()).attribute(matrix), boosters[0].predict(matrix, pred_contrib=True)
    )


def test_trees_of_another_kind_are_left_to_lightgbm() -> None:
    random = np.random.default_rng(6)
    matrix = np.column_stack([random.integers(0, 9, ROWS), random.normal(size=ROWS)]).astype(float)
    by_category = lightgbm.train(
        {"objective": "quantile", "verbose": -1, "min_data_per_group": 1, "cat_smooth": 0.0},
        lightgbm.Dataset(matrix, matrix[:, 0] % 3 + matrix[:, 1], categorical_feature=[0]),
        num_boost_round=2,
    )
    nought_is_unknown = grow(seed=1, zero_as_missing=True)
    linear = grow(seed=1, objective="regression", linear_tree=True, unknown=0.0)
    short = grow(seed=1, trees=2)

    for texts, said in (
        ([by_category], "categories"),
        ([nought_is_unknown], "nought"),
        ([linear], "formulas"),
        ([short, grow(seed=1)], "boosters of 2, 5 trees"),
    ):
        with pytest.raises(UncompilableError, match=said):
            Forest.of([booster.model_to_string() for booster in texts])
