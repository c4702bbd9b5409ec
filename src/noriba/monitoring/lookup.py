"""One prediction, found by its id, as SQL over compacted observations.

A map does not come back as one: Athena and the laptop's engine write it down differently. So each entry is asked for by
its name, in the words that `counts` explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from noriba.monitoring.partitions import PARTITIONS, bind_partitions
from noriba.records.observations import PREDICTIONS
from noriba.records.statements import Statement, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

_ROWS = f"""SELECT model_version, candidate_id, answered_at_us, low, value, high, claimed_coverage, doubts
FROM predictions
WHERE {PARTITIONS} AND prediction_id = ?"""  # noqa: S608 -- our own words; values are bound
_OUTCOMES = f"""SELECT candidate_id, value, observed_at_us
FROM outcomes
WHERE {PARTITIONS} AND prediction_id = ?"""  # noqa: S608 -- our own words; values are bound


class FoundRow(BaseModel):
    """What one version was asked of one candidate, and answered; its numbers are None where that was no answer."""

    model_config = ConfigDict(frozen=True)

    model_version: int
    candidate_id: str | None
    answered_at_us: int
    low: float | None
    value: float | None
    high: float | None
    claimed_coverage: float | None
    doubts: int | None


class FoundOutcome(BaseModel):
    """What somebody reported of one candidate."""

    model_config = ConfigDict(frozen=True)

    candidate_id: str | None
    value: float
    observed_at_us: int


def state_rows(use_case: str, prediction_id: str, *, since: datetime, until: datetime) -> Statement:
    """A query for a `FoundRow` of each version and candidate that was answered in a time, again or not."""
    return Statement(_ROWS, (*bind_partitions(use_case, since, until), prediction_id))


def state_outcomes(use_case: str, prediction_id: str, *, since: datetime, until: datetime) -> Statement:
    """A query for the `FoundOutcome`s that were reported in a time."""
    return Statement(_OUTCOMES, (*bind_partitions(use_case, since, until), prediction_id))


def state_entries(
    use_case: str, prediction_id: str, names: Mapping[str, Sequence[str]], *, version: int, at: datetime
) -> Statement:
    """A query for what one version was asked, a row for each candidate; `read_entries` makes columns of it.

    Args:
        use_case: whose observations.
        prediction_id: which one.
        names: map column of the table → the entries that are asked for; a column that the table lacks is left out.
        version: of the model.
        at: when it was answered.
    """
    entries = [
        f"try({column}[{write_text(name)}]) AS e{number}" for number, (column, name) in enumerate(_list_entries(names))
    ]
    text = f"""SELECT {", ".join(["candidate_id", *entries])}
FROM predictions
WHERE {PARTITIONS} AND prediction_id = ? AND model_version = ?"""  # noqa: S608 -- names are quoted, values bound
    return Statement(text, (*bind_partitions(use_case, at, at), prediction_id, version))


def read_entries(
    row: Mapping[str, str | None], names: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float | None]]:
    """What was found for one candidate: map column → name → number, None for what was not known."""
    found: dict[str, dict[str, float | None]] = {}
    for number, (column, name) in enumerate(_list_entries(names)):
        value = row[f"e{number}"]
        found.setdefault(column, {})[name] = None if value is None else float(value)
    return found


def pick_last(rows: Iterable[FoundRow]) -> list[FoundRow]:
    """Each version's answer to each candidate once, though it was captured twice; by version, as they were sent."""
    found: dict[tuple[int, str | None], FoundRow] = {}
    for row in sorted(rows, key=lambda one: one.answered_at_us):
        found[row.model_version, row.candidate_id] = row
    return sorted(found.values(), key=lambda one: one.model_version)


def pick_last_word(outcomes: Iterable[FoundOutcome]) -> dict[str | None, FoundOutcome]:
    """The outcome that counts, by candidate: the one observed last, as `accuracy` counts."""
    return {
        outcome.candidate_id: outcome for outcome in sorted(outcomes, key=lambda one: (one.observed_at_us, one.value))
    }


def _list_entries(names: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [(column, name) for column in names if column in PREDICTIONS.columns for name in names[column]]
