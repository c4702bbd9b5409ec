"""Measured hours and the newest report, in the bucket of observations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

from noriba.records.measurements import HourMeasurement, name_measurement, name_measurements
from noriba.records.monitoring import MonitoringReport, name_latest_report
from noriba.timestamps import HOUR, begin_hour

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from noriba.aws.objects import ObjectStore

_AT_ONCE = 16
_MOST_KNOWN = 512
"""Hours of some use cases for four days; a look asks for nearly the same ones as the look before."""


class Measurements:
    """Those of one use case.

    Args:
        observations: the bucket.
        use_case: its name.
    """

    def __init__(self, observations: ObjectStore, use_case: str) -> None:
        self._observations, self._use_case = observations, use_case

    def find_gap(self, *, since: datetime, until: datetime, ripe_after: timedelta) -> datetime:
        """The first hour from that of `since` on that was not measured for good; the one of `until` when all were.

        For good: asked about so long after its end, when its outcomes had come. When its file was written does not
        tell: a slow query is of what was known when it was asked.
        """
        measured = {
            one.hour
            for one in self.read(since=since)
            if one.until is not None and one.until >= one.hour + HOUR + ripe_after
        }
        hour = begin_hour(since)
        while hour in measured and hour < begin_hour(until):
            hour += HOUR
        return hour

    def write(self, hours: Iterable[HourMeasurement]) -> None:
        """Keep hours; one that was asked about earlier is written over, one asked about later stays."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._write, hours))

    def read(self, *, since: datetime) -> list[HourMeasurement]:
        """The hours from that of `since` on, as far as they were measured, in order."""
        # Not after the first hour's own file.
        before = name_measurement(self._use_case, begin_hour(since) - HOUR)
        written = self._observations.list_marked(name_measurements(self._use_case), after=before)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda one: _read_hour(self._observations, *one), written))

    def write_report(self, report: MonitoringReport) -> None:
        """Keep the newest report; a newer one that is there stays."""
        self._observations.renew(
            name_latest_report(self._use_case),
            report.model_dump_json().encode(),
            is_newer=lambda content: MonitoringReport.model_validate_json(content).until > report.until,
        )

    def find_report(self) -> MonitoringReport | None:
        """The newest report; None before the first."""
        content = self._observations.find(name_latest_report(self._use_case))
        return None if content is None else MonitoringReport.model_validate_json(content)

    def _write(self, hour: HourMeasurement) -> None:
        def is_newer(content: bytes) -> bool:
            kept = HourMeasurement.model_validate_json(content).until
            return kept is not None and (hour.until is None or kept > hour.until)

        key = name_measurement(self._use_case, hour.hour)
        self._observations.renew(key, hour.model_dump_json().encode(), is_newer=is_newer)


@lru_cache(maxsize=_MOST_KNOWN)
def _read_hour(observations: ObjectStore, key: str, _mark: str) -> HourMeasurement:
    """An hour as it was written last, read once by a function that lives on: by its mark it is the same."""
    return HourMeasurement.model_validate_json(observations.read(key))
