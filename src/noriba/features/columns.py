"""What a column is, once for the whole project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_FLOAT64 = np.dtype(np.float64)

Column: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]
"""A one-dimensional float64 array; an unknown value is NaN."""

Columns: TypeAlias = Mapping[str, Column]
"""Columns of one length, by name."""


def as_column(values: ArrayLike) -> Column:
    """The values as a contiguous float64 column.

    Contiguous, because NumPy may choose another kernel for strided memory and with it another last bit; the promise
    that a batch row equals a single row bit for bit depends on this.
    """
    if is_column(values):
        return values
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1)


def is_column(values: object) -> TypeGuard[Column]:
    """Whether values are a column as they are: for most it need not be made anew."""
    return type(values) is np.ndarray and values.ndim == 1 and values.dtype is _FLOAT64 and values.flags.c_contiguous


def row_count(columns: Columns) -> int:
    """The common length of the columns.

    Raises:
        ValueError: no columns, or columns of different lengths.
    """
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        shown = ", ".join(f"{name}: {len(column)}" for name, column in columns.items())
        raise ValueError(f"columns must have one common length; got {shown or 'no column'}")
    return lengths.pop()


def take_rows(columns: Columns, rows: np.ndarray) -> dict[str, Column]:
    """The chosen rows (a mask or indices) of every column."""
    return {name: column[rows] for name, column in columns.items()}


def stack_columns(columns: Columns, names: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The named columns side by side, as a row-major matrix of shape (n, len(names))."""
    return np.ascontiguousarray(np.array([columns[name] for name in names]).T)
