"""Outcomes as they come, joined to what was asked: the one tells how long it took, the other where and how far.

Both arrive in any order, and more than once. A prediction counts once, by the first outcome that is heard of: it waits
for it for some hours, and is remembered for as long after it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, Field

from noriba.events import CLOCK_SKEW
from noriba.features import as_column
from noriba.features.decayed import number_groups
from noriba.records.live import LiveState, LiveStateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from noriba.events import OutcomeObserved
    from noriba.features import Columns
    from noriba.records.captures import CapturedAnswer
    from noriba.usecase import LiveSpec, UseCase

WAIT_S = 6 * 3600.0
"""How long after its answer a prediction may get its outcome, or get it again. One that comes later says nothing new of
the last hours, and is left to whoever learns from days."""
MOST_ROWS = 200_000
"""Candidates that wait: three hours of twenty requests a second. Of more, a part is followed to its end."""

_AT_ONCE = 5_000
"""Requests whose facts are computed together."""


class Asked(BaseModel):
    """A request that was answered.

    Attributes:
        asked_s: when.
        counted: whether its outcome is in the state.
        names: the app's names of the candidates.
        facts: of each candidate: event time, logarithm of its length, and the keys of its groups; None for NaN.
    """

    asked_s: float
    counted: bool = False
    names: list[str | None]
    facts: list[list[float | None]]


class Heard(BaseModel):
    """An outcome whose request is not known yet."""

    heard_s: float
    candidate_id: str | None
    value: float
    observed_s: float


class LiveWork(BaseModel):
    """All that is kept from one look to the next.

    Attributes:
        looked_at: when the last look was; what is later replaces what is earlier.
        read: keys of the objects that were read, as far back as one may still come.
        asked: by prediction.
        heard: by prediction.
        state: the means, as `LiveState` writes them.
    """

    looked_at: datetime
    read: list[str] = Field(default_factory=list)
    asked: dict[str, Asked] = Field(default_factory=dict)
    heard: dict[str, Heard] = Field(default_factory=dict)
    state: str = ""

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` wrote.

        Raises:
            ValueError, zlib.error: it is none of that.
        """
        return cls.model_validate_json(zlib.decompress(content.partition(b"\n")[2]))

    def to_bytes(self) -> bytes:
        """When the last look was, in a line of its own, and all of it as compressed JSON."""
        first_line = f"{self.looked_at.isoformat()}\n".encode()
        return first_line + zlib.compress(self.model_dump_json().encode(), level=1)


def read_look(content: bytes) -> datetime:
    """When the last look was, in what `LiveWork.to_bytes` wrote.

    Raises:
        ValueError: it is none of that.
    """
    return datetime.fromisoformat(content.partition(b"\n")[0].decode())


@dataclass
class Counted:
    """What a look came to.

    Attributes:
        outcomes: that are in the state now, and were not before.
        impossible: that cannot be: of no candidate of their request, outside of what the label may be, or observed
            before the ride began.
    """

    outcomes: int = 0
    impossible: int = 0


class LiveJoins:
    """A use case's work, taken up where it was left.

    Args:
        use_case: one with live means.
        work: as it was kept.
    """

    def __init__(self, use_case: UseCase, spec: LiveSpec, work: LiveWork) -> None:
        self._use_case, self._spec, self._work = use_case, spec, work
        self.counted = Counted()
        try:
            self.state = LiveState.from_json(work.state, spec) if work.state else LiveState(spec)
        except LiveStateError:
            # Of another version; some hours, and it knows as much again.
            self.state = LiveState(spec)

    def add_answers(self, answers: Iterable[CapturedAnswer]) -> None:
        """Take in what was asked; a second variant's answer to the same request says nothing new."""
        rest = iter(answers)
        while some := list(islice(rest, _AT_ONCE)):
            self._add_answers(some)

    def _add_answers(self, answers: Iterable[CapturedAnswer]) -> None:
        wanted = [name for name in self._use_case.features.inputs if name not in self._spec.names]
        new: dict[str, CapturedAnswer] = {}
        for one in answers:
            whole = one.candidate_ids and all(name in one.inputs for name in wanted)
            if whole and one.prediction_id not in self._work.asked:
                new.setdefault(one.prediction_id, one)
        for one, facts in zip(new.values(), self._list_facts(list(new.values())), strict=True):
            asked = Asked(asked_s=one.at.timestamp(), names=list(one.candidate_ids), facts=facts)
            self._work.asked[one.prediction_id] = asked
            heard = self._work.heard.pop(one.prediction_id, None)
            if heard is not None:
                self._count(asked, heard)

    def add_outcomes(self, outcomes: Iterable[OutcomeObserved], *, now_s: float) -> None:
        """Take in what happened."""
        for event in outcomes:
            # Nothing was observed later than now; a clock that is ahead may say so.
            observed_s = min(event.observed_at.timestamp(), now_s)
            heard = Heard(heard_s=now_s, candidate_id=event.candidate_id, value=event.value, observed_s=observed_s)
            asked = self._work.asked.get(event.prediction_id)
            if asked is None:
                self._work.heard.setdefault(event.prediction_id, heard)
            else:
                self._count(asked, heard)

    def finish(self, *, looked_at: datetime, read: Sequence[str]) -> LiveWork:
        """What is to be kept.

        Args:
            looked_at: until when was looked.
            read: keys of the objects that need not be read again.
        """
        now_s = looked_at.timestamp()
        asked = {name: one for name, one in self._work.asked.items() if now_s - one.asked_s <= WAIT_S}
        # Who stays is drawn by the prediction's id, which nobody chooses, and is drawn alike at each look.
        for name in _find_surplus({name: len(one.names) for name, one in asked.items()}):
            del asked[name]
        heard = {name: one for name, one in self._work.heard.items() if now_s - one.heard_s <= WAIT_S}
        for name in _find_surplus(dict.fromkeys(heard, 1)):
            del heard[name]
        self.state.forget(now_s)
        return LiveWork(looked_at=looked_at, read=list(read), asked=asked, heard=heard, state=self.state.to_json())

    def _count(self, asked: Asked, heard: Heard) -> None:
        if asked.counted:
            return
        least, most = self._use_case.data.label_range
        places = [place for place, name in enumerate(asked.names) if name == heard.candidate_id]
        if len(places) != 1 or not least <= heard.value <= most:
            self.counted.impossible += 1
            return
        begins_s, log_length, *keys = (np.nan if fact is None else fact for fact in asked.facts[places[0]])
        if not begins_s <= heard.observed_s + CLOCK_SKEW.total_seconds():
            self.counted.impossible += 1
            return
        known = dict(zip(self._spec.keys, keys, strict=True))
        groups = [number_groups([as_column([known[key]]) for key in mean.keys], rows=1)[0] for mean in self._spec.means]
        value = float(np.log(heard.value)) - log_length
        if np.isfinite(value):
            self.state.add(heard.observed_s, groups, value)
            asked.counted = True
            self.counted.outcomes += 1

    def _list_facts(self, answers: Sequence[CapturedAnswer]) -> Iterator[list[list[float | None]]]:
        """The facts of each request's candidates, computed for all at once."""
        if not answers:
            return
        use_case = self._use_case
        pace, event_time = use_case.model.pace, use_case.data.event_time
        names = [name for name in use_case.features.inputs if name not in self._spec.names]
        inputs: Columns = use_case.complete(
            {name: as_column([value for one in answers for value in _to_numbers(one, name)]) for name in names}
        )
        columns = {**inputs, **use_case.features.compute(inputs)}
        rows = len(columns[event_time])
        log_length = np.zeros(rows) if pace is None else pace.measure_log_length(columns)
        table = np.column_stack([columns[event_time], log_length, *(columns[key] for key in self._spec.keys)])
        facts = [[None if np.isnan(fact) else fact for fact in row] for row in table.tolist()]
        first = 0
        for one in answers:
            last = first + len(one.candidate_ids)
            yield facts[first:last]
            first = last


def _to_numbers(one: CapturedAnswer, name: str) -> list[float]:
    return [np.nan if value is None else value for value in one.inputs[name]]


def _find_surplus(sizes: dict[str, int]) -> list[str]:
    """Names of what has to go, so that no more than `MOST_ROWS` stay."""
    total, surplus = sum(sizes.values()), list[str]()
    if total > MOST_ROWS:
        for name in sorted(sizes, key=lambda name: (zlib.crc32(name.encode()), name), reverse=True):
            surplus.append(name)
            total -= sizes[name]
            if total <= MOST_ROWS:
                break
    return surplus
