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
BOATS = Named("boats", "pier", needs=("pier",))


def test_the_first_source_that_recognises_the_header_reads_the_file() -> None:
    assert choose_source([TRAINS, BOATS], ["pier", "tide"]) is BOATS
    assert choose_source([BOATS, TRAINS], ["pier", "platform", "track", "hour"]) is BOATS


def test_a_recognised_file_that_lacks_columns_is_refused_with_all_that_it_lacks() -> None:
    message = "looks like trains, but needs track; hour; columns found: platform, pier"

    with pytest.raises(RefusedObjectError, match=message):
        choose_source([TRAINS, BOATS], ["platform", "pier"])


def test_a_file_that_nobody_recognises_is_refused_with_what_the_known_kinds_need() -> None:
    message = "no known kind of file has the columns of the first line; needed are, for trains: platform, track, hour; "

    with pytest.raises(RefusedObjectError, match=f"{message}or boats: pier$"):
        choose_source([TRAINS, BOATS], ["x", "y"])


@pytest.mark.parametrize(
    ("header", "likely"),
    [
        (["2026-01-01T08:00:00Z", "40.7513", "-73.9902"], "has it no header"),
        (["Harlem", "", "Bronx"], "has it no header"),
        (["2026-01-01T08:00:00Z;40", "7513;-73", "9902"], "is it separated by `;`? Save it with commas"),
        (["platform\ttrack\thour"], "is it separated by tabs? Save it with commas"),
    ],
)
def test_a_row_that_is_taken_for_a_header_is_not_repeated(header: list[str], likely: str) -> None:
    with pytest.raises(RefusedObjectError) as refused:
        choose_source([TRAINS, BOATS], header)

    assert likely in str(refused.value)
    assert not [name for name in header if name and name in str(refused.value)]


def test_a_use_case_brings_its_own_sources() -> None:
    names = [source.name for source in load_sources(load_use_case("taxi_eta"))]

    assert names == ["canonical trips", "TLC trip records"]
