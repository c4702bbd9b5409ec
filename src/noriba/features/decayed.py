"""Means that forget: of several numbers, each counts half as much after every half-life.

Of each group three numbers are kept, so that adding and reading cost the same however much was added:

    last_s   the latest moment that was added, in seconds since 1970 UTC
    weight   Σ 2^(−(last_s − t) / half_life_s) over what was added at moments t
    total    the same sum, each term times the number that was added

What comes late is decayed to the latest moment before it is added, so the order of adding changes nothing but the last
bits. The same few lines serve a request and replay the past for training.
"""

from __future__ import annotations

from math import exp2, isnan
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from noriba.features.columns import Column

Group: TypeAlias = tuple[float, ...]
"""The values of a group's keys, none of them NaN; empty where all belong to one group."""

STALE_HALF_LIVES = 4.0
"""A group of which nothing was heard for longer is not known any more: it would tell of another hour."""
FORGOTTEN_HALF_LIVES = 64.0
"""What is older weighs less than the last bit of what may still be added, and need not be kept."""


class DecayedMeans:
    """The decayed means of groups.

    Args:
        half_life_s: in seconds, over 0.
    """

    __slots__ = ("_groups", "half_life_s")

    def __init__(self, half_life_s: float) -> None:
        self.half_life_s = half_life_s
        self._groups: dict[Group, tuple[float, float, float]] = {}

    def __len__(self) -> int:
        """How many groups are kept."""
        return len(self._groups)

    def add(self, group: Group, at_s: float, value: float) -> None:
        """Count a number; both it and its moment are finite.

        Args:
            group: which it belongs to.
            at_s: when, in seconds since 1970 UTC; in any order.
            value: the number.
        """
        known = self._groups.get(group)
        if known is None:
            self._groups[group] = at_s, 1.0, value
            return
        last_s, weight, total = known
        if at_s >= last_s:
            left = exp2((last_s - at_s) / self.half_life_s)
            self._groups[group] = at_s, weight * left + 1.0, total * left + value
        else:
            left = exp2((at_s - last_s) / self.half_life_s)
            self._groups[group] = last_s, weight + left, total + value * left

    def read(self, group: Group, at_s: float) -> tuple[float, float] | None:
        """Weight and total of a group at a moment; None where nothing was heard of it for `STALE_HALF_LIVES`.

        At a moment before the latest one, what came later counts in full: whoever wants the past reads then.
        """
        known = self._groups.get(group)
        if known is None:
            return None
        last_s, weight, total = known
        half_lives = (at_s - last_s) / self.half_life_s
        if half_lives <= 0.0:
            return weight, total
        if half_lives > STALE_HALF_LIVES:
            return None
        left = exp2(-half_lives)
        return weight * left, total * left

    def is_stale(self, at_s: float) -> bool:
        """Whether no group is known at a moment."""
        oldest_s = at_s - STALE_HALF_LIVES * self.half_life_s
        return all(last_s < oldest_s for last_s, _weight, _total in self._groups.values())

    def forget(self, at_s: float, *, most: int) -> None:
        """Leave out groups that have decayed to nothing, and of too many those of which nothing was heard the longest.

        Args:
            at_s: now.
            most: groups that may stay.
        """
        oldest_s = at_s - FORGOTTEN_HALF_LIVES * self.half_life_s
        kept = {group: known for group, known in self._groups.items() if known[0] >= oldest_s}
        if len(kept) > most:
            # By their keys where they are equally old, so that the same ones stay whenever the same were added.
            latest = sorted(kept.items(), key=lambda item: (-item[1][0], item[0]))[:most]
            kept = dict(latest)
        self._groups = kept

    def export(self) -> Iterator[list[float]]:
        """Keys, latest moment, weight and total of each group, in the order of their keys."""
        for group, known in sorted(self._groups.items()):
            yield [*group, *known]

    def restore(self, rows: Iterable[list[float]]) -> None:
        """Take what `export` gave, in place of what is there."""
        self._groups = {tuple(keys): (last_s, weight, total) for *keys, last_s, weight, total in rows}


def number_groups(keys: Sequence[Column], *, rows: int) -> list[Group | None]:
    """The group of each row; None where a key is not known.

    Args:
        keys: shape (n,) each; none where all rows belong to one group.
        rows: n.
    """
    if not keys:
        return [()] * rows
    groups = zip(*(key.tolist() for key in keys), strict=True)
    return [None if any(map(isnan, group)) else group for group in groups]
