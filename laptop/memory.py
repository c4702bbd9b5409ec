"""How much memory a walk round the loop took at its peak: this process, the laptop cloud, and all that it runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from types import TracebackType

_EVERY_S = 0.5


class PeakMemory:
    """Samples this process and its descendants for as long as it is entered.

    Attributes:
        mib: the largest sum seen so far, in MiB.
    """

    def __init__(self) -> None:
        self.mib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while True:
            total = sum(_measure(process) for process in [me, *me.children(recursive=True)])
            self.mib = max(self.mib, total >> 20)
            if self._ended.wait(_EVERY_S):
                return


def _measure(process: psutil.Process) -> int:
    """Bytes; pages that several processes share are divided between them, or left out where the system cannot say."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        # It ended meanwhile.
        return 0
    return int(getattr(memory, "pss", memory.uss))
