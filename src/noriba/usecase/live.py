"""What a model may know of the last hours: means over outcomes that have just become known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LiveMean:
    """The mean logarithm of the pace of recent outcomes, of which each counts half as much after every half-life.

    Attributes:
        name: the input column that it makes; NaN where it is not known.
        half_life_s: in seconds.
        keys: the feature columns whose values make a group; none where all outcomes make one.
        prior: weight of the parent's mean, in outcomes of this moment: a group of so many is believed halfway.
        parent: the mean, declared before and with fewer keys, that a group of which little is known falls back to.
    """

    name: str
    half_life_s: float
    keys: tuple[str, ...] = ()
    prior: float = 0.0
    parent: str | None = None


@dataclass(frozen=True)
class LiveSpec:
    """Means of recent outcomes, as inputs of a use case that no request brings.

    Attributes:
        means: parents before children.
        known_after: the column, label, input or feature, that says how many seconds after its event time a row's
            outcome was observed.
        delay_s: how long after that it is heard of in production; a replay lets a row know nothing sooner.
        hidden_share: of recorded rows, to which all means are unknown, as they are to a request while nobody can ask
            for them: so a model learns to do without.
    """

    means: Sequence[LiveMean]
    known_after: str
    delay_s: float = 0.0
    hidden_share: float = 0.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The input columns that the means make, in order."""
        return tuple(mean.name for mean in self.means)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All feature columns that make groups, each once."""
        return tuple(dict.fromkeys(key for mean in self.means for key in mean.keys))
