"""What two models answered beside what really happened, counted as it comes.

Captures and outcomes arrive in any order, late or never. What cannot be paired yet waits; what was paired is summed up
over blocks of time and forgotten, so that each look reads what is new and nothing twice.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, Field

from noriba.events import MOST_OUTCOME
from noriba.rollout.confidence import BLOCK_S, Blocks
from noriba.rollout.golden import check_plausible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer

Side: TypeAlias = Literal["champion", "challenger"]
DIFFERENCE = "difference"
PEOPLE = "@people"
"""After the name of a series: the same by groups of subjects."""
WAIT_S = 24 * 3600.0
"""How long an answer waits for its outcome; a ride that is not over then was never reported."""
MOST_WAITING = 200_000
"""More than an hour of fifty requests a second; what is kept of them is read at every look."""
MOST_LOOKS = 300
"""More than a picture of them can show; there is a look a minute, and a comparison may last for weeks."""
_SLICE = "|"


class Look(BaseModel):
    """What was known at one look; the picture of a comparison is drawn of these."""

    outcomes: int
    estimate: float | None
    lower: float | None
    upper: float | None


class Waiting(BaseModel):
    """What is known of one row of one request so far."""

    since_s: float
    champion: float | None = None
    challenger: float | None = None
    slices: tuple[str, ...] = ()
    group: int | None = None
    outcome: float | None = None
    observed_s: float = 0.0


class Tally(BaseModel):
    """All that a comparison has counted.

    Attributes:
        since: captures and outcomes from then on belong to it.
        looked_at: when it was counted last; None before the first time.
        paired: whether both models answer every request (shadow), or one of them each (canary).
        waiting: rows whose other half has not come, by prediction and candidate.
        sums: count, total and total of squares by block of time, of each series; of a canary's errors by group of
            subjects, too, where requests name one.
        answered: rows that each model answered.
        faulty: answers of the challenger that are no predictions.
        fault: the first of them, in words.
        unreadable: lines of captures and outcomes that nobody could read.
        given_up: rows without an outcome for too long.
        read: keys of the objects that were read, as far back as one may still come.
        looks: what was known at each look; of many, the first, the latest and some between, spread over the outcomes.
    """

    since: datetime
    looked_at: datetime | None = None
    paired: bool
    waiting: dict[str, Waiting] = Field(default_factory=dict)
    sums: dict[str, dict[float, tuple[float, float, float]]] = Field(default_factory=dict)
    answered: dict[Side, int] = Field(default_factory=dict)
    faulty: int = 0
    fault: str = ""
    unreadable: int = 0
    given_up: int = 0
    read: list[str] = Field(default_factory=list)
    looks: list[Look] = Field(default_factory=list)

    def add_answers(self, side: Side, answers: Iterable[CapturedAnswer]) -> None:
        """Take in what a model answered."""
        for one in answers:
            fault = next(check_plausible(one.answer, rows=len(one.candidate_ids)), None)
            if fault is not None:
                if side == "challenger":
                    self.faulty += 1
                    self.fault = self.fault or f"to prediction {one.prediction_id}: {fault}"
                continue
            self.answered[side] = self.answered.get(side, 0) + len(one.candidate_ids)
            for row, candidate in enumerate(one.candidate_ids):
                waiting = self._find(one.prediction_id, candidate, one.at.timestamp())
                slices = tuple(f"{name}: {labels[row]}" for name, labels in one.slices.items())
                update = {side: one.answer.value[row], "slices": slices, "group": one.group}
                self._settle(one.prediction_id, candidate, waiting.model_copy(update=update))

    def add_outcomes(self, outcomes: Iterable[OutcomeObserved], *, now_s: float) -> None:
        """Take in what happened; of several words about one row that come together, the one observed last counts.

        A later word about a row that was counted finds nothing to be paired with, and is dropped after a while.
        """
        said: dict[tuple[str, str | None], OutcomeObserved] = {}
        for event in outcomes:
            if not 0 < event.value < MOST_OUTCOME:
                # The API refuses it; somebody else put it on the bus. Its square would be no number any more.
                self.unreadable += 1
                continue
            key = event.prediction_id, event.candidate_id
            before = said.get(key)
            if before is None or (event.observed_at, event.value) > (before.observed_at, before.value):
                said[key] = event
        for (prediction, candidate), event in said.items():
            waiting = self._find(prediction, candidate, now_s)
            update = {"outcome": event.value, "observed_s": event.observed_at.timestamp()}
            self._settle(prediction, candidate, waiting.model_copy(update=update))

    def forget(self, *, now_s: float) -> None:
        """Give up what has waited for too long, the oldest where too much waits, and looks where there are many."""
        # Outcomes without any answer go first: they are mostly of requests from before the comparison.
        ages = sorted(
            (one.champion is not None or one.challenger is not None, one.since_s, name)
            for name, one in self.waiting.items()
        )
        crowd = max(0, len(ages) - MOST_WAITING)
        old = [name for rank, (_, since_s, name) in enumerate(ages) if rank < crowd or now_s - since_s > WAIT_S]
        self.given_up += sum(self.waiting[name].outcome is None for name in old)
        for name in old:
            del self.waiting[name]
        while len(self.looks) > MOST_LOOKS:
            self._drop_look()

    def blocks(self, series: str) -> Blocks:
        """A series as the bounds want it: `difference` of paired errors, or a model's absolute errors."""
        sums = self.sums.get(series, {})
        starts = np.array(sorted(sums), dtype=np.float64)
        counts, totals, squares = np.array([sums[start] for start in starts], dtype=np.float64).reshape(-1, 3).T
        return Blocks(starts, counts, totals, squares)

    def find_span_s(self, series: str) -> float:
        """Over which time 98 % of a series' outcomes lie, to a block: one with a wrong clock makes no day."""
        blocks = self.blocks(series)
        if not blocks.n:
            return 0.0
        shares = np.cumsum(blocks.counts) / blocks.counts.sum()
        first, last = np.searchsorted(shares, (0.01, 0.99))
        return float(blocks.starts_s[last] - blocks.starts_s[first]) + BLOCK_S

    def list_slices(self) -> list[str]:
        """Slices of which anything was counted."""
        return sorted({name.partition(_SLICE)[2] for name in self.sums if _SLICE in name})

    def _find(self, prediction: str, candidate: str | None, since_s: float) -> Waiting:
        return self.waiting.get(_name(prediction, candidate)) or Waiting(since_s=since_s)

    def _drop_look(self) -> None:
        """Drop the look, neither the first nor the last, that leaves the smallest gap: those without news go first."""
        gaps = [later.outcomes - before.outcomes for before, later in zip(self.looks, self.looks[2:], strict=False)]
        del self.looks[1 + gaps.index(min(gaps))]

    def _settle(self, prediction: str, candidate: str | None, known: Waiting) -> None:
        """Count what is whole, and keep what is not."""
        name = _name(prediction, candidate)
        errors = {
            side: abs(value - known.outcome)
            for side, value in (("champion", known.champion), ("challenger", known.challenger))
            if value is not None and known.outcome is not None
        }
        if not errors or (self.paired and len(errors) < 2):  # noqa: PLR2004  # champion and challenger
            self.waiting[name] = known
            return
        self.waiting.pop(name, None)
        block = math.floor(known.observed_s / BLOCK_S) * BLOCK_S
        for series, value in self._list_values(errors):
            for place in (series, *(f"{series}{_SLICE}{label}" for label in known.slices)):
                self._add(place, block, value)
            if not self.paired and known.group is not None:
                self._add(f"{series}{PEOPLE}", float(known.group), value)

    def _add(self, place: str, part: float, value: float) -> None:
        sums = self.sums.setdefault(place, {})
        count, total, squares = sums.get(part, (0.0, 0.0, 0.0))
        sums[part] = count + 1, total + value, squares + value * value

    def _list_values(self, errors: dict[str, float]) -> Iterator[tuple[str, float]]:
        yield from errors.items()
        if self.paired:
            yield DIFFERENCE, errors["challenger"] - errors["champion"]


def _name(prediction: str, candidate: str | None) -> str:
    return f"{prediction} {candidate or ''}"
