"""A metric's samples by period, each read once: what an alarm looks at again and again while more of them come."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from heapq import merge
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]


@dataclass
class _Period:
    """What came in one period.

    Attributes:
        samples: as they came.
        statistics: their count, sum, average, lowest and highest.
        ordered: their values, ascending; a long period has thousands, and a percentile of it is wanted every second.
            None where a sample stands for more than one value.
    """

    samples: list[Json] = field(default_factory=list)
    statistics: Json = field(default_factory=dict)
    ordered: list[float] | None = field(default_factory=list)

    def add(self, samples: list[Json]) -> None:
        """Take in more of them."""
        self.samples += samples
        self.statistics = _together([self.statistics, reach(Seam.POINT_STATISTICS)(samples)])
        if any("_stat" in sample or sample.get("Count", 1.0) != 1.0 or sample["Value"] < 0 for sample in samples):
            self.ordered = None
        if self.ordered is not None:
            for sample in samples:
                insort(self.ordered, sample["Value"])


class MetricPeriods:
    """One series as an alarm sees it: its newest periods, each a number that counts periods since 1970.

    Args:
        period_s: a period's length in seconds.
        unit: leaves out samples of any other; None takes all.
    """

    def __init__(self, period_s: int, unit: str | None) -> None:
        self._period_s = period_s
        self._unit = unit
        self._read = 0
        self._last: Json | None = None
        self._periods: dict[int, _Period] = {}

    def read(self, samples: list[Json], *, since: int) -> None:
        """Take in what is new, in the order of its coming, and forget the periods before `since`."""
        if self._read > len(samples) or (self._read and samples[self._read - 1] is not self._last):
            # Older samples were summed up or dropped, so positions say nothing any more.
            self._read = 0
            self._periods.clear()
        new = samples[self._read :]
        if new:
            self._read += len(new)
            self._last = new[-1]
        by_period: dict[int, list[Json]] = {}
        for sample in new:
            if self._unit in {None, sample["Unit"]}:
                by_period.setdefault(int(sample["Timestamp"] // self._period_s), []).append(sample)
        for period, group in by_period.items():
            if period >= since:
                self._periods.setdefault(period, _Period()).add(group)
        for period in [period for period in self._periods if period < since]:
            del self._periods[period]

    @property
    def newest(self) -> int | None:
        """The last period in which something came."""
        return max(self._periods, default=None)

    def find(self, period: int) -> _Period | None:
        """What came in a period; None where nothing did."""
        return self._periods.get(period)


def find_statistic(name: str, period: int, series: Iterable[MetricPeriods]) -> float | None:
    """One statistic (`Sum`, `p99`) of a period over several series; None where nothing came."""
    found = [each for one in series if (each := one.find(period)) is not None]
    if not found:
        return None
    statistics = _together([each.statistics for each in found])
    ordered = [each.ordered for each in found if each.ordered is not None]
    if name.startswith("p") and len(ordered) == len(found):
        return _percentile(ordered[0] if len(found) == 1 else list(merge(*ordered)), float(name[1:]))
    samples = [] if name in statistics else [sample for each in found for sample in each.samples]
    value: float | None = reach(Seam.STATISTIC)(statistics, name, samples)
    return value


def _percentile(ordered: list[float], percent: float) -> float:
    """Between the two nearest of them, as MiniStack has it."""
    rank = percent / 100 * (len(ordered) - 1)
    lower = int(rank)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (rank - lower) * (ordered[upper] - ordered[lower])


def _together(statistics: list[Json]) -> Json:
    some = [each for each in statistics if each]
    if len(some) < 2:  # noqa: PLR2004 -- nothing to put together
        return some[0] if some else {}
    count = sum(each["SampleCount"] for each in some)
    total = sum(each["Sum"] for each in some)
    return {
        "SampleCount": count,
        "Sum": total,
        "Average": total / count,
        "Minimum": min(each["Minimum"] for each in some),
        "Maximum": max(each["Maximum"] for each in some),
    }
