"""What is known of one request before its outcome and every answer to it have come.

A request may have hundreds of candidates, and one of them drives. So what was answered is kept packed, until an outcome
says which one matters.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from noriba.events import MOST_OUTCOME

if TYPE_CHECKING:
    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer

Side: TypeAlias = Literal["champion", "challenger"]
FARTHEST = 20.0
"""An outcome farther from an answer than so many times the answer counts as that far, as in `implausible_ratio`.

A ride may take several times as long as was foreseen. What is farther off was mistyped, told in another unit, or made
up, and would otherwise weigh as much as thousands of rides.
"""


@dataclass(frozen=True)
class Row:
    """One candidate: what was answered about it, by side, and the slices that it belongs to."""

    values: dict[Side, float]
    slices: list[str]

    def find_farthest(self, *, usual: float) -> float:
        """What no outcome counts beyond: for both models alike, so that errors differ by no more than answers do.

        Args:
            usual: what the champion answers on average. Of a small answer alone, who answers in minutes where seconds
                are meant would never be far off.
        """
        largest = max(self.values.values())
        return largest + FARTHEST * max(largest, usual)

    def measure_errors(self, outcome: float) -> dict[Side, float]:
        """How far each answer was from the outcome."""
        # An answer may be any number; the square of its error is to be one, too.
        return {side: min(abs(value - outcome), MOST_OUTCOME) for side, value in self.values.items()}


@dataclass(slots=True)
class Waiting:
    """One request so far.

    Attributes:
        since_s: when it was first heard of.
        asked_s: when it was asked, by SageMaker's clock; None as long as no answer is known.
        rows: the candidates' names and slices, as compressed JSON.
        champion: what the champion answered about each, as doubles; empty as long as that is unknown.
        challenger: likewise.
        group: of its subject.
        candidate: the one that an outcome was told of; the first one that was heard of.
        outcome: what happened to it; None as long as that is unknown.
        observed_s: when that was, as it was told.
    """

    since_s: float
    asked_s: float | None = None
    rows: bytes = b""
    champion: bytes = b""
    challenger: bytes = b""
    group: int | None = None
    candidate: str | None = None
    outcome: float | None = None
    observed_s: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of what is packed."""
        return len(self.rows) + len(self.champion) + len(self.challenger)

    def hear_answer(self, side: Side, one: CapturedAnswer) -> None:
        """Take in what a model answered; two that were asked different things have nothing to be compared."""
        rows = _pack_rows(one)
        if self.rows != rows:
            self.rows, self.champion, self.challenger = rows, b"", b""
        values = np.array(one.answer.value, dtype="<f8").tobytes()
        if side == "champion":
            self.champion = values
        else:
            self.challenger = values
        at_s = one.at.timestamp()
        self.since_s = min(self.since_s, at_s)
        self.asked_s = at_s if self.asked_s is None else min(self.asked_s, at_s)
        self.group = one.group

    def hear_outcome(self, event: OutcomeObserved) -> None:
        """Take in what happened to a candidate; what happened to a second one is no news of the request."""
        if self.outcome is None or self.candidate == event.candidate_id:
            self.candidate, self.outcome = event.candidate_id, event.value
            self.observed_s = event.observed_at.timestamp()

    def find_row(self) -> Row | None:
        """The candidate that the outcome was told of; None where no candidate, or more than one, has its name."""
        known = json.loads(zlib.decompress(self.rows))
        if known["names"].count(self.candidate) != 1:
            return None
        row = known["names"].index(self.candidate)
        answers: tuple[tuple[Side, bytes], ...] = (("champion", self.champion), ("challenger", self.challenger))
        return Row(
            {side: float(np.frombuffer(packed, dtype="<f8")[row]) for side, packed in answers if packed},
            [f"{name}: {labels[row]}" for name, labels in known["slices"].items()],
        )


def _pack_rows(one: CapturedAnswer) -> bytes:
    slices = {name: one.slices[name] for name in sorted(one.slices)}
    text = json.dumps({"names": one.candidate_ids, "slices": slices}, separators=(",", ":"))
    return zlib.compress(text.encode(), level=1)


def rank(prediction: str) -> int:
    """A prediction's place where not all can wait: the same at each look, and nothing that time or content choose."""
    return zlib.crc32(prediction.encode())
