"""LightGBM's C library, without its Python package: that imports SciPy, which whoever answers requests has no use for.

https://lightgbm.readthedocs.io/en/stable/C-API.html
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.errors import CorruptBundleError, NoribaError

if TYPE_CHECKING:
    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_FLOAT64, _ROW_MAJOR = 1, 1
_RAW_SCORE, _CONTRIBUTIONS = 1, 3
_ALL = -1


class MissingLibraryError(NoribaError):
    """LightGBM is not installed."""


class LoadedTrees:
    """The trees of one booster in memory.

    Args:
        text: as LightGBM saves them.

    Raises:
        MissingLibraryError: LightGBM is not installed.
        CorruptBundleError: the text is none of a booster.
    """

    def __init__(self, text: str) -> None:
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _check(
            _library().LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle)
            )
        )
        columns = ctypes.c_int()
        _check(_library().LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(columns)))
        self.columns = columns.value
        # What a single row costs is mostly finding out how it shall be read: done once, here.
        self._row = ctypes.c_void_p()
        _check(
            _library().LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle, _RAW_SCORE, 0, _ALL, _FLOAT64, self.columns, b"num_threads=1", ctypes.byref(self._row)
            )
        )

    def __del__(self) -> None:
        if self._handle.value:
            _library().LGBM_FastConfigFree(self._row)
            _library().LGBM_BoosterFree(self._handle)

    def predict(self, matrix: Matrix, *, threads: int) -> np.ndarray:
        """The sum of the leaves that each row falls into, shape (n,).

        Args:
            matrix: shape (n, columns).
            threads: that may share the rows; 0 for as many as there are processors.
        """
        if len(matrix) != 1:
            return self._predict(matrix, _RAW_SCORE, width=1, threads=threads)[:, 0]
        row, answer = self._to_rows(matrix), np.empty(1)
        _check(
            _single_row()(
                self._row,
                ctypes.c_void_p(row.ctypes.data),
                ctypes.byref(ctypes.c_int64()),
                ctypes.c_void_p(answer.ctypes.data),
            )
        )
        return answer

    def attribute(self, matrix: Matrix) -> Matrix:
        """Shapley values of each column, and last what all rows begin from; shape (n, columns + 1)."""
        return self._predict(matrix, _CONTRIBUTIONS, width=self.columns + 1, threads=1)

    def _predict(self, matrix: Matrix, kind: int, *, width: int, threads: int) -> Matrix:
        rows, found = self._to_rows(matrix), np.empty((len(matrix), width))
        written = ctypes.c_int64()
        _check(
            _library().LGBM_BoosterPredictForMat(
                self._handle,
                ctypes.c_void_p(rows.ctypes.data),
                _FLOAT64,
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(self.columns),
                _ROW_MAJOR,
                kind,
                0,
                _ALL,
                f"num_threads={threads}".encode(),
                ctypes.byref(written),
                ctypes.c_void_p(found.ctypes.data),
            )
        )
        return found

    def _to_rows(self, matrix: Matrix) -> Matrix:
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.columns:  # noqa: PLR2004  # the library would read beyond it
            raise ValueError(f"the trees read {self.columns} columns; got shape {rows.shape}")
        return rows


@lru_cache(maxsize=1)
def _find() -> str:
    found = importlib.util.find_spec("lightgbm")
    folders = [] if found is None else found.submodule_search_locations or []
    for folder in folders:
        for file in sorted(Path(folder).glob("lib/lib_lightgbm.*")):
            return str(file)
    raise MissingLibraryError("LightGBM's library is not installed; install noriba[model]")


@lru_cache(maxsize=1)
def _library() -> Any:
    library = ctypes.CDLL(_find())
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


@lru_cache(maxsize=1)
def _single_row() -> Any:
    # With Python's own lock held: no two threads may share what is kept between single rows.
    return ctypes.PyDLL(_find()).LGBM_BoosterPredictForMatSingleRowFast


def _check(status: int) -> None:
    if status:
        raise CorruptBundleError(f"LightGBM: {_library().LGBM_GetLastError().decode(errors='replace')}")
