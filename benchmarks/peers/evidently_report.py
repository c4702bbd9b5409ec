"""Evidently's report on a day: drift of every feature, and the errors. `python evidently_report.py FOLDER`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Regression, Report
from evidently.presets import DataDriftPreset, RegressionPreset


def main(folder: Path) -> None:
    """Print seconds and memory as JSON."""
    begin_s = time.perf_counter()
    before, day = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "day"))
    features = [name for name in day.columns if name not in {"prediction", "target", "at"}]
    definition = DataDefinition(
        numerical_columns=features, regression=[Regression(target="target", prediction="prediction")]
    )
    known, current = (
        Dataset.from_pandas(table.drop(columns="at"), data_definition=definition) for table in (before, day)
    )
    found = Report([DataDriftPreset(columns=features), RegressionPreset()]).run(current, known).dict()
    spent_s = time.perf_counter() - begin_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": spent_s, "peak_mib": peak_mib, "metrics": len(found["metrics"])}))


main(Path(sys.argv[1]))
