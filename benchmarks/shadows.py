"""Answering in a function: what reading a model takes, and what a copy for a shadow adds to an answer.

Without a network: artifacts come from memory. What an answer waits for besides, the ledger and the stream of captures,
is the same with a shadow and without one.
"""

from __future__ import annotations

import hashlib
import io
import statistics
import tarfile
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.clock import time_in_turn
from noriba.aws.in_process import InProcessEndpoint, ModelCache
from noriba.datasets.raw import RawRows
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.features import as_column
from noriba.records.experience import EXPERIENCE_FILE
from noriba.records.hosting import HostedEndpoint, HostedModel, HostedVariant
from noriba.records.packed import pack_columns
from noriba.records.wanted import Wanted
from noriba.serving.requests import convert_request
from noriba.training.answering import Answerer
from noriba.training.bundles import save_bundle
from noriba.training.experience import record_experience
from noriba.training.fitting import fit_model
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.splits import split_by_time
from noriba.usecase import load_use_case
from usecases.taxi_eta.simulator import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS = 500


class _Shelf:
    """An S3 of artifacts in memory."""

    def __init__(self, artifacts: Mapping[str, bytes]) -> None:
        self._artifacts = artifacts

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  # S3's own words
        """An artifact."""
        del Bucket
        return {"Body": io.BytesIO(self._artifacts[Key])}


def run(rows: int) -> None:
    """Print milliseconds."""
    artifact = _train(rows)
    shelf: Any = _Shelf({"a": artifact})
    model = HostedModel(package_arn="a", model_data_uri="s3://models/a", sha256=hashlib.sha256(artifact).hexdigest())
    begin_s = time.perf_counter()
    ModelCache(shelf, Answerer.load).find(model)
    read_ms = (time.perf_counter() - begin_s) * 1000
    use_case = load_use_case("taxi_eta")
    request = use_case.request.model_validate(use_case.golden_requests[0])
    body = pack_columns(convert_request(use_case, request).columns, wanted=Wanted(humility=use_case.policies.humility))
    alone, shadowed = (_open(shelf, model, shadow=shadow) for shadow in (False, True))
    pair = time_in_turn(
        lambda: shadowed.ask(body, inference_id="i"), lambda: alone.ask(body, inference_id="i"), runs=RUNS
    )
    with_ms, without_ms = (statistics.median(side) * 1000 for side in (pair.ours_s, pair.theirs_s))
    print(f"  reading a model  {read_ms:>8.0f} ms  ({len(artifact) >> 10} KiB packed, {rows} rows seen)")
    print(f"  an answer        {without_ms:>8.2f} ms  (one candidate, its doubts, captured; the median of {RUNS})")
    print(f"  with a shadow    {with_ms:>8.2f} ms  (the same model once more)")


def _open(shelf: Any, model: HostedModel, *, shadow: bool) -> InProcessEndpoint:
    variant = HostedVariant(name="v1", model_name="m", model=model)
    endpoint = HostedEndpoint(
        config="c",
        variants=(variant,),
        shadow=variant.model_copy(update={"name": "v2"}) if shadow else None,
        capture_percent=100,
        changed_at=datetime.now(UTC),
    )
    return InProcessEndpoint(
        "e", read=lambda: endpoint, models=ModelCache(shelf, Answerer.load), keep=lambda _lines: None, warn=print
    )


def _train(rows: int) -> bytes:
    """A model.tar.gz as training makes it, but for what only others read."""
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})
    table = simulate(rows, seed=1, first_day=date(2026, 1, 5), days=56)
    source = choose_source(load_sources(use_case), table.column_names)
    kept = transform_chunk(RawRows.whole(table), source, use_case, object_key="trips.parquet").kept
    assert kept is not None  # noqa: S101  # a city of nothing but faults is not simulated
    order = kept[use_case.data.event_time].to_numpy().argsort(kind="stable")
    columns = {name: as_column(kept[name].to_numpy()[order]) for name in kept.column_names if _is_number(kept[name])}
    policy = use_case.policies.training
    split = split_by_time(
        columns[use_case.data.event_time],
        calibration_share=policy.calibration_share,
        holdout_share=policy.holdout_share,
    )
    model = fit_model(use_case, settings, columns, fit=split.fit, calibration=split.calibration)
    experience = record_experience(model, columns, split).model_dump_json().encode()
    sink = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        save_bundle(model, Path(folder), extras={EXPERIENCE_FILE: experience})
        with tarfile.open(fileobj=sink, mode="w:gz") as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.add(file, arcname=file.name)
    return sink.getvalue()


def _is_number(column: Any) -> bool:
    return column.type in {"float64", "double", "int64"}
