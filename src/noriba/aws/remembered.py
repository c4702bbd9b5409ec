"""What the ledger says, remembered for a while: no request waits for it but the first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

from noriba.aws.failures import AWS_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def tell_time_s() -> float:
    """By the clock of day: a cloud that has its own time has that one alone."""
    return time.time()


class Remembered(Generic[T]):
    """One thing that may change.

    Args:
        read: asks the ledger for it; None is an answer, too; what stands there and cannot be is a ValueError.
        for_s: how long an answer is believed, and how long it is not asked again where it could not answer.
        clock: by which this is counted, in seconds.
        warn: told why nobody knows whether it has changed.
        ignorance: what nobody knows, in words.
    """

    def __init__(
        self,
        read: Callable[[], T | None],
        *,
        for_s: float,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        ignorance: str,
    ) -> None:
        self._read, self._for_s, self._clock = read, for_s, clock
        self._warn, self._ignorance = warn, ignorance
        self._known: T | None = None
        self._until_s = 0.0

    def find(self) -> T | None:
        """The last answer, which stands while the ledger cannot be asked; None where there is none that can be read."""
        now_s = self._clock()
        if now_s >= self._until_s:
            try:
                self._known = self._read()
            except AWS_FAULTS as error:
                self._warn(f"{self._ignorance}: {error}")
            except ValueError as error:
                self._warn(f"{self._ignorance}: {error}")
                self._known = None
            self._until_s = now_s + self._for_s
        return self._known

    def forget(self) -> None:
        """Ask anew the next time; what was known is wrong."""
        self._known, self._until_s = None, 0.0
