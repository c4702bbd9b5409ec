"""What was recorded long ago is kept in less detail, so that a laptop cloud stays small however long it runs.

MiniStack keeps every metric sample for two weeks, and every event ever published. CloudWatch itself gives up detail
with age: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, all_records, in_scope, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laptop_cloud.ministack_seams import Function

_EVERY_S = 60.0
_DETAIL_S = 3 * 3600.0
_MINUTE_S = 60
_KEPT_S = 15 * 24 * 3600.0
"""A day more than MiniStack keeps: where samples come every minute, some turn two weeks old every minute."""
_EVENTS_KEPT = 1000

Json = dict[str, Any]


def install() -> Ticker:
    """Close the gap; the answer tidies up until it is stopped."""
    wrap(Seam.EVICT_METRICS, _if_some_are_old)
    return Ticker("retention", tidy, every_s=_EVERY_S)


def _if_some_are_old(evict: Function) -> Function:
    """Spare requests to CloudWatch a copy of all samples, which MiniStack makes each time to leave out the oldest.

    Once a day is enough, and so often it happens: what is evicted leaves nothing that is older than two weeks.
    """

    def evictif_some_are_old() -> None:
        before = time.time() - _KEPT_S
        if any(samples and samples[0]["Timestamp"] < before for samples in reach(Seam.METRICS).values()):
            evict()

    return evictif_some_are_old


def some_are_old(series: Iterable[list[Json]], *, now: float) -> bool:
    """Whether the first sample of any series is older than what is kept."""
    return any(samples and samples[0]["Timestamp"] < now - _KEPT_S for samples in series)


def tidy() -> None:
    """Make one statistic set a minute of metric samples older than three hours; forget all but the last events."""
    scopes = set()
    for account, region, _key, samples in all_records(Seam.METRICS):
        scopes.add((account, region))
        summarize(samples, before=time.time() - _DETAIL_S)
    for account, region in scopes:
        with in_scope(account, region):
            del reach(Seam.PUBLISHED_EVENTS)()[:-_EVENTS_KEPT]


def summarize(samples: list[Json], *, before: float) -> None:
    """Replace, in place, the leading samples that are older than a moment (seconds since 1970) by one a minute."""
    old = next((index for index, sample in enumerate(samples) if sample["Timestamp"] >= before), len(samples))
    minutes: dict[tuple[int, str], list[Json]] = {}
    for sample in samples[:old]:
        minutes.setdefault((int(sample["Timestamp"] // _MINUTE_S), sample["Unit"]), []).append(sample)
    if len(minutes) < old:
        samples[:old] = [_summary(minute * _MINUTE_S, group) for (minute, _unit), group in minutes.items()]


def _summary(start: float, group: list[Json]) -> Json:
    if len(group) == 1:
        return group[0]
    statistics = reach(Seam.POINT_STATISTICS)(group)
    return {
        "Timestamp": start,
        "Unit": group[0]["Unit"],
        "Dimensions": group[0]["Dimensions"],
        "Value": statistics["Average"],
        "_stat": statistics,
    }
