"""One of a kind at a time: a second demo, or replay, would take the first one's laptop cloud or clock."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class UnderWayError(NoribaError):
    """Another one runs already."""


@contextmanager
def hold_alone(lock: Path, what: str) -> Iterator[None]:
    """Be the only one of a home, for as long as this process lives.

    Args:
        lock: the file; it stays, and says nothing by itself.
        what: `demo`, or `replay`.

    Raises:
        UnderWayError: another is under way.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnderWayError(
                f"another {what} is under way in {lock.parent}; wait for it, or set NORIBA_HOME to another folder"
            ) from None
        yield
