"""The page is followed word for word: its files, in a folder of their own, become a use case that learns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/add-a-use-case.md").read_text(encoding="utf-8")

# What the pipeline does with a use case, in one process and with nothing but its name.
PROGRAM = """
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.application import build_app
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features.frozen import freeze_features
from noriba.features import as_column
from noriba.serving.answers import write_answer
from noriba.serving.openapi import describe_api
from noriba.records.inference import ModelAnswer
from noriba.training.evaluation import Provenance, evaluate
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.fitting import fit_model
from noriba.training.splits import split_by_time
from noriba.usecase import list_use_cases, load_use_case

assert "queue_minutes" in list_use_cases()
use_case = load_use_case("queue_minutes")
freeze_features(use_case.features)
describe_api([use_case], version="1")

rng = np.random.default_rng(1)
rows = 2_000
people, counters, errand = rng.integers(0, 60, rows), rng.integers(1, 8, rows), rng.integers(0, 4, rows)
waited = (3.0 + people / counters) * np.array([2.0, 1.2, 0.8, 1.0])[errand] * rng.lognormal(0, 0.2, rows)
table = pa.table({
    "Taken at": pa.array((1.75e15 + np.sort(rng.uniform(0, 3e12, rows))).astype("int64"), pa.timestamp("us", tz="UTC")),
    "errand": np.array(["passport", "registration", "other", "tea"])[errand],
    "people_waiting": people, "counters_open": counters, "waited_min": waited,
})
source = choose_source(load_sources(use_case), table.column_names)
raw = RawRows.whole(table)
chunk = transform_chunk(raw, source, use_case, object_key="queue_minutes/waits.csv")
assert chunk.rows_read == rows and chunk.rows_quarantined == int((errand == 3).sum()), chunk.reasons
columns = {name: as_column(chunk.kept[name].to_numpy()) for name in chunk.kept.column_names}
split = split_by_time(columns["taken_at_s"], calibration_share=0.15, holdout_share=0.15)
settings = Hyperparameters.model_validate({**use_case.policies.training.model_dump(), "threads": 1})
model = fit_model(use_case, settings, columns, fit=split.fit, calibration=split.calibration)
provenance = Provenance("s", "b" * 64, "c" * 64)
evidence = evaluate(use_case, model.load(), None, columns, split, provenance=provenance)
assert evidence.candidate.mae < 0.5 * evidence.baseline.mae, (evidence.candidate.mae, evidence.baseline.mae)

build_app(outdir=sys.argv[1], use_cases=list_use_cases()).synth()
assert "noriba-queue-minutes" in Path(sys.argv[1], "noriba-registry.template.json").read_text()
"""


def test_the_pages_files_are_a_use_case_and_nothing_else_is_edited(tmp_path: Path) -> None:
    for source in (ROOT / "usecases").rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    files = re.findall(r"^```python file=(\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(files) == 2
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
