"""A snapshot's parts as one table, checked against the manifest and ordered by time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet

from noriba.errors import CorruptSnapshotError, FeatureMismatchError
from noriba.features import as_column
from noriba.features.columns import take_rows
from noriba.records.traffic import SOURCE
from noriba.training.live import fill_means

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noriba.features import Column
    from noriba.records.snapshot import SnapshotManifest
    from noriba.usecase import UseCase


def read_snapshot(manifest: SnapshotManifest, folder: Path, use_case: UseCase) -> dict[str, Column]:
    """All columns of a snapshot, ordered by event time; rows of one instant keep the order of their part's name.

    Where a part's features were computed by other definitions than today's, all are computed anew from the inputs: an
    old snapshot can train a new feature set, and no model learns from columns that two definitions made.

    Live means are replayed (`noriba.training.live`), but for rows that were asked about in production: those keep what
    they were given there. Parts of before a mean was declared have none, whatever they came from.

    Args:
        manifest: which parts belong.
        folder: where the parts lie, as `<sha256>.parquet`, however deep: how SageMaker lays out the objects that a
            manifest names is not documented, and has been seen to keep the whole key below the channel's folder
            (https://github.com/aws/sagemaker-python-sdk/issues/723).
        use_case: whose features are wanted.

    Raises:
        CorruptSnapshotError: a part is missing or is not what the manifest pinned.
        FeatureMismatchError: the snapshot lacks an input that today's features read.
    """
    wanted = [*use_case.features.inputs, manifest.label]
    optional = () if use_case.live is None else use_case.live.names
    is_current = all(part.feature_fingerprint == use_case.features.fingerprint for part in manifest.parts)
    if is_current:
        wanted += use_case.features.names
    there = {path.stem: path for path in folder.rglob("*.parquet")}
    tables = [_read_part(there.get(part.sha256), part.sha256, wanted, optional) for part in manifest.parts]
    asked = _find_asked(manifest)
    given = [
        np.full(part.rows, part.sha256 in asked and table.keys() >= set(optional))
        for part, table in zip(manifest.parts, tables, strict=True)
    ]
    tables = [use_case.complete(table) for table in tables]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in wanted}
    order = np.argsort(columns[manifest.event_time], kind="stable")
    columns = take_rows(columns, order)
    if not is_current:
        columns |= use_case.features.compute(columns)
    return fill_means(use_case, columns, np.concatenate(given)[order])


def _find_asked(manifest: SnapshotManifest) -> set[str]:
    """Parts whose rows were asked about in production, by what they hold."""
    return {part.sha256 for landed in manifest.objects if landed.source == SOURCE for part in landed.parts}


def _read_part(path: Path | None, sha256: str, wanted: Sequence[str], optional: Sequence[str]) -> dict[str, Column]:
    if path is None:
        raise CorruptSnapshotError(f"part {sha256} of the snapshot is not in the channel; was its object deleted?")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CorruptSnapshotError(f"part {sha256} has the content of {found}; the object was overwritten")
    # Without threads: decoding takes no longer than hashing did, and a program that ends right after reading is not
    # aborted while Arrow's threads are still starting.
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content))
    there = file.schema_arrow.names
    if missing := [name for name in wanted if name not in there and name not in optional]:
        raise FeatureMismatchError(f"part {sha256} of the snapshot has no column {', '.join(missing)}; ingest it anew")
    present = [name for name in wanted if name in there]
    table = file.read(columns=present, use_threads=False)
    return {name: as_column(table[name].to_numpy()) for name in present}
