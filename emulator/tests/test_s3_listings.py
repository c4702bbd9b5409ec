"""A page of a listing is MiniStack's own, and is made without a look at the rest of the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.tests.conftest import deploy
from laptop_cloud.extensions.s3_listings import find_rows, list_in_order
from laptop_cloud.ministack_seams import Seam, reach
from laptop_cloud.sorted_dict import SortedDict

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients

KEYS = st.text("ab/\U0010ffff", min_size=1, max_size=6)
PREFIXES = st.text("ab/\U0010ffff", max_size=3)
DELIMITERS = st.sampled_from(["", "/", "a", "b/", "\U0010ffff"])


def pages(collect: Any, objects: dict[str, Any], prefix: str, delimiter: str, size: int, start: str) -> list[Any]:
    """All pages of a listing, each begun where the one before it ended."""
    told = []
    while True:
        page = collect(objects, prefix, delimiter, size, start)
        told.append(page)
        if not page[2] or not page[3]:
            return told
        start = page[3]


@settings(max_examples=300)
@example({"a", "aa", "ab", "b1", "b2", "b3"}, set(), "b", "", 2, "a")
@given(st.sets(KEYS, max_size=60), st.sets(KEYS), PREFIXES, DELIMITERS, st.integers(-1, 8), st.just("") | KEYS)
def test_pages_are_those_of_a_look_at_all_keys(
    keys: set[str], gone: set[str], prefix: str, delimiter: str, size: int, start: str
) -> None:
    collect = reach(Seam.LIST_ENTRIES)
    objects: SortedDict[Any] = SortedDict()
    for key in keys | gone:
        objects[key] = {}
    for key in gone:
        del objects[key]
    plain: dict[str, Any] = {key: {} for key in keys - gone}

    listed = pages(list_in_order(collect), objects, prefix, delimiter, size, start)

    assert listed == pages(collect, plain, prefix, delimiter, size, start)


class Counted(SortedDict[Any]):
    """Counts the keys that it hands out."""

    told = 0

    def list_keys(self, begin: str, end: str | None, *, limit: int | None = None) -> list[str]:
        found = super().list_keys(begin, end, limit=limit)
        self.told += len(found)
        return found


def keys_looked_at(keys: list[str], prefix: str, delimiter: str = "", *, limit: int = 1001) -> int:
    objects = Counted(dict.fromkeys(keys))
    find_rows(objects, prefix, delimiter, "", limit=limit)
    return objects.told


def test_what_lies_elsewhere_is_not_looked_at() -> None:
    asked = [f"rides/day={day:02}" for day in range(20)]

    for others in (100, 1000):
        assert keys_looked_at([*asked, *(f"{place}/{one}" for place in "az" for one in range(others))], "rides/") == 20


def test_a_folder_is_one_key_whatever_it_holds_and_a_page_no_more_than_it_shows() -> None:
    for size in (10, 100):
        keys = [f"{folder}/{one}" for folder in "abc" for one in range(size)]
        assert keys_looked_at(keys, "", "/") == 3
        assert keys_looked_at(keys, "", limit=5) == 5


def test_buckets_of_templates_and_of_calls_are_listed(client: Clients, name: str) -> None:
    made = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{name}-t"}}
    deploy(client, name, {"Resources": {"Bucket": made}})
    s3 = client("s3")
    s3.create_bucket(Bucket=f"{name}-c")
    for bucket in (f"{name}-t", f"{name}-c"):
        for key in ("a/1", "a/2", "b", "a/3", "c/1"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
        s3.delete_object(Bucket=bucket, Key="a/2")
        listing = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}
        )
        told = [(page.get("Contents", []), page.get("CommonPrefixes", [])) for page in listing]
        assert [[one["Key"] for one in alone] for alone, _ in told] == [["b"], []]
        assert [folders for _, folders in told] == [[{"Prefix": "a/"}], [{"Prefix": "c/"}]]
        found = s3.list_objects(Bucket=bucket, Prefix="a/", MaxKeys=1)
        assert [one["Key"] for one in found["Contents"]] == ["a/1"]
        assert found["IsTruncated"]
        assert [one["Key"] for one in s3.list_objects(Bucket=bucket, Marker="a/1", Prefix="a/")["Contents"]] == ["a/3"]
