"""How right the models in service are, as SQL over compacted observations: what they answered beside what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from noriba.monitoring.joins import ANSWERS, ASKED, CANDIDATE, JOINED, SAID, bind_answers, bind_said
from noriba.monitoring.partitions import PARTITIONS, bind_partitions
from noriba.records.statements import Statement

if TYPE_CHECKING:
    from datetime import datetime

_ACCURACY = f"""WITH{ANSWERS},{SAID}
SELECT
  a.model_version AS model_version,
  count(*) AS answered,
  count(s.value) AS with_outcome,
  avg(abs(a.value - s.value)) AS mae,
  avg(a.value - s.value) AS bias,
  avg(
    CASE WHEN s.value IS NULL THEN NULL WHEN a.low <= s.value AND s.value <= a.high THEN 1e0 ELSE 0e0 END
  ) AS coverage,
  avg(CASE WHEN s.value IS NULL THEN NULL ELSE a.claimed_coverage END) AS claimed_coverage
FROM {JOINED}
WHERE a.place = 1
GROUP BY a.model_version
ORDER BY a.model_version"""

_TROUBLES = f"""WITH
asked AS (SELECT DISTINCT prediction_id, {CANDIDATE} AS candidate FROM predictions WHERE {ASKED}),{SAID},
told AS (
  SELECT prediction_id, candidate, count(*) AS times, count(DISTINCT value) AS different
  FROM said
  GROUP BY prediction_id, candidate
)
SELECT
  count(CASE WHEN a.prediction_id IS NULL THEN 1 END) AS unknown,
  coalesce(sum(t.times - t.different), 0) AS repeated,
  count(CASE WHEN t.different > 1 THEN 1 END) AS contradicted,
  (SELECT count(*) FROM predictions WHERE {PARTITIONS} AND prediction_id IS NULL)
    + (SELECT count(*) FROM outcomes WHERE {PARTITIONS} AND prediction_id IS NULL) AS unreadable
FROM told t
LEFT JOIN asked a ON a.prediction_id = t.prediction_id AND a.candidate = t.candidate"""


class VariantAccuracy(BaseModel):
    """One model version's answers, and how far they were from the truth, in the label's unit.

    Attributes:
        model_version: which one.
        answered: rows that were answered.
        with_outcome: those whose outcome is known; the rest of the numbers are about these.
        mae: mean absolute error of the median; None where no outcome is known, like the other three.
        bias: mean of answer less outcome.
        coverage: the share of outcomes within the interval.
        claimed_coverage: what the model claims it to be.
    """

    model_config = ConfigDict(frozen=True)

    model_version: int
    answered: int
    with_outcome: int
    mae: float | None
    bias: float | None
    coverage: float | None
    claimed_coverage: float | None


class OutcomeTroubles(BaseModel):
    """What is wrong with outcomes.

    Attributes:
        unknown: predictions that somebody reported on, and that were not captured in this time.
        repeated: outcomes that said what another had said.
        contradicted: predictions whose outcomes differ.
        unreadable: lines that nobody could read, of captures and outcomes.
    """

    model_config = ConfigDict(frozen=True)

    unknown: int
    repeated: int
    contradicted: int
    unreadable: int


def state_accuracy(use_case: str, *, since: datetime, until: datetime, now: datetime) -> Statement:
    """A query for `VariantAccuracy` of each version that answered in a time, by the outcomes that have come since."""
    return Statement(_ACCURACY, (*bind_answers(use_case, since, until), *bind_said(use_case, since, now)))


def state_troubles(use_case: str, *, since: datetime, until: datetime, now: datetime) -> Statement:
    """A query for the one row of `OutcomeTroubles`, of the outcomes that have come since."""
    answered, said = bind_answers(use_case, since, until), bind_said(use_case, since, now)
    folders = (*bind_partitions(use_case, since, until), *bind_partitions(use_case, since, now))
    return Statement(_TROUBLES, (*answered, *said, *folders))
