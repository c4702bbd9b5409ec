"""What is known of the last hours: one state for whoever updates it, whoever answers requests, and a replay."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Self

from noriba.errors import NoribaError
from noriba.features.decayed import DecayedMeans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.features.decayed import Group
    from noriba.usecase import LiveSpec

FORM = 1
MOST_GROUPS = 2_000
"""Of all means together, so that the state fits into an entry of the ledger, which DynamoDB limits to 400 KB.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""


WORK = "live/"
"""The folder of what is kept between two looks at outcomes, in the bucket of captures."""


def name_work(endpoint: str) -> str:
    """Where that of an endpoint lies."""
    return f"{WORK}{endpoint}"


class LiveStateError(NoribaError, ValueError):
    """What was read is no state of these means."""


class LiveState:
    """The means of a use case, as they stand after some outcomes.

    Args:
        spec: which means.
    """

    def __init__(self, spec: LiveSpec) -> None:
        self._spec = spec
        self._sums = [DecayedMeans(mean.half_life_s) for mean in spec.means]
        names = spec.names
        # How each mean is read: its sums, its prior, and the place of its parent.
        parents = [None if mean.parent is None else names.index(mean.parent) for mean in spec.means]
        self._reading = list(zip(self._sums, (mean.prior for mean in spec.means), parents, strict=True))

    def add(self, at_s: float, groups: Sequence[Group | None], value: float) -> None:
        """Count an outcome.

        Args:
            at_s: when it was observed, in seconds since 1970 UTC.
            groups: of each mean the group that it belongs to; None where one of its keys is not known.
            value: the logarithm of its pace; an outcome without a moment or a pace is left out.
        """
        if not (math.isfinite(at_s) and math.isfinite(value)):
            return
        for sums, group in zip(self._sums, groups, strict=True):
            if group is not None:
                sums.add(group, at_s, value)

    def read(self, at_s: float, groups: Sequence[Group | None]) -> list[float]:
        """The means at a moment, in the order of their declaration; NaN for one that is not known."""
        found: list[float] = []
        for (sums, prior, parent), group in zip(self._reading, groups, strict=True):
            known = None if group is None else sums.read(group, at_s)
            instead = math.nan if parent is None else found[parent]
            if known is None:
                found.append(instead)
            elif math.isnan(instead):
                found.append(known[1] / known[0])
            else:
                found.append((known[1] + prior * instead) / (known[0] + prior))
        return found

    def is_stale(self, at_s: float) -> bool:
        """Whether so long ago was the last outcome that no mean is known at this moment."""
        return all(sums.is_stale(at_s) for sums in self._sums)

    def forget(self, at_s: float) -> None:
        """Leave out what has decayed to nothing, and what would make the state too large."""
        for sums in self._sums:
            sums.forget(at_s, most=MOST_GROUPS // len(self._sums))

    def to_json(self) -> str:
        """The state as text; numbers read back bit for bit."""
        return json.dumps({"form": FORM, "means": dict(self._list_means())}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, spec: LiveSpec) -> Self:
        """What `to_json` wrote; a mean that was declared otherwise then begins anew.

        Raises:
            LiveStateError: it is none of that.
        """
        state = cls(spec)
        try:
            document = json.loads(text)
            if document["form"] != FORM:
                raise LiveStateError(f"form {document['form']} of a live state is not {FORM}")
            for mean, sums in zip(spec.means, state._sums, strict=True):
                kept = document["means"].get(mean.name)
                if kept is not None and (kept["half_life_s"], kept["keys"]) == (mean.half_life_s, list(mean.keys)):
                    sums.restore(_check_rows(kept["groups"], len(mean.keys)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LiveStateError(f"this is no live state: {error!r}") from error
        return state

    def _list_means(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for mean, sums in zip(self._spec.means, self._sums, strict=True):
            groups = list(sums.export())
            yield mean.name, {"half_life_s": mean.half_life_s, "keys": list(mean.keys), "groups": groups}


def _check_rows(rows: list[list[float]], keys: int) -> list[list[float]]:
    checked = [[float(number) for number in row] for row in rows]
    for row in checked:
        if len(row) != keys + 3 or not all(map(math.isfinite, row)) or row[-2] <= 0.0:
            raise ValueError(f"{row} is no group")
    return checked
