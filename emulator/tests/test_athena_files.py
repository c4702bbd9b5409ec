"""The files of a query are found without a look into the folders that it does not ask for."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.extensions.athena_files import find_files
from laptop_cloud.extensions.athena_partitions import Conditions
from laptop_cloud.sorted_dict import SortedDict

KEYS = {"day", "town"}
FOLDERS = st.lists(
    st.sampled_from(["day=1", "day=2", "town=oslo", "town=rome", "hour=7", "_tmp", ".x", "", "a"]), max_size=3
).filter(lambda parts: len({part.partition("=")[0] for part in parts}) == len(parts))
OBJECTS = st.builds(
    lambda place, folders, name: "/".join([place, *folders, name]),
    st.sampled_from(["rides", "rides2", "ride", "outcomes"]),
    FOLDERS,
    st.sampled_from(["a.parquet", "b.parquet", "_SUCCESS", ".hidden", ""]),
)
QUERIES = st.sampled_from(
    [
        "SELECT * FROM t",
        "SELECT * FROM t WHERE day = '1'",
        "SELECT * FROM t WHERE day >= '2' AND town = 'oslo'",
        "SELECT * FROM t WHERE day = '1' OR town = 'rome'",
        "SELECT * FROM t WHERE day = '1' UNION ALL SELECT * FROM t WHERE town = 'rome'",
        "SELECT * FROM t WHERE hour = '8' AND day BETWEEN '2' AND '3'",
    ]
)


def look_at_all(keys: list[str], asked: Conditions) -> list[tuple[str, str]]:
    """The same, by a look at each key of the bucket."""
    found = [(key, key.removeprefix("rides/")) for key in sorted(keys) if key.startswith("rides/")]
    return [
        (key, name)
        for key, name in found
        if name and not name.endswith("/")
        if not any(part.startswith((".", "_")) for part in name.split("/"))
        if asked.may_need(name, KEYS)
    ]


@given(st.lists(OBJECTS, unique=True), QUERIES)
def test_files_are_those_of_a_look_at_all_objects(keys: list[str], query: str) -> None:
    objects: SortedDict[Any] = SortedDict(dict.fromkeys(keys))
    asked = Conditions(query)

    assert list(find_files(objects, "rides/", asked, KEYS)) == look_at_all(keys, asked)


class Counted(SortedDict[Any]):
    """Counts the keys that it hands out."""

    told = 0

    def list_keys(self, begin: str, end: str | None, *, limit: int | None = None) -> list[str]:
        found = super().list_keys(begin, end, limit=limit)
        self.told += len(found)
        return found


def keys_looked_at(files: int) -> int:
    """When one of three days is asked for; the others hold so many files, and so does another table."""
    others = [f"{place}/{one}" for place in ("rides/day=1", "rides/day=3", "zones/day=2") for one in range(files)]
    objects = Counted(dict.fromkeys(["rides/day=2/a", "rides/day=2/b", *others]))
    found = list(find_files(objects, "rides/", Conditions("SELECT * FROM t WHERE day = '2'"), KEYS))
    assert [name for _, name in found] == ["day=2/a", "day=2/b"]
    return objects.told


def test_other_partitions_and_tables_are_not_looked_into() -> None:
    assert keys_looked_at(10) == keys_looked_at(100) == 5
