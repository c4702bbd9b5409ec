"""The model under measurement: trained once as SageMaker would have it trained, and kept under `.build/`.

The use case's own policy says how; the rows are the simulator's, or real ones. Beside it stands what a plain handler
asks: LightGBM's boosters of the same size, of features as pandas computes them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pyarrow as pa

from benchmarks import pandas_features
from benchmarks.accuracy import TRAINED, read_trips
from noriba.datasets.parts import describe_part, encode_parquet
from noriba.datasets.raw import RawRows
from noriba.datasets.snapshots import build_manifest
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.errors import CorruptBundleError
from noriba.records.snapshot import IngestedObject
from noriba.training.bundles import load_bundle
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.quantiles import fit_quantiles
from noriba.usecase import load_use_case
from usecases.taxi_eta.simulator import simulate

if TYPE_CHECKING:
    import pandas as pd

    from noriba.features import Columns
    from noriba.usecase import UseCase

ROOT = Path(__file__).parents[1]
BUILD = ROOT / ".build" / "benchmarks"
PROGRAMS = ROOT / "containers" / "model"
ROWS, SEED, FIRST_DAY, DAYS = 200_000, 1, date(2026, 1, 5), 56
_TRAINS = ("src/noriba/training", "src/noriba/features", "src/noriba/usecase", "usecases/taxi_eta")
"""What the model is made by; anything else may change and it stays the same."""


@dataclass(frozen=True)
class Trained:
    """Models of one training.

    Attributes:
        base: a tree as SageMaker gives it to a server: the bundle is in `model`.
        plain: a folder with the text of a plain booster for each quantile, and `names.json`.
    """

    base: Path
    plain: Path

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.base / "model"


def train_once(trips: Path | None = None) -> Trained:
    """The models, trained when there are none of this code and these rows yet: some minutes."""
    folder = BUILD / f"model-{_digest(trips)}"
    found = Trained(folder / "tree", folder / "plain")
    if not _is_whole(found):
        print(f"  training the model to measure, into {folder.relative_to(ROOT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _train(found, load_use_case("taxi_eta"), trips)
    return found


def load_boosters(trained: Trained) -> list[lightgbm.Booster]:
    """LightGBM's own boosters of the bundle's trees, by quantile."""
    count = len(load_bundle(trained.bundle)[0].quantiles)
    return [lightgbm.Booster(model_file=str(trained.bundle / f"quantile_{place}.txt")) for place in range(count)]


def simulate_trips(rows: int) -> pa.Table:
    """Raw rows of the made-up city, as many as asked for."""
    return simulate(rows, seed=SEED, first_day=FIRST_DAY, days=DAYS)


def transform(use_case: UseCase, table: pa.Table) -> pa.Table:
    """The kept rows of raw ones: inputs, label and features."""
    kept = transform_any(use_case, table)
    assert kept is not None  # noqa: S101  # a city of nothing but faults is not simulated
    return kept


def transform_any(use_case: UseCase, table: pa.Table) -> pa.Table | None:
    """The same of rows that may all be faulty; None where they are."""
    source = choose_source(load_sources(use_case), table.column_names)
    return transform_chunk(RawRows.whole(table), source, use_case, object_key="trips.parquet").kept


@cache
def list_requests(candidates: int, *, number: int = 64) -> tuple[str, ...]:
    """Bodies of requests as apps send them: each a trip of the made-up city, with so many cars that might take it."""
    trips = simulate(number * candidates * 2, seed=SEED + 1, first_day=FIRST_DAY, days=DAYS, fault_share=0.0)
    rows: list[dict[str, Any]] = trips.to_pylist()
    bodies = []
    for place in range(number):
        first, *others = rows[place :: len(rows) // candidates][:candidates]
        document: dict[str, Any] = {
            "destination": _place(first, "destination"),
            "pickup_at": first["pickup_at"].isoformat(),
        }
        if others:
            cars = [
                {"candidate_id": f"car-{car}", "origin": _place(row, "origin")}
                for car, row in enumerate([first, *others])
            ]
            document |= {"candidates": cars}
        else:
            document |= {"origin": _place(first, "origin")}
        bodies.append(json.dumps(document))
    return tuple(bodies)


def describe_tree(base: Path, **extra: str) -> dict[str, str]:
    """The environment of a container's program, in a folder instead of /opt/ml; byte-code may be written."""
    path = os.pathsep.join((str(PROGRAMS), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "PYTHONUNBUFFERED": "1",
        "SAGEMAKER_BASE_DIR": str(base),
        **extra,
    }


def _place(row: dict[str, Any], end: str) -> dict[str, float]:
    return {name: row[f"{end}_{name}"] for name in ("latitude", "longitude")}


def _is_whole(found: Trained) -> bool:
    try:
        load_bundle(found.bundle)
    except CorruptBundleError:
        return False
    return (found.plain / "names.json").exists()


def _digest(trips: Path | None) -> str:
    digest = hashlib.sha256(f"{ROWS} {SEED} {FIRST_DAY} {DAYS} {trips} {lightgbm.__version__}".encode())
    for name in _TRAINS:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _train(found: Trained, use_case: UseCase, trips: Path | None) -> None:
    if trips is None:
        kept = transform(use_case, simulate_trips(ROWS))
        columns = {name: kept[name].to_numpy() for name in kept.column_names}
    else:
        columns = read_trips(use_case, [trips / name for name in TRAINED])
    _write_job(found.base, use_case, columns)
    subprocess.run([str(PROGRAMS / "train")], check=True, cwd=found.base, env=describe_tree(found.base))  # noqa: S603  # our own program
    _train_plain(found, use_case, columns)


def _write_job(base: Path, use_case: UseCase, columns: Columns) -> None:
    """A training job's tree: a snapshot of one part."""
    table = pa.table(dict(columns))
    content = encode_parquet(table)
    part = describe_part(table, content, use_case, version_id="v1")
    rows = table.num_rows
    landed = IngestedObject(
        key=f"{use_case.name}/trips.parquet",
        version_id="v1",
        sequencer="0A",
        source="benchmark",
        rows_read=rows,
        rows_kept=rows,
        rows_quarantined=0,
        reasons={},
        parts=(part,),
    )
    manifest = build_manifest(use_case, [landed], bucket="datasets")
    files = {
        "input/config/hyperparameters.json": json.dumps({"use_case": use_case.name}).encode(),
        "input/data/snapshot/manifest.json": manifest.model_dump_json(indent=1).encode(),
        f"input/data/parts/{part.sha256[:2]}/{part.sha256}.parquet": content,
    }
    for name, written in files.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(written)


def _train_plain(found: Trained, use_case: UseCase, columns: Columns) -> None:
    """What a plain handler asks: as many trees as large, of features as pandas has them."""
    _use_case, settings = Hyperparameters.parse({"use_case": use_case.name})
    features = pandas_features.compute(_to_frame(columns))
    names, label = list(features.columns), np.log(columns[use_case.data.label])
    matrix = features.to_numpy(dtype=np.float64)
    found.plain.mkdir(parents=True, exist_ok=True)
    # LightGBM by itself grows the same; where cores are shared, its threads wait for each other for minutes.
    for place, text in enumerate(fit_quantiles(matrix, label, names=names, settings=settings).texts):
        (found.plain / f"quantile_{place}.txt").write_text(text, encoding="utf-8")
    (found.plain / "names.json").write_text(json.dumps(names), encoding="utf-8")


def _to_frame(columns: Columns) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  # for this alone

    ends = [f"{end}_{name}" for end in ("origin", "destination") for name in ("latitude", "longitude")]
    frame = pd.DataFrame({name: columns[name] for name in (*ends, "rain_mm_per_h")})
    frame["pickup_at"] = pd.to_datetime(columns["pickup_at_s"], unit="s", utc=True)
    return frame
