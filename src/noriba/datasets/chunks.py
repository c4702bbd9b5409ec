"""How a large file is read in pieces: rows of Parquet, stretches of lines of CSV.

Every piece can be read by itself, by another function, and all pieces together are the file, row for row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.datasets.csv_files import plan_csv, read_csv
from noriba.datasets.parquet_files import plan_parquet, read_parquet
from noriba.errors import RefusedObjectError

if TYPE_CHECKING:
    from noriba.datasets.raw import BinaryFile, RawRows
    from noriba.records.ingest import Chunk, FilePlan


def plan_file(file: BinaryFile, *, size: int) -> FilePlan:
    """Look at a file's beginning and end and say how to read it.

    Raises:
        RefusedObjectError: empty, neither Parquet nor CSV, damaged, without rows, larger in some way than can be read
            in bounded memory, or with two columns of one name.
    """
    if size == 0:
        raise RefusedObjectError("the file is empty (0 bytes)")
    file.seek(0)
    return plan_parquet(file, size=size) if file.read(4) == b"PAR1" else plan_csv(file, size=size)


def read_chunk(file: BinaryFile, plan: FilePlan, chunk: Chunk) -> RawRows:
    """The rows of one chunk, in file order.

    Raises:
        RefusedObjectError: the file is damaged within this chunk, or its values are too large to be held.
    """
    return read_parquet(file, plan, chunk) if plan.format == "parquet" else read_csv(file, plan, chunk)
