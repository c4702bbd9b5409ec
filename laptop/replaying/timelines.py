"""How time passes in a replay: by a laptop cloud's clock, which is moved, or by the real one, which is scaled."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from laptop_cloud.driving import MomentIsOverError, move_clock, read_clock, wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.process import RunningCloud

_IDLE_LIMIT_S = 1800.0
_STRIDE = timedelta(seconds=15)
"""As often as a rollout looks at an endpoint; rules that fire every minute do so four strides later."""


class Timeline(Protocol):
    """A replay's time: that of its rides."""

    def now(self) -> datetime:
        """The moment of the rides that it is."""

    def reach(self, moment: datetime) -> None:
        """Return when it is that moment, at once when it is over."""

    def settle(self, is_rolling_forward: Callable[[], bool]) -> None:
        """Let what is going on come to an end, where time can wait for it."""

    def stamp(self, moment: datetime) -> datetime:
        """What a deployment's own clock tells at a moment of the rides that is now, or just over."""


@dataclass(frozen=True)
class CloudTime:
    """A laptop cloud's own clock.

    What falls due on the way to a moment happens there, once each: the number of steps says how often the loop looks.

    Args:
        cloud: which has one.
        patience: what a training run and its rollout may wait for by the clock before the next step comes.
    """

    cloud: RunningCloud
    patience: timedelta = timedelta(minutes=30)

    def now(self) -> datetime:
        """What its clock tells."""
        return read_clock(self.cloud).now

    def reach(self, moment: datetime) -> None:
        """Move the clock there."""
        with suppress(MomentIsOverError):
            move_clock(self.cloud, moment)

    def settle(self, is_rolling_forward: Callable[[], bool]) -> None:
        """Wait for what goes on; a training run or a rollout that waits by the clock is given the time."""
        end = self.now() + self.patience
        wait_until_idle(self.cloud, limit_s=_IDLE_LIMIT_S)
        while is_rolling_forward() and (now := self.now()) < end:
            self.reach(now + _STRIDE)
            wait_until_idle(self.cloud, limit_s=_IDLE_LIMIT_S)

    def stamp(self, moment: datetime) -> datetime:
        """The same: the deployment lives in the rides' time."""
        return moment


@dataclass(frozen=True)
class ScaledTime:
    """Real time, in which rides pass faster; the deployment's clock is today's.

    Args:
        begins: the moment of the rides that it is now.
        speed: seconds of rides in one real second.
    """

    begins: datetime
    speed: float
    _began_s: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """As far as real time has gone since."""
        return self.begins + timedelta(seconds=(time.monotonic() - self._began_s) * self.speed)

    def reach(self, moment: datetime) -> None:
        """Sleep until then."""
        time.sleep(max(0.0, (moment - self.now()).total_seconds() / self.speed))

    def settle(self, is_rolling_forward: Callable[[], bool]) -> None:
        """Nothing waits: time does not either."""

    def stamp(self, moment: datetime) -> datetime:  # noqa: ARG002  # it is now, whatever the rides say
        """What a clock tells today."""
        return datetime.now(UTC)
