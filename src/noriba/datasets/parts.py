"""Parquet objects named by their content: the same rows make the same bytes and the same name."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from noriba.records.snapshot import Part

if TYPE_CHECKING:
    from noriba.usecase import UseCase


_DICTIONARY_BYTES = 4096


def encode_parquet(table: pa.Table, *, rows_per_group: int | None = None) -> bytes:
    """The table as Parquet bytes; equal tables give equal bytes with one release of pyarrow."""
    sink = io.BytesIO()
    # Coordinates and distances hardly repeat: a small limit lets the writer give up their dictionaries at once, which
    # more than halves the time. Zstandard's first level is as fast as Snappy and packs better.
    pa.parquet.write_table(
        table,
        sink,
        row_group_size=rows_per_group,
        compression="zstd",
        compression_level=1,
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
    )
    return sink.getvalue()


def hash_content(content: bytes) -> str:
    """SHA-256 of the bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def name_part(use_case: UseCase, sha256: str) -> str:
    """Where a part stands in the datasets bucket."""
    return f"{use_case.name}/parts/{sha256[:2]}/{sha256}.parquet"


def describe_part(table: pa.Table, content: bytes, use_case: UseCase, *, version_id: str) -> Part:
    """The record of a part that has been stored."""
    sha256 = hash_content(content)
    span = pa.compute.min_max(table[use_case.data.event_time]).as_py()
    return Part(
        sha256=sha256,
        key=name_part(use_case, sha256),
        version_id=version_id,
        feature_fingerprint=use_case.features.fingerprint,
        rows=table.num_rows,
        size=len(content),
        first_s=span["min"],
        last_s=span["max"],
    )
