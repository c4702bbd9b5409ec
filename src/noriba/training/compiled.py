"""A forest walked by machine code, which Numba makes of the functions below for the processor that it runs on.

What is whole here is an unsigned number of 64 bits throughout: Numba makes a float of a signed and an unsigned one,
and looks for indices below nought where a number might be.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, uint64

from noriba.training.forest import LEAF, NOUGHT, UNKNOWN

if TYPE_CHECKING:
    from noriba.training.forest import Forest

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_ROWS_A_THREAD = 2_000
"""Measured: for fewer, a second thread is not worth waking."""
_BLOCK = uint64(64)
"""Rows that walk one tree before any walks the next: their places stay in the nearest memory, as the tree does."""
_ONE, _ZERO = uint64(1), uint64(0)
_SIXTEEN_BITS, _COLUMN, _LEAF = uint64(0xFFFF), uint64(LEAF - 1), uint64(LEAF)


class CompiledForest:
    """The same answers as the forest's boosters, bit for bit; it may be asked by several threads at once."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._threads = os.cpu_count() or 1
        # Machine code is made when first asked for: now, rather than while a request waits.
        self._walk(np.zeros((1, max(1, len(forest.starts) - 1))), np.zeros((1, forest.quantiles)))

    def predict(self, matrix: Matrix) -> Matrix:
        """Predicted quantiles of log(label).

        Args:
            matrix: shape (n, columns), of at least as many columns as the trees read.

        Returns:
            Shape (n, quantiles).
        """
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if rows.shape[1] < len(self._forest.starts) - 1:
            raise ValueError(f"the trees read {len(self._forest.starts) - 1} columns; got shape {rows.shape}")
        answer = np.zeros((len(rows), self._forest.quantiles))
        parts = min(self._threads, len(rows) // _ROWS_A_THREAD)
        if parts <= 1:
            self._walk(rows, answer)
        else:
            shares = zip(np.array_split(rows, parts), np.array_split(answer, parts), strict=True)
            with ThreadPoolExecutor(parts) as pool:
                # A list, so that what goes wrong in a thread is raised here.
                list(pool.map(lambda share: self._walk(*share), shares))
        return answer

    def _walk(self, rows: Matrix, answer: Matrix) -> None:
        forest = self._forest
        places = np.zeros((len(rows), max(1, len(forest.starts) - 1)), np.uint16)
        find_places(rows, forest.thresholds, forest.starts, places)
        add_leaves(forest.nodes, forest.roots, forest.leaves, forest.first_leaves, places, answer)


@njit(nogil=True)
def find_places(rows, thresholds, starts, places):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """How many thresholds of its column lie below each value; UNKNOWN for one that is not known."""
    for row in range(uint64(rows.shape[0])):
        for column in range(uint64(starts.shape[0]) - _ONE):
            value = rows[row, column]
            if np.isnan(value):
                places[row, column] = UNKNOWN
                continue
            if abs(value) <= NOUGHT:
                value = 0.0
            first, rest = starts[column], starts[column + _ONE] - starts[column]
            while rest > _ZERO:
                half = rest >> _ONE
                if thresholds[first + half] < value:
                    first += half + _ONE
                    rest -= half + _ONE
                else:
                    rest = half
            places[row, column] = first - starts[column]


@njit(nogil=True)
def _choose_child(node, places, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    place = (uint64(places[row, node & _COLUMN]) + ((node >> uint64(15)) & _ONE)) & _SIXTEEN_BITS
    right = uint64(place > ((node >> uint64(16)) & _SIXTEEN_BITS))
    # By a shift, not by a choice: there is no branch to be guessed.
    return (node >> (uint64(32) + (right << uint64(4)))) & _SIXTEEN_BITS


@njit(nogil=True)
def add_leaves(nodes, roots, leaves, first_leaves, places, answer):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add to each row's quantiles the leaves that it falls into, tree by tree.

    Eight rows at a time, written out: while one waits for memory, the processor goes on with the next.
    """
    rows, quantiles = uint64(places.shape[0]), uint64(answer.shape[1])
    for begin in range(_ZERO, rows, _BLOCK):
        end = min(begin + _BLOCK, rows)
        for tree in range(uint64(roots.shape[0])):
            root, first_leaf, quantile = roots[tree], first_leaves[tree], tree % quantiles
            row = uint64(begin)
            while row + uint64(8) <= end:
                r1, r2, r3, r4 = row + _ONE, row + uint64(2), row + uint64(3), row + uint64(4)
                r5, r6, r7 = row + uint64(5), row + uint64(6), row + uint64(7)
                a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = _ZERO
                n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = nodes[root]
                while not n0 & n1 & n2 & n3 & n4 & n5 & n6 & n7 & _LEAF:
                    a0 = _choose_child(n0, places, row)
                    n0 = nodes[root + a0]
                    a1 = _choose_child(n1, places, r1)
                    n1 = nodes[root + a1]
                    a2 = _choose_child(n2, places, r2)
                    n2 = nodes[root + a2]
                    a3 = _choose_child(n3, places, r3)
                    n3 = nodes[root + a3]
                    a4 = _choose_child(n4, places, r4)
                    n4 = nodes[root + a4]
                    a5 = _choose_child(n5, places, r5)
                    n5 = nodes[root + a5]
                    a6 = _choose_child(n6, places, r6)
                    n6 = nodes[root + a6]
                    a7 = _choose_child(n7, places, r7)
                    n7 = nodes[root + a7]
                answer[row, quantile] += leaves[first_leaf + a0]
                answer[r1, quantile] += leaves[first_leaf + a1]
                answer[r2, quantile] += leaves[first_leaf + a2]
                answer[r3, quantile] += leaves[first_leaf + a3]
                answer[r4, quantile] += leaves[first_leaf + a4]
                answer[r5, quantile] += leaves[first_leaf + a5]
                answer[r6, quantile] += leaves[first_leaf + a6]
                answer[r7, quantile] += leaves[first_leaf + a7]
                row += uint64(8)
            while row < end:
                child, node = _ZERO, nodes[root]
                while not node & _LEAF:
                    child = _choose_child(node, places, row)
                    node = nodes[root + child]
                answer[row, quantile] += leaves[first_leaf + child]
                row += _ONE
