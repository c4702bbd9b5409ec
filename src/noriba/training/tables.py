"""A snapshot's parts as one table, checked against the manifest and ordered by time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet

from noriba.errors import CorruptSnapshotError
from noriba.features import as_column
from noriba.features.columns import take_rows

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column
    from noriba.records.snapshot import SnapshotManifest
    from noriba.usecase import UseCase


def read_snapshot(manifest: SnapshotManifest, folder: Path, use_case: UseCase) -> dict[str, Column]:
    """All columns of a snapshot, ordered by event time; rows of one instant keep the order of their part's name.

    Features that were computed by other definitions than today's are computed anew from the inputs, so that an old
    snapshot can train a new feature set.

    Args:
        manifest: which parts belong.
        folder: where the parts lie, under `<first two digits>/<sha256>.parquet`.
        use_case: whose features are wanted.

    Raises:
        CorruptSnapshotError: a part is missing or is not what the manifest pinned.
        FeatureMismatchError: the snapshot lacks an input that today's features read.
    """
    tables = [_read_part(folder / part.sha256[:2] / f"{part.sha256}.parquet", part.sha256) for part in manifest.parts]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    columns = take_rows(columns, np.argsort(columns[manifest.event_time], kind="stable"))
    if manifest.feature_identities != use_case.features.identities:
        columns |= use_case.features.compute(columns)
    return columns


def _read_part(path: Path, sha256: str) -> dict[str, Column]:
    if not path.is_file():
        raise CorruptSnapshotError(f"part {sha256} of the snapshot is not in the channel; was its object deleted?")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CorruptSnapshotError(f"part {sha256} has the content of {found}; the object was overwritten")
    # Without threads: decoding takes no longer than hashing did, and a program that ends right after reading is not
    # aborted while Arrow's threads are still starting.
    table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
    return {name: as_column(table[name].to_numpy()) for name in table.column_names}
