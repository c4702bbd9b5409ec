"""What training rows are, and which of them may teach."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from noriba.features import Columns

Mask: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
Labels: TypeAlias = np.ndarray[tuple[int], np.dtype[np.str_]]


@dataclass(frozen=True)
class Rule:
    """A quality rule on one row of training data.

    Attributes:
        name: short name, counted in reports: `ends_before_it_begins`.
        remedy: what was wrong and what to do, for the person who repairs the row.
        broken_by: the rows that break the rule, from the input columns and the label. NaN must break it on purpose.
    """

    name: str
    remedy: str
    broken_by: Callable[[Columns], Mask]


@dataclass(frozen=True)
class DataSpec:
    """The rows of a use case.

    Attributes:
        event_time: the input column, in seconds since 1970 UTC, by which rows are ordered and split.
        label: the column to predict; it is positive.
        rules: quality rules, in the order in which reasons are given.
        slices: named ways to divide the rows, each evaluated by itself; each gives a word per row from inputs and
            features.
        label_range: the least and the largest label that break no rule, whatever else the row says. Outcomes outside
            are none that the model was made for, and the monitor holds nothing against it for them.
    """

    event_time: str
    label: str
    rules: Sequence[Rule] = ()
    slices: Mapping[str, Callable[[Columns], Labels]] = field(default_factory=dict)
    label_range: tuple[float, float] = (0.0, math.inf)
