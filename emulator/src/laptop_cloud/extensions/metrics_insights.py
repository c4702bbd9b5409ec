"""Metrics Insights queries, as far as an alarm of one series needs them: one metric, all series that fit.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUERY = re.compile(
    r'SELECT (?P<function>\w+)\((?P<metric>\w+)\) FROM SCHEMA\("(?P<namespace>[^"]+)"(?P<labels>(?:, \w+)*)\)'
    r"(?: WHERE (?P<label>\w+) = '(?P<value>[^']*)')?"
)
_STATISTICS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}


class Query(NamedTuple):
    """Which series are looked at together, and how."""

    namespace: str
    metric_name: str
    statistic: str
    labels: frozenset[str]
    where: Mapping[str, str]

    def fits(self, namespace: str, metric_name: str, dimensions: Mapping[str, str]) -> bool:
        """Is a series one of those? Its dimensions are exactly those of the schema."""
        return (
            (namespace, metric_name) == (self.namespace, self.metric_name)
            and dimensions.keys() == self.labels
            and self.where.items() <= dimensions.items()
        )


def parse_query(text: str) -> Query:
    """The query.

    Raises:
        ValueError: it says more than the laptop cloud understands.
    """
    match = _QUERY.fullmatch(text)
    if match is None or match["function"] not in _STATISTICS:
        raise ValueError(f"the laptop cloud does not understand the query {text!r}")
    where = {match["label"]: match["value"]} if match["label"] else {}
    labels = frozenset(filter(None, match["labels"].split(", ")))
    return Query(match["namespace"], match["metric"], _STATISTICS[match["function"]], labels, where)
