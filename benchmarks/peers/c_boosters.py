"""Boosters by LightGBM's C interface, without what its Python package does around each call.

https://lightgbm.readthedocs.io/en/stable/C-API.html
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_LIBRARY: Any = lightgbm.basic._LIB  # type: ignore[attr-defined]  # noqa: SLF001  # it is loaded already
_DOUBLE, _NORMAL, _ROW_MAJOR = 1, 0, 1


class Boosters:
    """The three quantiles of one model; each call is answered by one thread."""

    def __init__(self, folder: Path) -> None:
        self._boosters = [lightgbm.Booster(model_file=str(folder / f"quantile_{place}.txt")) for place in range(3)]
        self._columns = self._boosters[0].num_feature()
        self._fast = [self._prepare_row(booster) for booster in self._boosters]

    def predict(self, rows: list[list[float]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Quantiles in the label's unit, shape (n, 3), sorted within each row."""
        matrix = np.ascontiguousarray(rows, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self._columns:  # noqa: PLR2004  # rows and columns
            raise ValueError(f"rows of {self._columns} numbers are needed")
        out = np.empty((3, len(matrix)))
        for place in range(3):
            if len(matrix) == 1:
                self._predict_row(place, matrix, out[place])
            else:
                self._predict_rows(place, matrix, out[place])
        return np.exp(np.sort(out, axis=0)).T

    def _prepare_row(self, booster: Any) -> ctypes.c_void_p:
        config = ctypes.c_void_p()
        _check(
            _LIBRARY.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,  # noqa: SLF001  # what the C interface takes
                ctypes.c_int(_NORMAL),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(_DOUBLE),
                ctypes.c_int32(self._columns),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(config),
            )
        )
        return config

    def _predict_row(self, place: int, matrix: Any, out: Any) -> None:
        length = ctypes.c_int64()
        _check(
            _LIBRARY.LGBM_BoosterPredictForMatSingleRowFast(
                self._fast[place],
                matrix.ctypes.data_as(ctypes.c_void_p),
                ctypes.byref(length),
                out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )

    def _predict_rows(self, place: int, matrix: Any, out: Any) -> None:
        length = ctypes.c_int64()
        _check(
            _LIBRARY.LGBM_BoosterPredictForMat(
                self._boosters[place]._handle,  # noqa: SLF001  # what the C interface takes
                matrix.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_int(_DOUBLE),
                ctypes.c_int32(len(matrix)),
                ctypes.c_int32(self._columns),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(_NORMAL),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(length),
                out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )


def _check(status: int) -> None:
    if status:
        raise RuntimeError(_LIBRARY.LGBM_GetLastError())
