"""How many requests fall into each bin of each feature, as SQL over compacted observations.

One query reads the features once. It counts, for each edge, the values below it; bins are the differences. `TRY` of a
subscript is what Trino and DuckDB understand alike where a map may lack a key: `element_at` is a value in one and a
list in the other. A model that answered was given all that it reads.
https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html (Trino's functions)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from noriba.monitoring.partitions import HOUR_US, PARTITIONS, bind_partitions
from noriba.records.statements import Statement, write_number
from noriba.timestamps import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from noriba.records.profiles import Profile

_TAKEN = f"SELECT prediction_id || '=' || candidate_id FROM outcomes WHERE {PARTITIONS} AND candidate_id IS NOT NULL"  # noqa: S608 -- our own words
_IDENTITY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*@[0-9a-f]+")


class Served(NamedTuple):
    """A model of a use case; others may have learned other features."""

    use_case: str
    version: int


def state_counts(
    profile: Profile,
    identities: Sequence[str],
    served: Served,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    by_hour: bool = False,
) -> Statement:
    """A query for one row of counts; `read_counts` makes bins of it.

    Args:
        profile: of the model's training.
        identities: of its features, `name@hash`; those that the profile does not know are left out.
        served: whose observations.
        since: when the first request was answered that counts.
        until: when the last one was.
        now: when the last outcome was reported that counts. Of candidates with names, those are counted that have one:
            what becomes training data, and not all that was weighed against it.
        by_hour: a row for each hour that has any; `hour_us` says when it began, in microseconds since 1970.

    Raises:
        ValueError: an identity is none, and has no place in a query.
    """
    columns, sums = [], ["count(*) AS asked"]
    for number, (name, identity) in enumerate(_pick(profile, identities)):
        # Where no file is yet, the laptop's tables know no types of what is in a map.
        columns.append(f"CAST(try(features['{identity}']) AS double) AS v{number}")
        sums.append(f"count(v{number}) AS known{number}")
        sums += [
            f"count_if(v{number} < {write_number(edge)}) AS below{number}_{place}"
            for place, edge in enumerate(profile.columns[name].edges)
        ]
    group = ""
    if by_hour:
        columns.append(f"{HOUR_US} AS hour_us")
        sums.append("hour_us")
        group = "\nGROUP BY hour_us"
    text = f"""SELECT {", ".join(sums)}
FROM (
  SELECT {", ".join(columns)}
  FROM predictions
  WHERE {PARTITIONS} AND model_version = ? AND value IS NOT NULL AND answered_at_us >= ? AND answered_at_us <= ?
    AND (candidate_id IS NULL OR prediction_id || '=' || candidate_id IN ({_TAKEN}))
) AS asked_of{group}"""  # noqa: S608 -- identities were checked, edges are numbers
    moments = to_microseconds(since), to_microseconds(until)
    taken = bind_partitions(served.use_case, since, now)
    return Statement(text, (*bind_partitions(served.use_case, since, until), served.version, *moments, *taken))


def read_counts(
    row: Mapping[str, str | None], profile: Profile, identities: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """Counts by bin of each feature, as `measure_drift` wants them."""
    asked = int(row["asked"] or 0)
    found = {}
    for number, (name, _identity) in enumerate(_pick(profile, identities)):
        known = int(row[f"known{number}"] or 0)
        edges = range(len(profile.columns[name].edges))
        below = [0, *(int(row[f"below{number}_{place}"] or 0) for place in edges), known]
        found[name] = np.array([*np.diff(below), asked - known], dtype=np.int64)
    return found


def count_nothing(profile: Profile, identities: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Counts as `read_counts` gives them, of no request."""
    return {
        name: np.zeros(len(profile.columns[name].edges) + 2, dtype=np.int64)
        for name, _identity in _pick(profile, identities)
    }


def _pick(profile: Profile, identities: Sequence[str]) -> list[tuple[str, str]]:
    """Names and identities of the features that the profile knows."""
    if wrong := [identity for identity in identities if not _IDENTITY.fullmatch(identity)]:
        raise ValueError(f"{wrong[0]!r} is no feature's identity")
    named = ((identity.partition("@")[0], identity) for identity in identities)
    return [(name, identity) for name, identity in named if name in profile.columns]
