"""Answers beside outcomes, as common table expressions that queries over compacted observations begin with.

Outcomes come late, twice, out of order, about predictions that nobody finds, and now and then they contradict each
other. Each is counted; the last word about a prediction is the one observed last. Of two that were observed at one
moment the larger counts: any rule would do that does not ask who came first. An answer that was captured twice counts
once, one that is none not at all.

Athena runs what is made of them on Trino, the laptop on DuckDB. So they keep to what both understand alike:
`row_number()` and `CASE` inside of aggregates rather than `max_by` or `FILTER`, and `1e0` for a double, because Trino
takes `1.0` for a decimal, whose mean has a single digit. An unnamed candidate is told from a named one by a sign in
front of the name, so that the join is one of equals; `IS NOT DISTINCT FROM` would not be.
https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html (Trino's functions)
https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html (no column's name is one in a SELECT)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.monitoring.partitions import PARTITIONS, bind_partitions
from noriba.timestamps import to_microseconds

if TYPE_CHECKING:
    from datetime import datetime

ASKED = f"{PARTITIONS} AND prediction_id IS NOT NULL AND answered_at_us >= ? AND answered_at_us <= ?"
"""Rows of `predictions` that were asked in a time; `bind_answers` gives the values."""
CANDIDATE = "coalesce('=' || candidate_id, '')"

_ENDLESS = "1e300"
"""No answer: what is not a number, or infinite, is not under it, on Trino as on DuckDB; nor is null."""
ANSWERS = f"""
answers AS (
  SELECT
    model_version,
    prediction_id,
    {CANDIDATE} AS candidate,
    answered_at_us,
    low,
    value,
    high,
    claimed_coverage,
    slices,
    row_number() OVER (
      PARTITION BY model_version, prediction_id, candidate_id
      ORDER BY answered_at_us DESC, value DESC, low DESC, high DESC, claimed_coverage DESC
    ) AS place
  FROM predictions
  WHERE {ASKED} AND abs(low) < {_ENDLESS} AND abs(value) < {_ENDLESS} AND abs(high) < {_ENDLESS}
)"""
"""Answers; the one of several captures of one that counts has place 1. `bind_answers` gives the values."""

SAID = f"""
said AS (
  SELECT
    prediction_id,
    {CANDIDATE} AS candidate,
    value,
    row_number() OVER (
      PARTITION BY prediction_id, candidate_id ORDER BY observed_at_us DESC, value DESC
    ) AS place
  FROM outcomes
  WHERE {PARTITIONS} AND prediction_id IS NOT NULL AND reported_at_us >= ?
)"""
"""Outcomes; the last word about a prediction has place 1. `bind_said` gives the values."""

JOINED = "answers a LEFT JOIN said s ON s.prediction_id = a.prediction_id AND s.candidate = a.candidate AND s.place = 1"
"""Each answer with the outcome that counts, or none; narrowed by `a.place = 1`."""


def bind_answers(use_case: str, since: datetime, until: datetime) -> tuple[str | int, ...]:
    """The values of `ASKED`."""
    return (*bind_partitions(use_case, since, until), to_microseconds(since), to_microseconds(until))


def bind_said(use_case: str, since: datetime, now: datetime) -> tuple[str | int, ...]:
    """The values of `SAID`."""
    # An event knows its second, no more.
    return (*bind_partitions(use_case, since, now), to_microseconds(since.replace(microsecond=0)))
