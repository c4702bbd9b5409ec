"""Which source reads a file: the first that recognises its header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from noriba.datasets.sources import Reading, choose_source, load_sources
from noriba.errors import RefusedObjectError
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True)
class Named:
    """A source that recognises one column and needs some."""

    name: str
    sign: str
    needs: tuple[str, ...] = ()

    def recognises(self, header: Sequence[str]) -> bool:
        return self.sign in header

    def find_missing(self, header: Sequence[str]) -> Sequence[str]:
        return [name for name in self.needs if name not in header]

    def read(self, table: pa.Table, *, object_key: str) -> Reading:
        raise NotImplementedError(f"{object_key}: {table.num_rows} rows")


TRAINS = Named("trains", "platform", needs=("platform", "track", "hour"))
BOATS = Named("boats", "pier")


def test_the_first_source_that_recognises_the_header_reads_the_file() -> None:
    assert choose_source([TRAINS, BOATS], ["pier", "tide"]) is BOATS
    assert choose_source([BOATS, TRAINS], ["pier", "platform", "track", "hour"]) is BOATS


def test_a_recognised_file_that_lacks_columns_is_refused_with_all_that_it_lacks() -> None:
    message = "looks like trains, but needs track; hour; columns found: platform, pier"

    with pytest.raises(RefusedObjectError, match=message):
        choose_source([TRAINS, BOATS], ["platform", "pier"])


def test_a_file_that_nobody_recognises_is_refused_with_the_known_kinds() -> None:
    with pytest.raises(RefusedObjectError, match="has the columns x, y; known kinds: trains, boats"):
        choose_source([TRAINS, BOATS], ["x", "y"])


def test_a_use_case_brings_its_own_sources() -> None:
    names = [source.name for source in load_sources(load_use_case("taxi_eta"))]

    assert names == ["canonical trips", "TLC trip records"]
