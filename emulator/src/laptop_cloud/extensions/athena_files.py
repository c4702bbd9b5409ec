"""A query finds the files of its tables beside the requests, and what an earlier one read is not copied again.

MiniStack copies all objects below a table's location for each query, in the server's loop, and removes the copies:
every request waits for that, and a table of some months costs seconds an hour. Here a copy of each object is kept
under its own name for all queries; what is written over or deleted stays for those that have begun. And a query gets
the files of the partitions that it asks for, as on Athena, and other folders are not looked into: DuckDB opens all that
it is given, and a table of some months has many.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from contextvars import ContextVar
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlparse

from laptop_cloud.extensions.athena_buckets import Bucket
from laptop_cloud.extensions.athena_partitions import Conditions
from laptop_cloud.extensions.s3_listings import find_objects, find_rows
from laptop_cloud.ministack_seams import Seam, current_account, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from laptop_cloud.ministack_seams import Function
    from laptop_cloud.sorted_dict import SortedDict


class Copy(NamedTuple):
    """What an object held."""

    etag: str
    path: Path


def install() -> None:
    """Close the gap."""
    copies = Copies(Path(tempfile.mkdtemp(prefix="athena-")))
    wrap(Seam.FIND_TABLES, _beside_requests)
    wrap(Seam.FIND_FILES, lambda _find: copies.find)


_asked: ContextVar[Conditions] = ContextVar("asked")
"""What the query asks whose tables are being found."""


def _beside_requests(find: Function) -> Function:
    def find_at_once(query: str, *args: Any, **kwargs: Any) -> Any:
        _asked.set(Conditions(query))
        return asyncio.run(find(query, *args, **kwargs))

    async def find_tables(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(find_at_once, *args, **kwargs)

    return find_tables


class Copies:
    """What tables hold, a file for each object.

    Args:
        folder: for the copies, and for a mark of each query that runs.
    """

    def __init__(self, folder: Path) -> None:
        self._kept, self._running = folder / "kept", folder / "queries"
        self._kept.mkdir()
        self._running.mkdir()
        self._numbers = count()
        self._by_table: dict[tuple[str, str], dict[str, Copy]] = {}
        """By account and location, and by key: copies of what a table holds, as far as it was asked for."""
        self._leaving: list[tuple[list[Path], set[str]]] = []
        """Copies that no table holds any more, and the queries that may read them still."""
        self._lock = threading.Lock()

    def find(self, location: str, folders: list[str]) -> list[str]:
        """The files of a table for one query, which end as their objects' names below its location do.

        Args:
            location: of the table, `s3://bucket/prefix`.
            folders: gets the query's mark; whoever asks removes it in the end.

        Raises:
            PermissionError: who asks may not read there.
        """
        place = urlparse(location)
        prefix = f"{place.path.strip('/')}/".lstrip("/")
        bucket = Bucket(place.netloc)
        bucket.check_listing(prefix)
        with bucket.where_it_is():
            objects = find_objects(place.netloc)
        names = dict(find_files(objects, prefix, _asked.get(), _find_partition_keys(location)))
        bucket.check_reading(names)
        table = current_account(), location
        with self._lock, bucket.where_it_is():
            held = self._by_table.setdefault(table, {})
            etags = {key: one["etag"] for key in names if (one := objects.get(key))}
            gone = [key for key, copy in held.items() if key not in objects or etags.get(key, copy.etag) != copy.etag]
            self._forget([held.pop(key).path for key in gone])
            for key in etags.keys() - held.keys():
                if path := self._copy(place.netloc, key, names[key]):
                    held[key] = Copy(etags[key], path)
            found = [str(held[key].path) for key in etags if key in held]
            if found:
                folders.append(tempfile.mkdtemp(dir=self._running))
        return found

    def _copy(self, bucket: str, key: str, name: str) -> Path | None:
        """A new copy of what an object holds; None where it is gone meanwhile."""
        content: bytes | None = reach(Seam.READ_OBJECT)(bucket, key)
        if content is None:
            return None
        path = self._kept / str(next(self._numbers)) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    def _forget(self, copies: list[Path]) -> None:
        """Remove what nobody reads any more, these as soon as the queries that run now have ended."""
        running = {path.name for path in self._running.iterdir()}
        if copies:
            self._leaving.append((copies, running))
        for gone in [one for one in self._leaving if not one[1] & running]:
            self._leaving.remove(gone)
            for path in gone[0]:
                shutil.rmtree(self._kept / path.relative_to(self._kept).parts[0], ignore_errors=True)


def _find_partition_keys(location: str) -> set[str]:
    """What the table at a location declares; of several tables there, what all of them do."""
    tables = [table for table in list(reach(Seam.TABLES).values()) if _lies_at(table, location)]
    declared = [{key["Name"] for key in table.get("PartitionKeys") or ()} for table in tables]
    return set.intersection(*declared) if declared else set()


def _lies_at(table: dict[str, Any], location: str) -> bool:
    return bool((table.get("StorageDescriptor") or {}).get("Location") == location)


def find_files(
    objects: SortedDict[dict[str, Any]], prefix: str, asked: Conditions, keys: Collection[str], *, folder: str = ""
) -> Iterator[tuple[str, str]]:
    """The key of each object that a query would read, and its name below the prefix, in order of the names.

    Athena leaves out what begins with a dot or an underscore:
    https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html

    Args:
        objects: of the bucket, by key.
        prefix: of the table.
        asked: what the query asks of the table's partitions.
        keys: the partition keys that the table declares.
        folder: below the prefix, the one that is looked into.
    """
    here = f"{prefix}{folder}"
    for key in find_rows(objects, here, "/", "", limit=sys.maxsize):
        name, slash, _ = key.removeprefix(here).partition("/")
        inner = f"{folder}{name}{slash}"
        if name.startswith((".", "_")):
            continue
        if not slash and name:
            yield key, inner
        elif slash and asked.may_need(inner, keys):
            yield from find_files(objects, prefix, asked, keys, folder=inner)
