"""Who is told how long work goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is being waited for."""

    def update(self, text: str) -> None:
        """What is happening now; the next one takes its place."""

    def done(self, text: str) -> None:
        """What has been done."""


class _NoProgress:
    def update(self, text: str) -> None:
        pass

    def done(self, text: str) -> None:
        pass


NO_PROGRESS: Progress = _NoProgress()
"""Nobody watches."""
