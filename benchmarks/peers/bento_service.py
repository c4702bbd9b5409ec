"""The same trees as a BentoML service. `bentoml serve bento_service:Quantiles`; PEER_MODEL is the folder."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import lightgbm
import numpy as np


@bentoml.service(workers=int(os.environ["PEER_WORKERS"]))
class Quantiles:
    """LightGBM's boosters, as BentoML's own examples hold a model."""

    def __init__(self) -> None:
        folder = Path(os.environ["PEER_MODEL"])
        self.boosters = [lightgbm.Booster(model_file=str(folder / f"quantile_{place}.txt")) for place in range(3)]

    @bentoml.api  # type: ignore[untyped-decorator]  # no types of it here
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Three quantiles for each row."""
        found = np.column_stack([booster.predict(rows, num_threads=1) for booster in self.boosters])
        quantiles: np.ndarray = np.exp(np.sort(found, axis=1))
        return quantiles
