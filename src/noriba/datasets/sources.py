"""What reads raw files: a source knows the columns of one kind of file and turns them into input columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from noriba.datasets.headers import guess_mistake
from noriba.datasets.raw import list_names
from noriba.errors import RefusedObjectError
from noriba.usecase import load_source_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noriba.features import Column
    from noriba.usecase import Mask, UseCase


@dataclass(frozen=True)
class Fault:
    """Rows that could not be read as they should, and what to do about them."""

    name: str
    remedy: str
    rows: Mask


@dataclass(frozen=True)
class Reading:
    """A raw table, read: the use case's input columns and label, and the rows that resisted."""

    columns: Mapping[str, Column]
    faults: Sequence[Fault] = field(default=())


class Source(Protocol):
    """One kind of raw file."""

    @property
    def name(self) -> str:
        """Short name, for reports."""

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with these columns is of this kind, complete or not."""

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        """What a file of this kind needs and this one lacks, for people."""

    def read(self, table: pa.Table, *, object_key: str) -> Reading:
        """Turn a table with this header into input columns, row by row; never raises for the sake of a row."""


def load_sources(use_case: UseCase) -> Sequence[Source]:
    """The use case's sources, most specific first."""
    sources: Sequence[Source] = load_source_module(use_case.name).SOURCES
    return sources


def choose_source(sources: Sequence[Source], header: Sequence[str]) -> Source:
    """The first source that recognises the header.

    Raises:
        RefusedObjectError: none does, or the one that does lacks a column; the message names it. What no source
            recognises is not repeated: it may be a row, with times and places, and the message goes into logs.
    """
    for source in sources:
        if source.recognises(header):
            if missing := source.find_missing(header):
                raise RefusedObjectError(
                    f"looks like {source.name}, but needs {'; '.join(missing)}; columns found: {list_names(header)}"
                )
            return source
    needed = "; or ".join(f"{source.name}: {', '.join(source.find_missing(()))}" for source in sources)
    raise RefusedObjectError(
        f"no known kind of file has the columns of the first line{guess_mistake(header)}; needed are, for {needed}"
    )
