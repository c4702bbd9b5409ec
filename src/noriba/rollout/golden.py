"""Golden requests: what a model must answer before it may serve.

Two kinds. The use case's own requests go through the whole path, and the answers must make sense. Rows recorded in
training go through features and endpoint, and the answers must be those of training: a difference means that serving
computes something else than training did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.records.plausibility import RELATIVE_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.records.artifacts import GoldenRecord
    from noriba.records.inference import ModelAnswer


def find_differences(answer: ModelAnswer, record: GoldenRecord) -> Iterator[str]:
    """Where serving answers otherwise than training did; nothing when all is well."""
    for name, expected in record.answers.items():
        found = np.array(getattr(answer, name))
        if found.shape != np.shape(expected):
            yield f"{name}: {found.size} answers for {len(expected)} recorded rows"
            continue
        distance = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-9)
        worst = int(np.argmax(distance))
        # Not `>`: an answer that is no number is no answer, and compares false with everything.
        if not distance[worst] <= RELATIVE_TOLERANCE:
            yield f"{name} of recorded row {worst}: {found[worst]:.6g} served, {expected[worst]:.6g} in training"
