"""Observations as tables: what models answered and what really happened, an hour of a use case in each Parquet file.

The columns are named once, with Athena's types: the catalogue is made of them, and whoever writes the files follows.
Moments are whole microseconds since 1970: Athena's own timestamps end at milliseconds, and which of two outcomes was
observed last may hang on less. https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTITION_KEYS: Mapping[str, str] = {"use_case": "string", "day": "string", "hour": "int"}
"""What names the folders of a file, from the outside in; the day and hour are UTC's."""
RESULTS = "results/"
"""Where answers to queries lie for a day, in the same bucket."""
SHOWN_RESULTS = f"{RESULTS}shown/"
"""Where those lie that people asked who are to see no places: whoever reads there reads nobody else's answers."""

_FOLDERS = re.compile(r"[a-z]+/use_case=[^/]+/day=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d)/")


@dataclass(frozen=True)
class ObservationTable:
    """A table of observations.

    Attributes:
        name: of the table, and of its folder.
        meaning: what a row is.
        columns: name → Athena's type; partition keys are not among them.
    """

    name: str
    meaning: str
    columns: Mapping[str, str]


PREDICTIONS = ObservationTable(
    "predictions",
    "a row that one model version was asked, value null where it gave no answer; a line that nobody could read, where "
    "prediction_id is null",
    {
        "endpoint": "string",
        "variant": "string",
        "model_version": "int",
        "prediction_id": "string",
        "candidate_id": "string",
        "answered_at_us": "bigint",
        "low": "double",
        "value": "double",
        "high": "double",
        "claimed_coverage": "double",
        # How many reasons the model gave to doubt its answer; 0 of one that cannot doubt. Null in files of before.
        "doubts": "int",
        "subject_group": "int",
        "slices": "map<string,string>",
        # By identity, name@hash: what a model was asked changes with its features, and the table must not.
        "features": "map<string,double>",
        # What they were computed from, by the use case's own names. Files of earlier versions lack the column, which is
        # then null. https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
        "inputs": "map<string,double>",
    },
)
_OF_RIDERS = {"subject_group", "features", "inputs"}
ANSWERS = ObservationTable(
    "answers",
    "a row of predictions, without what was asked",
    {name: kind for name, kind in PREDICTIONS.columns.items() if name not in _OF_RIDERS},
)
OUTCOMES = ObservationTable(
    "outcomes",
    "an outcome as it was reported, again or not; a line that nobody could read, where prediction_id is null",
    {
        "prediction_id": "string",
        "candidate_id": "string",
        "value": "double",
        "observed_at_us": "bigint",
        "reported_at_us": "bigint",
    },
)
TABLES = (PREDICTIONS, ANSWERS, OUTCOMES)
ASKED = (PREDICTIONS, OUTCOMES)
"""Those that the loop itself asks."""
SHOWN = (ANSWERS, OUTCOMES)
"""Those that hold nothing of a rider but ids of predictions."""


def name_folder(table: ObservationTable, use_case: str) -> str:
    """The prefix of a use case's files in a table."""
    return f"{table.name}/use_case={use_case}/"


def name_file(table: ObservationTable, use_case: str, hour: datetime) -> str:
    """The key of an hour's one file: compacted again, it is written over."""
    return f"{name_folder(table, use_case)}day={hour:%Y-%m-%d}/hour={hour:%H}/observations.parquet"


def read_hour_of_file(key: str) -> datetime | None:
    """The hour of a file; None where the key is none of ours."""
    found = _FOLDERS.match(key)
    return None if found is None else datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]  # four numbers
