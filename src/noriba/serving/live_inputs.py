"""Inputs that no request brings: what is known of the last hours, by the rows' own groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.features.decayed import number_groups

if TYPE_CHECKING:
    from noriba.features import Column, Columns
    from noriba.features.decayed import Group
    from noriba.records.live import LiveState
    from noriba.usecase import LiveSpec, UseCase


def compute_with_live_inputs(
    use_case: UseCase, brought: Columns, state: LiveState | None
) -> tuple[dict[str, Column], dict[str, Column]]:
    """All inputs of a request, and the features as they are declared now.

    Args:
        use_case: whose.
        brought: the inputs that the request brings, of shape (n,) each.
        state: what is known of the last hours; None where nobody knows anything, and the means are NaN.
    """
    spec = use_case.live
    if spec is not None and state is not None and not spec.keys:
        inputs = {**brought, **read_live_inputs(use_case, spec, state, brought)}
        return inputs, use_case.features.compute(inputs)
    inputs = use_case.complete(brought)
    if spec is None or state is None:
        return inputs, use_case.features.compute(inputs)
    # In two steps: groups are features of what the request brings.
    computed = use_case.features.compute(inputs)
    inputs |= read_live_inputs(use_case, spec, state, {**inputs, **computed})
    return inputs, use_case.features.recompute(computed, inputs, changed=spec.names)


def read_live_inputs(use_case: UseCase, spec: LiveSpec, state: LiveState, columns: Columns) -> dict[str, Column]:
    """The means at each row's event time; NaN where one is not known.

    Not at the time of asking: of a ride of tomorrow, the streets of this hour say nothing, and then nothing is known.

    Args:
        use_case: whose rows.
        spec: its means.
        state: what is known.
        columns: event time, and the features that make groups, of shape (n,) each.
    """
    at_s = columns[use_case.data.event_time].tolist()
    groups = zip(
        *(number_groups([columns[key] for key in mean.keys], rows=len(at_s)) for mean in spec.means), strict=True
    )
    # Hundreds of candidates stand in few places.
    known: dict[tuple[float, tuple[Group | None, ...]], list[float]] = {}
    rows = []
    for row in zip(at_s, groups, strict=True):
        if row not in known:
            known[row] = state.read(*row)
        rows.append(known[row])
    return dict(zip(spec.names, np.array(rows).T.copy(), strict=True))
