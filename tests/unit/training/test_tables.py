"""A snapshot's parts as one table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from noriba.datasets.parts import describe_part, encode_parquet
from noriba.datasets.snapshots import build_manifest
from noriba.errors import CorruptSnapshotError, FeatureMismatchError
from noriba.features import FeatureSet
from noriba.records.snapshot import IngestedObject
from noriba.records.traffic import SOURCE
from noriba.training.tables import read_snapshot
from noriba.usecase import ModelSpec
from tests.unit.training import traffic
from tests.unit.training.deliveries import INPUTS, USE_CASE, length_km, length_m, make_deliveries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noriba.features import Column, Columns
    from noriba.records.snapshot import Part, SnapshotManifest
    from noriba.usecase import UseCase

TODAY = USE_CASE
TOMORROW = replace(USE_CASE, features=FeatureSet([length_m, length_km], inputs=INPUTS), model=ModelSpec())


def write_snapshot(
    tables: Sequence[Columns], folder: Path, use_case: UseCase = TODAY, *, sources: Sequence[str] = ("test",)
) -> SnapshotManifest:
    """A snapshot of one part a table, as a channel's folder holds it; of the last source come all that remain."""
    parts = []
    for columns in tables:
        table = pa.table(dict(columns))
        content = encode_parquet(table)
        part = describe_part(table, content, use_case, version_id="v1")
        path = path_of(part.sha256, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        parts.append(part)
    last = len(sources) - 1
    landed = [
        land(source, parts[number : number + 1] if number < last else parts[number:])
        for number, source in enumerate(sources)
    ]
    return build_manifest(use_case, landed, bucket="datasets")


def land(source: str, parts: Sequence[Part]) -> IngestedObject:
    rows = sum(part.rows for part in parts)
    return IngestedObject(
        key=f"deliveries/{source}.parquet",
        version_id="v1",
        sequencer="0A",
        source=source,
        rows_read=rows,
        rows_kept=rows,
        rows_quarantined=0,
        reasons={},
        parts=tuple(parts),
    )


def path_of(sha256: str, folder: Path) -> Path:
    return folder / sha256[:2] / f"{sha256}.parquet"


def cut(columns: dict[str, Column], rows: np.ndarray) -> dict[str, Column]:
    return {name: column[rows] for name, column in columns.items()}


def test_parts_become_one_table_ordered_by_time(tmp_path: Path) -> None:
    columns = make_deliveries(1_000)
    # Each row has an instant of its own, and the parts interleave.
    columns["sent_at_s"] = np.arange(1_000.0)
    shuffled = np.random.default_rng(2).permutation(1_000)
    manifest = write_snapshot([cut(columns, shuffled[:300]), cut(columns, shuffled[300:])], tmp_path)

    found = read_snapshot(manifest, tmp_path, TODAY)

    assert found.keys() == columns.keys()
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column, strict=True)


def test_rows_of_one_instant_keep_the_order_of_their_parts_names(tmp_path: Path) -> None:
    columns = make_deliveries(2_000)
    columns["sent_at_s"] = np.random.default_rng(5).integers(0, 3, 2_000).astype(np.float64)
    halves = [cut(columns, np.arange(1_000)), cut(columns, np.arange(1_000, 2_000))]
    manifest = write_snapshot(halves, tmp_path)
    folder = tmp_path / "other way round"
    folder.mkdir()
    other = write_snapshot(halves[::-1], folder)

    found, again = read_snapshot(manifest, tmp_path, TODAY), read_snapshot(other, folder, TODAY)

    by_name = [path_of(sha256, tmp_path) for sha256 in sorted(part.sha256 for part in manifest.parts)]
    rows = pa.concat_tables(pa.parquet.read_table(path) for path in by_name).to_pylist()
    # Python's sort keeps the order of equals.
    expected = [row["metres"] for row in sorted(rows, key=lambda row: row["sent_at_s"])]
    assert found["metres"].tolist() == expected
    assert again["metres"].tolist() == expected


@pytest.mark.parametrize("place", ["", "taxi_eta/parts/ab", "a/b/c/d"])
def test_parts_are_found_however_deep_they_were_laid_out(tmp_path: Path, place: str) -> None:
    """SageMaker documents no layout for what a manifest names."""
    manifest = write_snapshot([make_deliveries(50), make_deliveries(60)], tmp_path / "written")
    folder = tmp_path / "channel" / place
    folder.mkdir(parents=True)
    for part in manifest.parts:
        path_of(part.sha256, tmp_path / "written").rename(folder / f"{part.sha256}.parquet")

    assert len(read_snapshot(manifest, tmp_path / "channel", TODAY)["metres"]) == 110


def test_unknown_values_come_back_as_nan(tmp_path: Path) -> None:
    columns = make_deliveries(50)
    columns["area"][3] = np.nan
    manifest = write_snapshot([columns], tmp_path)

    found = read_snapshot(manifest, tmp_path, TODAY)

    np.testing.assert_array_equal(found["area"], columns["area"], strict=True)


def test_features_of_the_same_definitions_are_taken_as_they_stand(tmp_path: Path) -> None:
    # Values that no computation would give show where a column came from.
    columns = {**make_deliveries(50), "length_m": np.full(50, -1.0)}
    manifest = write_snapshot([columns], tmp_path)

    assert (read_snapshot(manifest, tmp_path, TODAY)["length_m"] == -1.0).all()


def test_features_of_other_definitions_are_computed_anew(tmp_path: Path) -> None:
    columns = {**make_deliveries(50), "length_m": np.full(50, -1.0)}
    manifest = write_snapshot([columns], tmp_path)

    found = read_snapshot(manifest, tmp_path, TOMORROW)

    np.testing.assert_array_equal(found["length_m"], columns["metres"])
    np.testing.assert_array_equal(found["length_km"], columns["metres"] / 1000.0)


def test_a_snapshot_without_an_input_of_today_s_features_is_refused(tmp_path: Path) -> None:
    columns = make_deliveries(50)
    del columns["metres"]
    manifest = write_snapshot([columns], tmp_path)

    with pytest.raises(FeatureMismatchError, match="has no column metres; ingest it anew"):
        read_snapshot(manifest, tmp_path, TOMORROW)


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    manifest = write_snapshot([make_deliveries(50), make_deliveries(60)], tmp_path)
    missing = manifest.parts[1].sha256
    path_of(missing, tmp_path).unlink()

    with pytest.raises(CorruptSnapshotError, match=f"part {missing} of the snapshot is not in the channel"):
        read_snapshot(manifest, tmp_path, TODAY)


def test_an_overwritten_part_is_refused_by_name(tmp_path: Path) -> None:
    manifest = write_snapshot([make_deliveries(50)], tmp_path)
    pinned = manifest.parts[0].sha256
    other = write_snapshot([make_deliveries(50, seed=8)], tmp_path).parts[0].sha256
    path_of(other, tmp_path).rename(path_of(pinned, tmp_path))

    with pytest.raises(
        CorruptSnapshotError, match=f"part {pinned} has the content of {other}; the object was overwritten"
    ):
        read_snapshot(manifest, tmp_path, TODAY)


def test_a_part_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    manifest = write_snapshot([make_deliveries(50)], tmp_path)
    path = path_of(manifest.parts[0].sha256, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(CorruptSnapshotError, match="has the content of"):
        read_snapshot(manifest, tmp_path, TODAY)


# --- means of the last hours ------------------------------------------------------------------------------------------


def test_rows_of_files_get_the_means_of_their_time_and_rows_of_production_keep_theirs(tmp_path: Path) -> None:
    columns = traffic.make_rows(600)
    told = {name: np.full(600, 0.5) for name in traffic.LIVE.names}
    of_traffic = np.arange(600) % 5 == 0
    asked = {**columns, **told} | traffic.FEATURES.compute({**columns, **told})
    manifest = write_snapshot(
        [cut(columns, ~of_traffic), cut(asked, of_traffic)], tmp_path, traffic.USE_CASE, sources=("files", SOURCE)
    )

    found = read_snapshot(manifest, tmp_path, traffic.USE_CASE)

    alike = read_snapshot(write_snapshot([columns], tmp_path, traffic.USE_CASE), tmp_path, traffic.USE_CASE)
    # By what no two rows share: rows of one moment stand in the order of their parts.
    order, same = np.argsort(found["metres"]), np.argsort(alike["metres"])
    was_asked = np.isin(found["metres"], columns["metres"][of_traffic])[order]
    for name in traffic.LIVE.names:
        np.testing.assert_allclose(found[name][order], np.where(was_asked, 0.5, alike[name][same]), rtol=0.0, atol=1e-9)
    np.testing.assert_array_equal(found["pace_now"], np.exp(found["live_all"]))
    assert not np.isnan(alike["live_all"]).all()


@pytest.mark.parametrize("source", ["files", SOURCE])
def test_parts_of_before_a_mean_was_declared_are_replayed_whatever_they_came_from(tmp_path: Path, source: str) -> None:
    columns = traffic.make_rows(300)
    without = {name: column for name, column in columns.items() if name not in traffic.LIVE.names}

    found = read_snapshot(write_snapshot([without], tmp_path, sources=(source,)), tmp_path, traffic.USE_CASE)

    expected = read_snapshot(write_snapshot([columns], tmp_path, traffic.USE_CASE), tmp_path, traffic.USE_CASE)
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)
