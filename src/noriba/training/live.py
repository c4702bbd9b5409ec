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
    from noriba.features import Column, Columns
    from noriba.usecase import LiveSpec, Mask, UseCase

_SEED = 57


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
    paces = measure_log_pace(columns, label, use_case.model.pace).tolist()
    observed_s = at_s + columns[spec.known_after]
    heard_s = (observed_s + spec.delay_s).tolist()
    groups = list(
        zip(*(number_groups([columns[key] for key in mean.keys], rows=len(at_s)) for mean in spec.means), strict=True)
    )
    # As it is heard of, whatever it was observed; of one moment, in the order of the rows.
    coming = np.argsort(np.asarray(heard_s), kind="stable").tolist()
    moments, state = observed_s.tolist(), LiveState(spec)
    means = np.empty((len(at_s), len(spec.means)))
    place, rows = 0, len(coming)
    for row, now_s in enumerate(at_s.tolist()):
        while place < rows and heard_s[coming[place]] <= now_s:
            heard = coming[place]
            state.add(moments[heard], groups[heard], paces[heard])
            place += 1
        means[row] = state.read(now_s, groups[row])
    return {name: np.ascontiguousarray(means[:, number]) for number, name in enumerate(spec.names)}


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
