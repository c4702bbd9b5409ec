"""A metric's samples by period, each read once: what an alarm looks at again and again while more of them come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]


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
        self._samples: dict[int, list[Json]] = {}
        self._statistics: dict[int, Json] = {}

    def read(self, samples: list[Json], *, since: int) -> None:
        """Take in what is new, in the order of its coming, and forget the periods before `since`."""
        if self._read > len(samples) or (self._read and samples[self._read - 1] is not self._last):
            # Older samples were summed up or dropped, so positions say nothing any more.
            self._read = 0
            self._samples.clear()
            self._statistics.clear()
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
                self._samples.setdefault(period, []).extend(group)
                known = [self._statistics[period]] if period in self._statistics else []
                self._statistics[period] = _together([*known, reach(Seam.POINT_STATISTICS)(group)])
        for period in [period for period in self._samples if period < since]:
            del self._samples[period], self._statistics[period]

    def samples(self, period: int) -> list[Json]:
        """What came in a period."""
        return self._samples.get(period, [])

    def statistics(self, period: int) -> Json:
        """Count, sum, average, lowest and highest of a period; empty where nothing came."""
        return self._statistics.get(period, {})


def find_statistic(name: str, period: int, series: Iterable[MetricPeriods]) -> float | None:
    """One statistic (`Sum`, `p99`) of a period over several series; None where nothing came."""
    found = [each for each in series if each.samples(period)]
    if not found:
        return None
    statistics = _together([each.statistics(period) for each in found])
    # Percentiles alone need the samples themselves.
    samples = [] if name in statistics else [sample for each in found for sample in each.samples(period)]
    value: float | None = reach(Seam.STATISTIC)(statistics, name, samples)
    return value


def _together(statistics: list[Json]) -> Json:
    statistics = [each for each in statistics if each]
    if len(statistics) < 2:  # noqa: PLR2004 -- nothing to put together
        return statistics[0] if statistics else {}
    count = sum(each["SampleCount"] for each in statistics)
    total = sum(each["Sum"] for each in statistics)
    return {
        "SampleCount": count,
        "Sum": total,
        "Average": total / count,
        "Minimum": min(each["Minimum"] for each in statistics),
        "Maximum": max(each["Maximum"] for each in statistics),
    }
