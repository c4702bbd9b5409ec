"""What a column is."""

from __future__ import annotations

import numpy as np
import pytest

from noriba.features.columns import as_column, row_count, stack_columns, take_rows


@pytest.mark.parametrize("values", [[1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], dtype=np.int8), [True, 2, 3]])
def test_a_column_is_float64_whatever_it_was_made_from(values: object) -> None:
    column = as_column(values)  # type: ignore[arg-type]

    assert column.dtype == np.float64
    assert column[1:].tolist() == [2.0, 3.0]


def test_a_column_is_contiguous_even_when_it_was_cut_out_of_a_table() -> None:
    table = np.arange(12.0).reshape(4, 3)

    column = as_column(table[::-2, 1])

    assert column.flags.c_contiguous
    assert column.tolist() == [10.0, 4.0]


def test_an_unknown_value_is_nan() -> None:
    assert np.isnan(as_column([None, 1.0])).tolist() == [True, False]  # type: ignore[arg-type]  # as JSON has it


def test_columns_have_one_common_length() -> None:
    assert row_count({"a": as_column([1, 2]), "b": as_column([3, 4])}) == 2


def test_columns_of_different_lengths_are_refused_with_each_length() -> None:
    with pytest.raises(ValueError, match="got a: 2, b: 1"):
        row_count({"a": as_column([1, 2]), "b": as_column([3])})


def test_no_column_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="got no column"):
        row_count({})


def test_rows_are_taken_by_mask_or_by_index() -> None:
    columns = {"a": as_column([1, 2, 3])}

    assert take_rows(columns, np.array([True, False, True]))["a"].tolist() == [1.0, 3.0]
    assert take_rows(columns, np.array([2, 0]))["a"].tolist() == [3.0, 1.0]


def test_columns_stand_side_by_side_in_the_order_that_was_asked_for() -> None:
    columns = {"a": as_column([1, 2]), "b": as_column([3, 4]), "c": as_column([5, 6])}

    assert stack_columns(columns, ["c", "a"]).tolist() == [[5.0, 1.0], [6.0, 2.0]]
