"""What two models answered beside what really happened, counted as it comes.

Captures and outcomes arrive in any order, late or never. What cannot be paired yet waits; what was paired is summed up
over blocks of time and forgotten, so that each look reads what is new and nothing twice.

Outcomes are an app's word, and one app must not decide alone: a request counts once, at the time when the server was
asked, and no outcome counts for more than `FARTHEST` says. docs/adr/0044 tells what was weighed.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from noriba.events import CLOCK_SKEW, MOST_OUTCOME
from noriba.records.plausibility import find_answer_fault
from noriba.rollout.confidence import BLOCK_S, Blocks
from noriba.rollout.waiting import Side, Waiting, rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer

DIFFERENCE = "difference"
PEOPLE = "@people"
"""After the name of a series: the same by groups of subjects."""
WAIT_S = 24 * 3600.0
"""How long an answer waits for its outcome; a ride that is not over then was never reported."""
MOST_WAITING = 200_000
"""Requests: more than an hour of fifty a second; what is kept of them is read at every look."""
MOST_WAITING_BYTES = 128 * 1024**2
"""Of what they were answered, packed: a request has up to hundreds of candidates, and the judge 1,769 MB."""
_FORM = 2
"""Of a kept count; the first one had no number, and waited by candidate."""
MOST_LOOKS = 300
"""More than a picture of them can show; there is a look a minute, and a comparison may last for weeks."""
_SLICE = "|"


class Look(BaseModel):
    """What was known at one look; the picture of a comparison is drawn of these."""

    outcomes: int
    estimate: float | None
    lower: float | None
    upper: float | None


class Tally(BaseModel):
    """All that a comparison has counted.

    Attributes:
        since: captures and outcomes from then on belong to it.
        looked_at: when it was counted last; None before the first time.
        paired: whether both models answer every request (shadow), or one of them each (canary).
        trusts_times: whether an outcome counts at the time that it says, not when its request was asked.
        waiting: requests whose other half has not come, by prediction.
        sums: count, total and total of squares by block of time, of each series; of a canary's errors by group of
            subjects, too, where requests name one.
        answered: rows that each model answered.
        faulty: answers of the challenger that are no predictions.
        fault: the first of them, in words.
        unreadable: lines of captures and outcomes that nobody could read.
        given_up: requests that were answered and had no outcome for too long, or too many others beside them.
        odd: outcomes that cannot be: of no candidate of their request, or observed before it was asked. Not counted.
        far: outcomes that counted as nearer than they were; see `FARTHEST`.
        usual: how many requests the champion answered, and the sum of their mean answers.
        read: keys of the objects that were read, as far back as one may still come.
        looks: what was known at each look; of many, the first, the latest and some between, spread over the outcomes.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    form: int = _FORM
    since: datetime
    looked_at: datetime | None = None
    paired: bool
    trusts_times: bool = False
    waiting: dict[str, Waiting] = Field(default_factory=dict)
    sums: dict[str, dict[float, tuple[float, float, float]]] = Field(default_factory=dict)
    answered: dict[Side, int] = Field(default_factory=dict)
    faulty: int = 0
    fault: str = ""
    unreadable: int = 0
    given_up: int = 0
    odd: int = 0
    far: int = 0
    usual: tuple[int, float] = (0, 0.0)
    read: list[str] = Field(default_factory=list)
    looks: list[Look] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _read_first_form(cls, kept: Any) -> Any:
        """What the version before has counted goes on; what waited in it, some minutes of requests, is given up."""
        if not isinstance(kept, dict) or "since" not in kept or "form" in kept or not kept.get("waiting"):
            return kept
        return {**kept, "waiting": {}, "given_up": kept.get("given_up", 0) + len(kept["waiting"])}

    def add_answers(self, side: Side, answers: Iterable[CapturedAnswer]) -> None:
        """Take in what a model answered."""
        for one in answers:
            fault = find_answer_fault(one.answer, rows=len(one.candidate_ids))
            if fault is not None:
                if side == "challenger":
                    self.faulty += 1
                    self.fault = self.fault or f"to prediction {one.prediction_id}: {fault}"
                continue
            rows = len(one.candidate_ids)
            self.answered[side] = self.answered.get(side, 0) + rows
            if not rows:
                continue
            if side == "champion":
                self.usual = self.usual[0] + 1, self.usual[1] + sum(one.answer.value) / rows
            known = self.waiting.setdefault(one.prediction_id, Waiting(one.at.timestamp()))
            known.hear_answer(side, one)
            self._settle(one.prediction_id, known)

    def add_outcomes(self, outcomes: Iterable[OutcomeObserved], *, now_s: float) -> None:
        """Take in what happened; of several words about one ride that come together, the one observed last counts.

        Of several candidates of one request the first one that is heard of counts: one car drove. A later word about a
        request that was counted finds nothing to be paired with, and is dropped after a while.
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
        for event in said.values():
            known = self.waiting.setdefault(event.prediction_id, Waiting(now_s))
            known.hear_outcome(event)
            self._settle(event.prediction_id, known)

    def forget(self, *, now_s: float) -> None:
        """Give up what has waited for too long, some of it where too much waits, and looks where there are many.

        Who stays is drawn by the prediction's id: of what is asked faster than it can wait, a part is heard to its end.
        Were the oldest to go, none would.
        """
        for name in [name for name, one in self.waiting.items() if now_s - one.since_s > WAIT_S]:
            self._give_up(name)
        size = sum(one.size for one in self.waiting.values())
        if len(self.waiting) > MOST_WAITING or size > MOST_WAITING_BYTES:
            # Outcomes without any answer go first: they are mostly of requests from before the comparison.
            for name in sorted(self.waiting, key=lambda one: (self.waiting[one].asked_s is None, rank(one)))[::-1]:
                if len(self.waiting) <= MOST_WAITING and size <= MOST_WAITING_BYTES:
                    break
                size -= self.waiting[name].size
                self._give_up(name)
        while len(self.looks) > MOST_LOOKS:
            self._drop_look()

    def blocks(self, series: str, *, label: str | None = None, people: bool = False) -> Blocks:
        """A series as the bounds want it.

        Args:
            series: `difference` of paired errors, or a model's absolute errors.
            label: of the slice that is meant; None for all.
            people: whether by groups of subjects instead of time; of a canary alone.
        """
        sums = self.sums.get(_name_place(series, label=label, people=people), {})
        starts = np.array(sorted(sums), dtype=np.float64)
        counts, totals, squares = np.array([sums[start] for start in starts], dtype=np.float64).reshape(-1, 3).T
        return Blocks(starts, counts, totals, squares)

    def find_span_s(self, series: str) -> float:
        """Over which time 98 % of a series' outcomes lie, to a block: some stray ones make no day."""
        blocks = self.blocks(series)
        if not blocks.n:
            return 0.0
        shares = np.cumsum(blocks.counts) / blocks.counts.sum()
        first, last = np.searchsorted(shares, (0.01, 0.99))
        return float(blocks.starts_s[last] - blocks.starts_s[first]) + BLOCK_S

    def list_slices(self) -> list[str]:
        """Slices of which anything was counted."""
        return sorted({name.partition(_SLICE)[2] for name in self.sums if _SLICE in name})

    def _drop_look(self) -> None:
        """Drop the look, neither the first nor the last, that leaves the smallest gap: those without news go first."""
        gaps = [later.outcomes - before.outcomes for before, later in zip(self.looks, self.looks[2:], strict=False)]
        del self.looks[1 + gaps.index(min(gaps))]

    def _give_up(self, prediction: str) -> None:
        self.given_up += self.waiting.pop(prediction).outcome is None

    def _settle(self, prediction: str, known: Waiting) -> None:
        """Count what is whole, and keep what is not."""
        if known.outcome is None or known.asked_s is None:
            return
        row = known.find_row()
        too_early = not self.trusts_times and known.observed_s < known.asked_s - CLOCK_SKEW.total_seconds()
        if row is None or too_early:
            known.outcome = None
            self.odd += 1
            return
        if self.paired and len(row.values) < 2:  # noqa: PLR2004  # champion and challenger
            return
        del self.waiting[prediction]
        at_s = known.observed_s if self.trusts_times else known.asked_s
        block = math.floor(at_s / BLOCK_S) * BLOCK_S
        champions, total = self.usual
        cap = row.find_farthest(usual=total / champions if champions else 0.0)
        self.far += known.outcome > cap
        for series, value in self._list_values(row.measure_errors(min(known.outcome, cap))):
            for place in (series, *(_name_place(series, label=label) for label in row.slices)):
                self._add(place, block, value)
            if not self.paired and known.group is not None:
                self._add(_name_place(series, people=True), float(known.group), value)

    def _add(self, place: str, part: float, value: float) -> None:
        sums = self.sums.setdefault(place, {})
        count, total, squares = sums.get(part, (0.0, 0.0, 0.0))
        sums[part] = count + 1, total + value, squares + value * value

    def _list_values(self, errors: dict[Side, float]) -> Iterator[tuple[str, float]]:
        yield from errors.items()
        if self.paired:
            yield DIFFERENCE, errors["challenger"] - errors["champion"]


def _name_place(series: str, *, label: str | None = None, people: bool = False) -> str:
    """The key of a series in `sums`; they are kept by these names."""
    return f"{series}{PEOPLE if people else ''}{'' if label is None else _SLICE + label}"
