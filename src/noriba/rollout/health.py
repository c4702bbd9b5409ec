"""Whether a challenger fails or dawdles: what is seen at once, long before any outcome comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noriba.records.rollout import RolloutPlan

FEWEST_ERRORS = 5
"""A single one says nothing of a share."""
FEWEST_OF_NOTHING_ELSE = 3
"""Errors that are enough where there was no answer at all."""
FEWEST_ASKED = 20
"""Less says nothing of health. Of so many, a model that fails half shows five errors in 99 cases of 100; and a tenth of
ten requests a day brings them within three weeks."""
FEWEST_ANSWERS = 100
"""The first ones are slow, and a mean of few is theirs. Who was asked less of late is looked at over a longer time."""
FLOOR_MS = 20.0
"""Below this nobody notices, however many times slower it is."""
FLOOR_OF_FEW_MS = 500.0
"""The same for a mean of fewer than `FEWEST_ANSWERS`: ten seconds in which a model warms up, over twenty answers."""


@dataclass(frozen=True)
class VariantHealth:
    """What SageMaker measured of one variant, over the same time as of the other.

    Attributes:
        requests: that it was asked, or was given a copy of.
        errors: those that it failed, refused, or did not answer in time.
        latency_ms: mean time to an answer; None where there was none.
    """

    requests: int
    errors: int
    latency_ms: float | None

    def is_slower(self, other: VariantHealth) -> bool:
        """Whether it takes longer to answer than the other one, by more than anybody notices."""
        if self.latency_ms is None:
            return False
        return other.latency_ms is None or self.latency_ms > other.latency_ms + FLOOR_MS


def find_fault(challenger: VariantHealth, champion: VariantHealth, plan: RolloutPlan) -> str | None:
    """Why the challenger may not go on, in words; None when nothing speaks against it."""
    share = challenger.errors / challenger.requests if challenger.requests else 0.0
    usual = champion.errors / champion.requests if champion.requests else 0.0
    fewest = FEWEST_OF_NOTHING_ELSE if challenger.errors >= challenger.requests else FEWEST_ERRORS
    if challenger.errors >= fewest and share > usual + plan.max_error_share:
        return (
            f"it failed {challenger.errors} of {challenger.requests} requests ({share:.1%}), "
            f"the champion {champion.errors} of {champion.requests}"
        )
    if challenger.latency_ms is None or champion.latency_ms is None or challenger.requests < FEWEST_ASKED:
        return None
    floor_ms = FLOOR_MS if challenger.requests >= FEWEST_ANSWERS else FLOOR_OF_FEW_MS
    allowed = max(plan.max_latency_ratio * champion.latency_ms, floor_ms)
    if challenger.latency_ms > allowed:
        return (
            f"it takes {challenger.latency_ms:.0f} ms on average, the champion {champion.latency_ms:.0f} ms; "
            f"allowed are {allowed:.0f} ms"
        )
    return None
