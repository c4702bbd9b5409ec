"""The same trees, served by `mlflow models serve`. `python mlflow_model.py FOLDER HOST PORT WORKERS`.

PEER_MODEL is the folder of the boosters' texts; FOLDER is made anew.
"""

from __future__ import annotations

import os
import shutil
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


def main(folder: Path, host: str, port: str, workers: str) -> None:
    """Save the model, and become its server."""
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.pyfunc.save_model(
        folder,
        python_model=Quantiles(),
        artifacts={"boosters": os.environ["PEER_MODEL"]},
        pip_requirements=["lightgbm", "mlflow"],
    )
    command = [shutil.which("mlflow") or "mlflow", "models", "serve", "-m", str(folder), "-h", host, "-p", port]
    os.execv(command[0], [*command, "--workers", workers, "--env-manager", "local"])  # noqa: S606  # our own words


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
