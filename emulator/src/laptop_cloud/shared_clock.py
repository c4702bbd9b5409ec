"""A clock of one's own for several processes: real time and an offset, which stands in a file that all of them see.

A process that has entered it finds its time wherever Python programs look for it (`datetime.now`, `time.time`, …), for
as long as it runs: who moves the clock tells nobody. `time.monotonic` stays as it is: it measures how long work takes.
Runs by path in interpreters without packages too, so it imports nothing at first but the standard library.
"""

from __future__ import annotations

import importlib
import importlib.util
import mmap
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "LAPTOP_CLOUD_CLOCK"
"""Of a program's environment: the clock's file, where the program shall enter it."""

_BYTES = 8
_NS = 1_000_000_000
LIBRARIES = ("_time_machine", "time_machine")
"""What tells the time while a process is in a clock; they are looked up by name whenever it is asked."""
# time-machine offers itself to them where they are installed; a program shall not find them loaded that has not asked.
_OFFERED_TO = ("pytest", "dateutil")


class ClockError(ValueError):
    """The clock cannot be moved there; the message says why."""


class SharedClock:
    """Real time plus an offset in a file.

    Args:
        file: made by `create`.
        movable: whether this process may move it.
    """

    def __init__(self, file: Path, *, movable: bool = False) -> None:
        with file.open("r+b" if movable else "rb") as opened:
            access = mmap.ACCESS_WRITE if movable else mmap.ACCESS_READ
            # Aligned, and read and written whole: nobody sees half an offset.
            self._offset_ns = memoryview(mmap.mmap(opened.fileno(), _BYTES, access=access)).cast("q")

    @classmethod
    def create(cls, file: Path, begins: datetime | None = None) -> SharedClock:
        """Make a clock, in the place of one that is there.

        Args:
            file: where.
            begins: what it tells now, in any time zone, past or future; the real time when left out.
        """
        offset_ns = 0 if begins is None else _nanoseconds(begins) - real_time_ns()
        file.parent.mkdir(parents=True, exist_ok=True)
        # A new file: processes that see the old clock keep it.
        file.unlink(missing_ok=True)
        file.write_bytes(offset_ns.to_bytes(_BYTES, sys.byteorder, signed=True))
        return cls(file, movable=True)

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return real_time_ns() + self._offset_ns[0]

    def time_s(self) -> float:
        """Seconds since 1970."""
        return self.time_ns() / _NS

    def move_to(self, moment: datetime) -> None:
        """Let it tell this moment now.

        Raises:
            ClockError: the moment is over already.
        """
        ahead_ns = _nanoseconds(moment) - self.time_ns()
        if ahead_ns < 0:
            now = datetime.fromtimestamp(self.time_s(), UTC)
            raise ClockError(
                f"the clock stands at {now.isoformat()} and only moves forward: not to {moment.isoformat()}"
            )
        self._offset_ns[0] += ahead_ns


def describe_clock(file: Path) -> dict[str, Any]:
    """What a process needs to enter a clock, one that sees none of this environment's packages too.

    Returns:
        `program`, this file; `file`, the clock's; `libraries`, their files by name.
    """
    found = {name: importlib.util.find_spec(name) for name in LIBRARIES}
    libraries = {name: spec.origin for name, spec in found.items() if spec is not None}
    return {"program": __file__, "file": str(file), "libraries": libraries}


def enter(file: Path | str, libraries: Mapping[str, str] | None = None) -> None:
    """Let this process tell the time of a clock, until it ends or leaves; the clock that it is in already it leaves.

    Args:
        file: of the clock.
        libraries: as from `describe_clock`, where this process would not find them.
    """
    global _real_time_ns  # noqa: PLW0603 -- a process has one time
    leave()
    time_machine = _load(libraries or {})
    real = time_machine.escape_hatch.time.time_ns
    clock = SharedClock(Path(file))

    class Follower(time_machine.Traveller):  # type: ignore[misc, name-defined]  # loaded by name
        def time_ns(self) -> int:
            return clock.time_ns()

    time_machine.travel(None).start()
    _real_time_ns = real
    time_machine.traveller_stack[-1] = Follower(0, None, True)


def leave() -> None:
    """Let this process tell real time again."""
    global _real_time_ns  # noqa: PLW0603 -- as above
    if _real_time_ns is not time.time_ns:
        sys.modules["time_machine"].travel(None).stop()
        _real_time_ns = time.time_ns


def has_entered() -> bool:
    """Does this process tell the time of a clock?"""
    return _real_time_ns is not time.time_ns


_real_time_ns = time.time_ns


def real_time_ns() -> int:
    """Nanoseconds since 1970, wherever the process's own clock stands."""
    return _real_time_ns()


def real_time_s() -> float:
    """Seconds since 1970, likewise."""
    return _real_time_ns() / _NS


def read_moment(text: str) -> datetime:
    """A time with its zone, such as 2026-03-01T00:00:00Z, or `now`.

    Raises:
        ValueError: it is no such thing; the message says what it lacks.
    """
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; give one such as 2026-03-01T00:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; 2026-03-01T00:00:00Z is in UTC")
    return moment


def _nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _load(libraries: Mapping[str, str]) -> Any:
    hidden = [name for name in _OFFERED_TO if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import fails
    try:
        for name in LIBRARIES:
            if name in libraries and name not in sys.modules:
                _load_from(name, libraries[name])
        return importlib.import_module(LIBRARIES[-1])
    finally:
        for name in hidden:
            del sys.modules[name]


def _load_from(name: str, path: str) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(name=name, path=path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
