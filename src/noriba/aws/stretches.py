"""What whoever asks a model knows of its intervals, for a while: no request waits for it but the first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.ledger import Ledger
    from noriba.records.stretching import Stretch

BELIEVED_S = 300.0
"""It changes once an hour, by little. By the clock of day: a cloud that has its own time has that one alone."""


class KnownStretch:
    """Of one use case.

    Args:
        open_ledger: called when it is needed.
        warn: told why nobody knows.
    """

    def __init__(self, open_ledger: Callable[[], Ledger], *, warn: Callable[[str], None]) -> None:
        self._open_ledger, self._warn = open_ledger, warn
        self._known: Stretch | None = None
        self._until_s = 0.0

    def find(self) -> Stretch | None:
        """How far intervals are stretched; None when not at all, or when the ledger cannot be asked."""
        now_s = time.time()
        if now_s >= self._until_s:
            try:
                self._known = self._open_ledger().read_stretch()
            except (ClientError, BotoCoreError) as error:
                # As the model was trained: what was known of it gets older.
                self._warn(f"nobody knows how far intervals are to be stretched: {error}")
                self._known = None
            self._until_s = now_s + BELIEVED_S
        return self._known
