"""What is known of the last hours, for whoever answers requests: it is believed for some seconds, and never waited for.

While the ledger cannot be asked, the last state stands, and grows old as any other: after some half-lives without news
nothing is known any more, and requests are answered all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.remembered import Remembered, tell_time_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.ledger_reading import RequestLedger
    from noriba.records.live import LiveState
    from noriba.usecase import LiveSpec, UseCase

KNOWN_S = 15.0
"""Outcomes are heard of a minute after they were reported; a quarter of that more is nothing."""


class LiveMeans:
    """The means of one use case.

    Args:
        open_ledger: called when it is first needed.
        warn: told why nothing is known, or nothing new.
    """

    def __init__(self, open_ledger: Callable[[], RequestLedger], *, warn: Callable[[str], None]) -> None:
        self._open_ledger, self._warn = open_ledger, warn
        self._remembered: Remembered[LiveState] | None = None
        self._was_told = False

    def find(self, use_case: UseCase) -> LiveState | None:
        """The latest state that is known; None where there is none, or the use case declares no means."""
        if self._remembered is None:
            if use_case.live is None:
                return None
            self._remembered = self._remember(use_case.live)
        return self._remembered.find()

    def _remember(self, spec: LiveSpec) -> Remembered[LiveState]:
        return Remembered(
            lambda: self._look(spec),
            for_s=KNOWN_S,
            clock=tell_time_s,
            warn=self._warn,
            ignorance="nobody knows what has been observed of late",
        )

    def _look(self, spec: LiveSpec) -> LiveState | None:
        state = self._open_ledger().read_live(spec)
        is_stale = state is None or state.is_stale(tell_time_s())
        # Once, until it is over: an app that reports nothing is no news every few seconds.
        if is_stale and not self._was_told:
            self._warn("nothing has been observed of late: requests are answered without means of the last hours")
        self._was_told = is_stale
        return state
