"""NannyML's drift of every feature and realised errors, by hour of a day. `python nannyml_report.py FOLDER`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import nannyml
import pandas as pd

nannyml.usage_logging.usage_logging_enabled = lambda: False


def main(folder: Path) -> None:
    """Print seconds and memory as JSON."""
    begin_s = time.perf_counter()
    before, day = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "day"))
    features = [name for name in day.columns if name not in {"prediction", "target", "at"}]
    drift = nannyml.UnivariateDriftCalculator(column_names=features, timestamp_column_name="at", chunk_period="h")
    drifted = drift.fit(before).calculate(day).to_df()
    errors = nannyml.PerformanceCalculator(
        y_pred="prediction",
        y_true="target",
        timestamp_column_name="at",
        problem_type="regression",
        metrics=["mae"],
        chunk_period="h",
    )
    measured = errors.fit(before).calculate(day).to_df()
    spent_s = time.perf_counter() - begin_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": spent_s, "peak_mib": peak_mib, "metrics": drifted.size + measured.size}))


main(Path(sys.argv[1]))
