"""A page of a listing costs what it shows, however many objects the bucket holds elsewhere.

MiniStack goes through all keys of a bucket and sorts what lies below the prefix, for each page. Here a bucket knows
its keys in order, and MiniStack's own function is given those that this page is made of: one for each of its rows.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, complete_records, reach, wrap
from laptop_cloud.sorted_dict import SortedDict, after, after_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laptop_cloud.ministack_seams import Function

Json = dict[str, Any]


def install() -> None:
    """Close the gap."""
    complete_records(Seam.BUCKETS, _sort_objects)
    wrap(Seam.LIST_ENTRIES, list_in_order)


def find_objects(bucket: str) -> SortedDict[Json]:
    """What a bucket holds; nothing where there is no such bucket."""
    record = reach(Seam.BUCKETS).get(bucket)
    return SortedDict() if record is None else record["objects"]


def list_in_order(collect: Function) -> Function:
    """Let MiniStack make a page of the keys that it needs for it."""

    def collect_page(objects: SortedDict[Json], prefix: str, delimiter: str, max_keys: int, start_after: str) -> Any:
        # One more than the page holds tells that it is not the last.
        keys = find_rows(objects, prefix, delimiter, start_after, limit=max(max_keys, 0) + 1)
        return collect(dict.fromkeys(keys), prefix, delimiter, max_keys, start_after)

    return collect_page


def find_rows(objects: SortedDict[Json], prefix: str, delimiter: str, start_after: str, *, limit: int) -> Sequence[str]:
    """The first key of each row of a listing, in order: of those that share all up to a delimiter, and others alone.

    Args:
        objects: of the bucket, by key.
        prefix: of all keys.
        delimiter: searched behind the prefix; none where it is empty.
        start_after: the last row of an earlier page, or what the caller named; none where it is empty.
        limit: how many rows at most.
    """
    begin, end = _skip(start_after, prefix, delimiter) if start_after else prefix, after_prefix(prefix)
    rows: list[str] = []
    while begin is not None and len(rows) < limit:
        found = objects.list_keys(max(begin, prefix), end, limit=1 if delimiter else limit)
        if not delimiter or not found:
            return rows + found
        rows += found
        begin = _skip(found[0], prefix, delimiter)
    return rows


def _skip(key: str, prefix: str, delimiter: str) -> str | None:
    """The least key that may stand in a row behind this one; None where none can."""
    at = key.find(delimiter, len(prefix)) if delimiter and key.startswith(prefix) else -1
    return after(key) if at < 0 else after_prefix(key[: at + len(delimiter)])


def _sort_objects(bucket: Json) -> None:
    bucket["objects"] = SortedDict(bucket["objects"])
