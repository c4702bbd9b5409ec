"""What outcomes say in the end: the last word about each prediction and candidate, of as many as fit into memory.

Of outcomes about one prediction the one observed last counts, of two at one moment the larger, as `noriba accuracy`
has it. Where there are more predictions than fit, those stay whose names have the smallest hashes: the same ones in
whatever order outcomes come, and whoever reports outcomes by the million takes no more memory for it. Only what was
asked is heard of: whoever reports may choose names whose hashes are small, and would crowd out all others; who asks is
given one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noriba.usecase.traffic import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


def name_rows(table: pa.Table) -> pa.StringArray:
    """One name for each row's prediction and candidate; an unnamed candidate is told from a named one by the sign."""
    candidates = pc.fill_null(pc.binary_join_element_wise("=", table["candidate_id"], ""), "")
    return pc.binary_join_element_wise(table["prediction_id"], candidates, "").combine_chunks()


def hash_name(name: str) -> int:
    """Where a row stands among all, for drawing some of them."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def hash_rows(table: pa.Table) -> NDArray[np.uint64]:
    """Where each row stands that has a prediction's name: eight bytes for each, where a name has forty."""
    return _hash_names(name_rows(table.filter(pc.field("prediction_id").is_valid())))


def _hash_names(names: pa.StringArray) -> NDArray[np.uint64]:
    return np.fromiter(map(hash_name, names.to_pylist()), np.uint64, len(names))


@dataclass(slots=True)
class _Word:
    place: int
    observed_at_us: int
    value: float
    is_contradicted: bool = False


class LastWords:
    """The last word about each of at most so many predictions; `left_out` counts reports about further ones.

    Args:
        asked: by `hash_rows`, the predictions that may be heard of, in any order.
        most: of how many.
    """

    def __init__(self, asked: NDArray[np.uint64], *, most: int = MOST_ROWS) -> None:
        self._asked, self._most = np.sort(asked), most
        self._words: dict[str, _Word] = {}
        # What has a place from here on was left out once, and stays so.
        self._bar = 2**64
        self.left_out = 0

    def add(self, outcomes: pa.Table, *, before_us: int) -> None:
        """Hear what was reported before a moment.

        Args:
            outcomes: rows of the table of outcomes.
            before_us: microseconds since 1970.
        """
        is_meant = pc.field("prediction_id").is_valid() & (pc.field("reported_at_us") < before_us)
        meant = outcomes.filter(is_meant)
        names = name_rows(meant)
        places = _hash_names(names)
        is_asked = self._find_asked(places)
        heard = meant.select(["value", "observed_at_us"]).append_column("name", names).filter(pa.array(is_asked))
        columns = (heard[column].to_pylist() for column in ("name", "value", "observed_at_us"))
        for place, name, value, observed_at_us in zip(places[is_asked].tolist(), *columns, strict=True):
            self._hear(name, place, value, observed_at_us)
        self._draw(when_over=2 * self._most)

    def finish(self) -> None:
        """No more outcomes come; as many words are kept as may be."""
        self._draw(when_over=self._most)

    @property
    def names(self) -> Iterator[str]:
        """What there is a word about."""
        return iter(self._words)

    def read(self, names: Iterable[str]) -> Iterator[float]:
        """The values, in the label's unit."""
        return (self._words[name].value for name in names)

    def read_observed_us(self, names: Iterable[str]) -> Iterator[int]:
        """When each was observed, in microseconds since 1970."""
        return (self._words[name].observed_at_us for name in names)

    def count_contradicted(self, names: Iterable[str]) -> int:
        """How many of them have different outcomes."""
        return sum(self._words[name].is_contradicted for name in names)

    def _find_asked(self, places: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if not len(self._asked):
            return np.zeros(len(places), np.bool_)
        # In order, ten times as quick: neighbours are in the processor's cache.
        order = np.argsort(places)
        nearest = np.minimum(np.searchsorted(self._asked, places[order]), len(self._asked) - 1)
        is_asked = np.empty(len(places), np.bool_)
        is_asked[order] = self._asked[nearest] == places[order]
        return is_asked

    def _hear(self, name: str, place: int, value: float, observed_at_us: int) -> None:
        word = self._words.get(name)
        if word is None:
            if place >= self._bar:
                self.left_out += 1
            else:
                self._words[name] = _Word(place, observed_at_us, value)
            return
        word.is_contradicted |= value != word.value
        word.observed_at_us, word.value = max((word.observed_at_us, word.value), (observed_at_us, value))

    def _draw(self, *, when_over: int) -> None:
        if len(self._words) <= when_over:
            return
        self._bar = sorted(word.place for word in self._words.values())[self._most]
        before = len(self._words)
        self._words = {name: word for name, word in self._words.items() if word.place < self._bar}
        self.left_out += before - len(self._words)
