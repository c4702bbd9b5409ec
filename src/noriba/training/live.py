"""Live means for recorded rows: the past is replayed, and each row is told what a request would have been told then.

Whatever was observed by a row's event time counts, and nothing else: what became known later changes no row. The state
is the one that production updates (`noriba.records.live`), so the same outcomes give the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.decayed import number_groups
from noriba.records.live import LiveState
from noriba.training.encoders import measure_log_pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.features import Column, Columns
    from noriba.features.decayed import Group
    from noriba.usecase import LiveSpec, Mask, UseCase

_SEED = 57
_BLOCK = 65_536


def replay_means(use_case: UseCase, spec: LiveSpec, columns: Columns) -> dict[str, Column]:
    """The means as they stood at each row's event time.

    Args:
        use_case: whose rows.
        spec: which means.
        columns: inputs, features and label, shape (n,) each, ordered by event time.

    Returns:
        A column of shape (n,) for each mean; NaN where it was not known.
    """
    at_s, label = columns[use_case.data.event_time], columns[use_case.data.label]
    observed_s = at_s + columns[spec.known_after]
    heard_s = observed_s + spec.delay_s
    paces = measure_log_pace(columns, label, use_case.model.pace)
    # In the order in which they are heard of; of one moment, in that of the rows.
    outcomes = _iterate(spec, columns, np.argsort(heard_s, kind="stable"), heard_s, observed_s, paces)
    requests = _iterate(spec, columns, np.arange(len(at_s)), at_s)
    state, means = LiveState(spec), np.empty((len(at_s), len(spec.means)))
    coming = next(outcomes, None)
    for row, (asking, (now_s,)) in enumerate(requests):
        while coming is not None:
            groups, (known_s, moment_s, pace) = coming
            # A moment that nobody knows is heard of never.
            if not known_s <= now_s:
                break
            state.add(moment_s, groups, pace)
            coming = next(outcomes, None)
        means[row] = state.read(now_s, asking)
    return {name: np.ascontiguousarray(means[:, number]) for number, name in enumerate(spec.names)}


def _iterate(
    spec: LiveSpec, columns: Columns, order: np.ndarray, *numbers: Column
) -> Iterator[tuple[tuple[Group | None, ...], tuple[float, ...]]]:
    """Rows in an order: the groups of each mean, and some numbers.

    By blocks: as Python's own objects, all rows of years would not fit into memory.
    """
    for start in range(0, len(order), _BLOCK):
        rows = order[start : start + _BLOCK]
        grouped = (number_groups([columns[key][rows] for key in mean.keys], rows=len(rows)) for mean in spec.means)
        taken = zip(*(column[rows].tolist() for column in numbers), strict=True)
        yield from zip(zip(*grouped, strict=True), taken, strict=True)


def fill_means(use_case: UseCase, columns: Columns, given: Mask) -> dict[str, Column]:
    """The rows of a snapshot, each with the means that it would have been given, and with its features.

    Args:
        use_case: whose rows.
        columns: inputs, live ones too, features and label, shape (n,) each, ordered by event time.
        given: rows that were asked about in production, shape (n,): they keep what their model was told.
    """
    spec = use_case.live
    if spec is None:
        return dict(columns)
    # The same rows whenever the snapshot is the same, and whole rows: where one mean is not there, none is.
    hidden = np.random.default_rng(_SEED).random(len(given)) < spec.hidden_share
    replayed = replay_means(use_case, spec, columns)
    filled = {
        name: np.where(given, columns[name], np.where(hidden, np.nan, values)) for name, values in replayed.items()
    }
    inputs = {**columns, **filled}
    computed = {name: columns[name] for name in use_case.features.names}
    return {**inputs, **use_case.features.recompute(computed, inputs, changed=spec.names)}
