"""What is measured of each hour's answers, as one SQL query over the hours that are new or whose outcomes still come.

Its cost is that of these hours, however long the history is. Answers are grouped by hour, version and size of the
error, once over all and once for each label of each slice; an answer without an outcome has no size.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.monitoring.joins import ANSWERS, JOINED, SAID, bind_answers, bind_said
from noriba.monitoring.partitions import HOUR_US
from noriba.records.measurements import EVERYTHING, AnswerTally, add_tallies
from noriba.records.statements import Statement, write_number, write_text
from noriba.timestamps import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

_SMALLEST = 1e-9
"""What an error without a size, of zero, is taken for."""
_UNLABELLED = "unlabelled"
_PLAUSIBLE, _IMPLAUSIBLE, _IMPOSSIBLE = 0, 1, 2
"""Kinds of outcomes."""
_ASKED = ("answered", "requests", "requests_with_outcome", "width")
_ERRORS = ("error", "abs_error", "bounded", "lean")
_KNOWN = ("with_outcome", *_ERRORS, "implausible", "impossible", "close", "covered", "claimed")


@dataclass(frozen=True)
class ErrorThresholds:
    """Which errors are large and which are small in a use case, in the label's unit.

    Attributes:
        bound: errors from here on are told apart, where one app's nonsense must not decide.
        close: an error no larger than this is called close.
        label_range: the least and the largest label that the use case's rules allow.
    """

    bound: float
    close: float
    label_range: tuple[float, float] = (0.0, math.inf)


def state_measurements(
    use_case: str,
    slices: Sequence[str],
    thresholds: ErrorThresholds,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> Statement:
    """A query that `read_measurements` makes tallies of.

    Args:
        use_case: whose answers.
        slices: names of what divides them.
        thresholds: of errors.
        since: when the first one was answered that counts; a full hour.
        until: when the last one was.
        now: when the last outcome was reported that counts.
    """
    labels = [
        f"coalesce(try(a.slices[{write_text(name)}]), {write_text(_UNLABELLED)}) AS label{number}"
        for number, name in enumerate(slices)
    ]
    group = "hour_us, model_version, size"
    sets = [f"({group})", *(f"({group}, label{number})" for number in range(len(slices)))]
    picked = "".join(f"label{number}, " for number in range(len(slices)))
    text = f"""WITH{ANSWERS},{SAID},
errors AS (
  SELECT
    {HOUR_US} AS hour_us,
    a.model_version AS model_version,
    row_number() OVER (
      PARTITION BY a.model_version, a.prediction_id
      ORDER BY CASE WHEN s.value IS NULL THEN 1 ELSE 0 END, a.candidate
    ) AS candidate_place,
    a.high - a.low AS width,
    a.value - s.value AS error,
    abs(a.value - s.value) AS abs_error,
    {_tell_apart(thresholds)} AS kind,
    CASE WHEN a.low <= s.value AND s.value <= a.high THEN 1 ELSE 0 END AS covered,
    a.claimed_coverage AS claimed{"".join(f", {one}" for one in labels)}
  FROM {JOINED}
  WHERE a.place = 1
),
sized AS (
  SELECT *, try(CAST(floor(8e0 * ln({_at_least("abs_error", _SMALLEST)}) / ln(2e0)) AS INTEGER)) AS size
  FROM errors
)
SELECT
  hour_us,
  model_version,
  {picked}size,
  count(*) AS answered,
  count_if(candidate_place = 1) AS requests,
  count_if(candidate_place = 1 AND error IS NOT NULL) AS requests_with_outcome,
  sum(width) AS width,
  count(error) AS with_outcome,
  sum(error) AS error,
  sum(abs_error) AS abs_error,
  sum(CASE WHEN kind = {_PLAUSIBLE} THEN abs_error ELSE 0e0 END) AS bounded,
  sum(CASE WHEN kind = {_PLAUSIBLE} THEN sign(error) ELSE 0e0 END) AS lean,
  count_if(kind = {_IMPLAUSIBLE}) AS implausible,
  count_if(kind = {_IMPOSSIBLE}) AS impossible,
  count_if(abs_error <= {write_number(thresholds.close)}) AS close,
  sum(CASE WHEN kind = {_PLAUSIBLE} THEN covered ELSE 0 END) AS covered,
  sum(CASE WHEN kind = {_PLAUSIBLE} THEN claimed ELSE 0e0 END) AS claimed
FROM sized
GROUP BY GROUPING SETS ({", ".join(sets)})"""  # noqa: S608 -- names of slices are escaped, the rest are numbers
    return Statement(text, (*bind_answers(use_case, since, until), *bind_said(use_case, since, now)))


def read_measurements(
    rows: Iterable[Mapping[str, str | None]], slices: Sequence[str]
) -> dict[datetime, dict[int, dict[str, AnswerTally]]]:
    """By hour, by model version and by part (`EVERYTHING`, or `slice: label`): what the query found."""
    found: dict[datetime, dict[int, dict[str, list[AnswerTally]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in rows:
        hour = from_microseconds(int(row["hour_us"] or 0))
        labels = (
            f"{name}: {label}" for number, name in enumerate(slices) if (label := row[f"label{number}"]) is not None
        )
        part = next(labels, EVERYTHING)
        sums = {name: float(row[name] or 0) for name in (*_ASKED, *_KNOWN)}
        size = row["size"]
        sizes = {} if size is None else {int(size): int(sums["with_outcome"])}
        found[hour][int(row["model_version"] or 0)][part].append(AnswerTally.model_validate({**sums, "sizes": sizes}))
    return {
        hour: {
            version: {part: add_tallies(some) for part, some in parts.items()} for version, parts in versions.items()
        }
        for hour, versions in found.items()
    }


def _tell_apart(thresholds: ErrorThresholds) -> str:
    """The kind of an outcome; null where there is none."""
    least, most = thresholds.label_range
    outside = [f"s.value < {write_number(least)}"]
    if math.isfinite(most):
        outside.append(f"s.value > {write_number(most)}")
    return f"""CASE
      WHEN {" OR ".join(outside)} THEN {_IMPOSSIBLE}
      WHEN abs(a.value - s.value) >= {write_number(thresholds.bound)} THEN {_IMPLAUSIBLE}
      WHEN s.value IS NOT NULL THEN {_PLAUSIBLE}
    END"""


def _at_least(column: str, bound: float) -> str:
    # Trino's `greatest` of a null is null, DuckDB's is not.
    # https://trino.io/docs/current/functions/comparison.html#greatest-and-least
    return f"CASE WHEN {column} < {write_number(bound)} THEN {write_number(bound)} ELSE {column} END"
