"""The same trees as a model that `mlflow models serve` serves. `python mlflow_model.py BUNDLE FOLDER` saves it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np


class Quantiles(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # no types of it here
    """LightGBM's boosters, as MLflow's own examples hold a model."""

    def load_context(self, context: Any) -> None:
        """Read the boosters."""
        folder = Path(context.artifacts["boosters"])
        self.boosters = [lightgbm.Booster(model_file=str(folder / f"quantile_{place}.txt")) for place in range(3)]

    def predict(self, context: Any, model_input: Any) -> Any:  # noqa: ARG002  # MLflow's names
        """Three quantiles for each row."""
        rows = np.asarray(model_input, dtype=np.float64)
        found = np.column_stack([booster.predict(rows, num_threads=1) for booster in self.boosters])
        return np.exp(np.sort(found, axis=1))


def main(bundle: str, folder: str) -> None:
    """Save the model."""
    mlflow.pyfunc.save_model(
        folder, python_model=Quantiles(), artifacts={"boosters": bundle}, pip_requirements=["lightgbm", "mlflow"]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
