"""The module `time` as it would be without a clock of one's own."""

from __future__ import annotations

import time
from typing import Any

from laptop_cloud.shared_clock import real_time_ns, real_time_s


class RealTime:
    """Stands for `time` in a module that measures what the clock is not to hasten."""

    time = staticmethod(real_time_s)
    time_ns = staticmethod(real_time_ns)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
