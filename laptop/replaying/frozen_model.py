"""The first model, asked beside the loop about the same rides: what they would have been told had nobody learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noriba.training.bundles import load_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from noriba.features import Column
    from noriba.usecase import UseCase


class FrozenModel:
    """A bundle in a folder, asked here.

    Raises:
        CorruptBundleError: it is not whole.
    """

    def __init__(self, folder: Path, use_case: UseCase) -> None:
        model, _digest = load_bundle(folder)
        self._predictor = model.load()
        self._use_case = use_case

    def answer(self, requests: Sequence[Mapping[str, Any]]) -> Column:
        """Medians for requests of one row each, in the label's unit; of shape (n,).

        Raises:
            FeatureMismatchError: the model learned other features than the code declares.
        """
        if not requests:
            return np.empty(0)
        rows = [self._use_case.request.model_validate(request).to_columns() for request in requests]
        columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        return self._predictor.predict(self._use_case.features.compute_identified(columns)).value
