"""Trees in the form in which they are quickest to walk, with the same answers bit for bit.

A column has at most as many different thresholds in all trees as training had bins for it, some 250. So each value is
looked up among them once, and its place, a small whole number, is all that any node compares: `x <= thresholds[i]` is
`place(x) <= i`. A node is then eight bytes, a tree fits into the processor's nearest memory, and eight rows walk it
side by side without a branch that the processor could guess wrong.

    bits 0-13   the column            bit 14   it is a leaf
    bit 15      an unknown value goes left (one is added to the place; 65,535 becomes 0)
    bits 16-31  the last place that goes left
    bits 32-47  the left child        bits 48-63   the right child; a leaf's children are itself

Sums are made tree by tree in LightGBM's order, in float64: that is why they are equal to the last bit. The places
are LightGBM's own bins (Ke et al., NeurIPS 2017), found again; what else was measured: docs/performance.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

UNKNOWN = 0xFFFF
"""The place of a value that is not known."""
NOUGHT = float(np.float32(1e-35))
"""What is no farther from nought, LightGBM takes for it: `kZeroThreshold`, where it reads a row."""
LEAF = 1 << 14
_UNKNOWN_LEFT = 1 << 15
_MOST_COLUMNS, _MOST_PLACES, _MOST_NODES = 1 << 14, UNKNOWN - 1, 1 << 16
_MISSING_NONE, _MISSING_NAN = 0, 2
_TREE = re.compile(r"^Tree=\d+$", re.MULTILINE)
_FIELD = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


class UncompilableError(NoribaError):
    """Trees of a kind that this form has no room for; LightGBM's library answers by them all the same."""


@dataclass(frozen=True)
class Forest:
    """The trees of all quantiles, one quantile's after another's within each round.

    Attributes:
        quantiles: how many.
        thresholds: of each column in turn, ascending within each.
        starts: where each column's begin, and where the last one's end; shape (columns + 1,).
        nodes: of each tree in turn; see above.
        roots: where each tree begins among them.
        leaves: values of each tree in turn.
        first_leaves: what is added to a leaf's number in its tree to find its value.
    """

    quantiles: int
    thresholds: np.ndarray
    starts: np.ndarray
    nodes: np.ndarray
    roots: np.ndarray
    leaves: np.ndarray
    first_leaves: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The trees of boosters, as LightGBM saves them, of as many rounds each.

        Raises:
            UncompilableError: they split by categories or take nought for unknown, a leaf is a formula, or there are
                too many columns or nodes.
        """
        boosters = [list(_read_trees(text)) for text in texts]
        rounds = {len(trees) for trees in boosters}
        if len(rounds) != 1:
            raise UncompilableError(f"boosters of {', '.join(map(str, sorted(rounds)))} trees")
        trees = [tree for together in zip(*boosters, strict=True) for tree in together]
        thresholds = _collect_thresholds(trees)
        tables = [_write_nodes(tree, thresholds) for tree in trees]
        inner = np.array([len(tree["threshold"]) for tree in trees])
        ends = np.cumsum([len(table) for table in tables])
        leaf_ends = np.cumsum([len(tree["leaf_value"]) for tree in trees])
        roots = ends - [len(table) for table in tables]
        first_leaves = leaf_ends - [len(tree["leaf_value"]) for tree in trees] - inner
        return cls(
            len(texts),
            np.concatenate([np.empty(0), *thresholds]),
            np.cumsum([0, *map(len, thresholds)]).astype(np.uint64),
            np.concatenate(tables),
            roots.astype(np.uint64),
            np.concatenate([tree["leaf_value"] for tree in trees]),
            # The first ones are below nought; unsigned numbers wrap round, and come back when a leaf's is added.
            first_leaves.astype(np.int64).astype(np.uint64),
        )


def _read_trees(text: str) -> Iterator[Mapping[str, np.ndarray]]:
    body = text.split("\nend of trees", 1)[0]
    for part in _TREE.split(body)[1:]:
        fields = dict(_FIELD.findall(part))
        if fields.get("is_linear", "0") != "0" or fields.get("num_cat", "0") != "0":
            raise UncompilableError("a tree splits by categories, or its leaves are formulas")
        one_leaf = fields["num_leaves"] == "1"
        yield {
            "leaf_value": np.fromstring(fields["leaf_value"], sep=" "),
            **{
                name: np.empty(0, kind) if one_leaf else np.fromstring(fields[name], dtype=kind, sep=" ")
                for name, kind in (
                    ("threshold", np.float64),
                    ("split_feature", np.int64),
                    ("decision_type", np.int64),
                    ("left_child", np.int64),
                    ("right_child", np.int64),
                )
            },
        }


def _collect_thresholds(trees: Sequence[Mapping[str, np.ndarray]]) -> list[np.ndarray]:
    columns = np.concatenate([tree["split_feature"] for tree in trees])
    thresholds = np.concatenate([tree["threshold"] for tree in trees])
    count = int(columns.max(initial=-1)) + 1
    if count > _MOST_COLUMNS:
        raise UncompilableError(f"{count} columns; there is room for {_MOST_COLUMNS}")
    found = [np.unique(thresholds[columns == column]) for column in range(count)]
    if (most := max(map(len, found), default=0)) > _MOST_PLACES:
        raise UncompilableError(f"{most} thresholds of one column; there is room for {_MOST_PLACES}")
    return found


def _write_nodes(tree: Mapping[str, np.ndarray], thresholds: Sequence[np.ndarray]) -> np.ndarray:
    inner, leaves = len(tree["threshold"]), len(tree["leaf_value"])
    if inner + leaves > _MOST_NODES:
        raise UncompilableError(f"a tree of {inner + leaves} nodes; there is room for {_MOST_NODES}")
    missing = (tree["decision_type"] >> 2) & 3
    if not np.isin(missing, (_MISSING_NONE, _MISSING_NAN)).all():
        raise UncompilableError("trees take nought for unknown")
    # Where training knew every value, LightGBM takes an unknown one for nought.
    by_default = (tree["decision_type"] >> 1) & 1 == 1
    unknown_left = np.where(missing == _MISSING_NAN, by_default, tree["threshold"] >= 0.0).astype(np.uint64)
    place = np.empty(inner, np.uint64)
    for column in np.unique(tree["split_feature"]):
        here = tree["split_feature"] == column
        place[here] = np.searchsorted(thresholds[column], tree["threshold"][here])
    itself = np.arange(inner, inner + leaves, dtype=np.uint64)
    left, right = (_number(tree[side], inner) for side in ("left_child", "right_child"))
    splits = (
        tree["split_feature"].astype(np.uint64)
        | (unknown_left * np.uint64(_UNKNOWN_LEFT))
        | ((place + unknown_left) << np.uint64(16))
        | (left << np.uint64(32))
        | (right << np.uint64(48))
    )
    return np.concatenate([splits, np.uint64(LEAF) | (itself << np.uint64(32)) | (itself << np.uint64(48))])


def _number(children: np.ndarray, inner: int) -> np.ndarray:
    """A child that is a leaf is written as minus its number, less one."""
    return np.where(children >= 0, children, inner + ~children).astype(np.uint64)
