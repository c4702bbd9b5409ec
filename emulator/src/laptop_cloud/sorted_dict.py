"""A dictionary by text that also knows its keys in order: what lies below a prefix is found without all the others."""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left, insort
from typing import Any, Generic, TypeVar

V = TypeVar("V")
_LAST = chr(sys.maxunicode)


class SortedDict(dict[str, V], Generic[V]):
    """A dictionary whose keys are kept in order, which is that of their UTF-8, as in S3 and DynamoDB.

    A search takes a number of steps that grows with the logarithm of all keys, and with what is found. To put a new key
    in moves those behind it, in one step of the processor's. Threads may write and search at once.

    Args:
        given: what it holds at first.
    """

    def __init__(self, given: dict[str, V] | None = None) -> None:
        super().__init__(given or {})
        self._order = sorted(self)
        self._lock = threading.RLock()

    def list_keys(self, begin: str, end: str | None, *, limit: int | None = None) -> list[str]:
        """Keys in order, the first ones unless all are wanted.

        Args:
            begin: the least key.
            end: what follows the last key; None for no end.
            limit: how many at most.
        """
        with self._lock:
            first = bisect_left(self._order, begin)
            behind = len(self._order) if end is None else bisect_left(self._order, end, lo=first)
            return self._order[first : behind if limit is None else min(behind, first + limit)]

    def between(self, begin: str, end: str | None) -> dict[str, V]:
        """A copy of what is there, in order of the keys."""
        with self._lock:
            return {key: self[key] for key in self.list_keys(begin, end)}

    def below(self, prefix: str) -> dict[str, V]:
        """A copy of what has keys that begin so."""
        return self.between(prefix, after_prefix(prefix))

    def first(self) -> dict[str, V]:
        """A copy of the least key's item alone; nothing where there is none."""
        with self._lock:
            return {key: self[key] for key in self._order[:1]}

    def __setitem__(self, key: str, value: V) -> None:
        with self._lock:
            if key not in self:
                insort(self._order, key)
            super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        with self._lock:
            super().__delitem__(key)
            del self._order[bisect_left(self._order, key)]

    def pop(self, key: str, *default: Any) -> Any:
        """Take an item out."""
        with self._lock:
            if key not in self and default:
                return default[0]
            value = self[key]
            del self[key]
            return value

    def popitem(self) -> tuple[str, V]:
        """Take the newest key out."""
        with self._lock:
            key, value = super().popitem()
            del self._order[bisect_left(self._order, key)]
            return key, value

    def setdefault(self, key: str, default: V) -> V:
        """What is there, or the default put there."""
        with self._lock:
            if key not in self:
                self[key] = default
            return self[key]

    def update(self, *given: Any, **named: V) -> None:
        """Put several items in."""
        for key, value in dict(*given, **named).items():
            self[key] = value

    def __ior__(self, given: Any) -> SortedDict[V]:  # type: ignore[override,misc]
        self.update(given)
        return self

    def clear(self) -> None:
        """Take everything out."""
        with self._lock:
            super().clear()
            self._order.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        # A lock can be neither copied nor written down.
        return type(self), (dict(self),)


def after_prefix(prefix: str) -> str | None:
    """The least text behind all that begins so; None where there is none."""
    kept = prefix.rstrip(_LAST)
    return f"{kept[:-1]}{chr(ord(kept[-1]) + 1)}" if kept else None


def after(text: str) -> str:
    """The least text behind this one."""
    return f"{text}\0"
