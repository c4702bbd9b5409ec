"""Quantile regression, held against truths that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from noriba.training.quantiles import fit_quantiles
from tests.unit.training.deliveries import make_inputs, settle, true_log_quantile

NAMES = ("metres", "area", "hour")
QUANTILES = (0.1, 0.5, 0.9)


def as_matrix(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.column_stack([columns[name] for name in NAMES])


def draw(rows: int, *, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    columns = make_inputs(rows, seed=seed)
    # By the inverse of the distribution: a uniform number is the quantile at which the outcome lies.
    ranks = np.random.default_rng(seed).uniform(0.001, 0.999, rows)
    median, above = true_log_quantile(columns, 0.5), true_log_quantile(columns, 0.9)
    spread = (above - median) / np.log(0.5 / 0.1)
    # Within a tail, exponential: the 0.1 and 0.9 quantiles are those of `true_log_quantile`.
    outcome = median + np.where(ranks < 0.5, np.log(2 * ranks), -np.log(2 * (1 - ranks))) * spread
    return columns, outcome


def test_predicted_quantiles_come_close_to_the_true_ones_and_beat_constants() -> None:
    columns, outcome = draw(12_000, seed=1)
    boosters = fit_quantiles(
        as_matrix(columns), outcome, names=NAMES, settings=settle(trees=60, leaves=31, min_leaf_rows=60)
    )
    later, later_outcome = draw(4_000, seed=2)

    predicted = boosters.load().predict(as_matrix(later))

    for quantile, answers in zip(QUANTILES, predicted.T, strict=True):
        constant = np.full(len(later_outcome), np.quantile(outcome, quantile))
        truth = true_log_quantile(later, quantile)
        loss, best, naive = (
            mean_pinball_loss(later_outcome, one, alpha=quantile) for one in (answers, truth, constant)
        )
        assert loss < 0.6 * naive
        assert loss < 1.1 * best, "nobody can do better than the true quantile"
        assert np.mean(np.abs(answers - truth)) < 0.08


def test_where_the_noise_is_small_the_quantiles_are_nearly_exact() -> None:
    columns = make_inputs(4_000)
    noise = np.random.default_rng(11).uniform(-0.05, 0.05, 4_000)
    typical = np.where(columns["area"] < 4, 5.0, 6.0)

    boosters = fit_quantiles(
        as_matrix(columns), typical + noise, names=NAMES, settings=settle(trees=150, leaves=2, min_leaf_rows=500)
    )

    for quantile, answers in zip(QUANTILES, boosters.load().predict(as_matrix(columns)).T, strict=True):
        np.testing.assert_allclose(answers, typical + 0.1 * (quantile - 0.5), atol=0.01)


def test_any_number_of_threads_grows_the_same_bytes() -> None:
    columns, outcome = draw(20_000, seed=3)

    # One quantile after another; side by side; side by side with two threads each.
    found = {
        fit_quantiles(
            as_matrix(columns), outcome, names=NAMES, settings=settle(trees=5, leaves=31, threads=threads)
        ).texts
        for threads in (1, 2, 6)
    }

    assert len(found) == 1


def test_the_text_says_what_the_model_is_and_not_how_the_job_was_set_up() -> None:
    columns, outcome = draw(1_000, seed=4)

    boosters = fit_quantiles(as_matrix(columns), outcome, names=NAMES, settings=settle(trees=2))

    for text in boosters.texts:
        assert "feature_names=metres area hour" in text
        assert "num_threads" not in text
    assert len(set(boosters.texts)) == 3


def test_a_row_is_answered_alike_alone_and_among_thousands() -> None:
    columns, outcome = draw(3_000, seed=5)
    boosters = fit_quantiles(as_matrix(columns), outcome, names=NAMES, settings=settle(trees=10)).load()
    matrix = as_matrix(columns)

    together = boosters.predict(matrix)

    for row in (0, 1_234, 2_999):
        np.testing.assert_array_equal(boosters.predict(matrix[row : row + 1]), together[row : row + 1], strict=True)


def test_progress_is_reported_quantile_by_quantile() -> None:
    columns, outcome = draw(500, seed=6)
    lines: list[str] = []

    fit_quantiles(as_matrix(columns), outcome, names=NAMES, settings=settle(trees=2), report=lines.append)

    assert lines == [f"quantile {q}: 2 trees on 500 rows" for q in QUANTILES]


@pytest.mark.parametrize("seed", [-1, 2**40])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    columns, outcome = draw(300, seed=7)

    assert fit_quantiles(as_matrix(columns), outcome, names=NAMES, settings=settle(trees=1, seed=seed)).texts
