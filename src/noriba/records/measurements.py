"""What was measured of an hour's answers: sums, so that hours add up to days without looking at an answer again.

An hour of a use case is one JSON file. Measured again, because outcomes have come since, it is written over, never
by what was asked earlier; so no answer counts twice, however often the monitor runs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from noriba.timestamps import UtcTimestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MEASUREMENTS = "measurements/"
"""The folder of these files, in the bucket of observations."""
EVERYTHING = ""
"""The name of the part that all answers of a version belong to."""


class AnswerTally(BaseModel):
    """Sums over answers, in the label's unit; those from `error` on are over answers whose outcome is known.

    Attributes:
        answered: rows that were answered.
        requests: that these belong to, each counted with the first of its candidates, of those with an outcome if any.
        requests_with_outcome: those of which at least one candidate has one.
        width: of their intervals.
        with_outcome: those whose outcome is known.
        error: answer less outcome.
        abs_error: without the sign.
        bounded: without the sign, of the plausible ones alone: possible, and under a bound that the query was given.
        lean: of these, answers that were too high, less those that were too low; 0 in hours of before it was kept.
        implausible: how many reached that bound, of outcomes that are possible.
        impossible: outcomes outside the range of the use case's labels; 0 in hours of before it was kept.
        close: how many were no farther off than the use case calls close.
        covered: plausible outcomes within the interval.
        claimed: the coverage that the model claims, summed over the same.
        sizes: how many errors there are of each size, in eighths of a doubling: 8 · log2(error), rounded down.
    """

    model_config = ConfigDict(frozen=True)

    answered: int = 0
    requests: int = 0
    requests_with_outcome: int = 0
    width: float = 0.0
    with_outcome: int = 0
    error: float = 0.0
    abs_error: float = 0.0
    bounded: float = 0.0
    lean: float = 0.0
    implausible: int = 0
    impossible: int = 0
    close: int = 0
    covered: int = 0
    claimed: float = 0.0
    sizes: dict[int, int] = {}

    @property
    def plausible(self) -> int:
        """How many outcomes are possible, and under the bound."""
        return self.with_outcome - self.implausible - self.impossible


class HourMeasurement(BaseModel):
    """One hour.

    Attributes:
        hour: when it begins.
        versions: by the version of the model that answered, and by part: `EVERYTHING`, or `slice: label`.
        counts: by version and feature, requests by bin of the model's profile, the unknown ones last.
        until: the moment that the queries asked about: what was answered or reported later is not in it. None in files
            of before this was kept.
    """

    model_config = ConfigDict(frozen=True)

    hour: UtcTimestamp
    versions: dict[int, dict[str, AnswerTally]] = {}
    counts: dict[int, dict[str, tuple[int, ...]]] = {}
    until: UtcTimestamp | None = None


def add_tallies(tallies: Iterable[AnswerTally]) -> AnswerTally:
    """Hours, or parts, together."""
    total: dict[str, float] = dict.fromkeys(AnswerTally.model_fields, 0)
    sizes: Counter[int] = Counter()
    for tally in tallies:
        for name, value in tally:
            if name != "sizes":
                total[name] += value
        sizes.update(tally.sizes)
    return AnswerTally.model_validate({**total, "sizes": sizes})


def name_measurement(use_case: str, hour: datetime) -> str:
    """The key of an hour's file."""
    return f"{name_measurements(use_case)}{hour:%Y-%m-%d/%H}.json"


def name_measurements(use_case: str) -> str:
    """The prefix of a use case's files."""
    return f"{MEASUREMENTS}use_case={use_case}/"
