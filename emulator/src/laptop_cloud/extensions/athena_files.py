"""A query finds the files of its tables beside the requests, and what an earlier one read is not copied again.

MiniStack copies all objects below a table's location for each query, in the server's loop: every request waits for
that, and a table of some months costs seconds an hour. Here a copy of each content is kept, and a query reads links of
its own to them: what is written over or deleted meanwhile stays as it was for those that have begun.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from laptop_cloud.ministack_seams import Seam, current_account, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from laptop_cloud.ministack_seams import Function


def install() -> None:
    """Close the gap."""
    copies = Copies(Path(tempfile.mkdtemp(prefix="athena-")))
    wrap(Seam.FIND_TABLES, _beside_requests)
    wrap(Seam.FIND_FILES, lambda _find: copies.link)


def _beside_requests(find: Function) -> Function:
    async def find_tables(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(lambda: asyncio.run(find(*args, **kwargs)))

    return find_tables


class Copies:
    """What tables hold, a file for each content.

    Args:
        folder: for the copies, and for the links of the queries that run.
    """

    def __init__(self, folder: Path) -> None:
        self._kept, self._links = folder / "kept", folder / "queries"
        self._kept.mkdir()
        self._links.mkdir()
        self._by_table: dict[tuple[str, str], set[str]] = {}
        """By account and location, what a table held when it was last asked."""
        self._lock = threading.Lock()

    def link(self, location: str, folders: list[str]) -> list[str]:
        """The files of a table for one query, named as their objects are below its location.

        Args:
            location: of the table, `s3://bucket/prefix`.
            folders: gets the folder of the links; whoever asks removes it in the end.
        """
        place = urlparse(location)
        prefix = place.path.strip("/")
        objects = dict(_list_objects(place.netloc, f"{prefix}/" if prefix else ""))
        if not objects:
            return []
        root = Path(tempfile.mkdtemp(dir=self._links))
        folders.append(str(root))
        with self._lock:
            files = [str(path) for name, found in objects.items() if (path := self._link(root / name, *found))]
            self._forget((current_account(), location), objects)
        return files

    def _link(self, path: Path, bucket: str, key: str, etag: str) -> Path | None:
        """A link to what an object holds; None where it is gone meanwhile."""
        copy = self._kept / etag
        if not copy.exists():
            content: bytes | None = reach(Seam.READ_OBJECT)(bucket, key)
            if content is None:
                return None
            copy.write_bytes(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(copy, path)
        return path

    def _forget(self, table: tuple[str, str], objects: Mapping[str, tuple[str, str, str]]) -> None:
        """Remove copies that no table holds any more."""
        now = {etag for _bucket, _key, etag in objects.values()}
        before = self._by_table.get(table, set())
        self._by_table[table] = now
        for etag in before - set().union(*self._by_table.values()):
            (self._kept / etag).unlink(missing_ok=True)


def _list_objects(bucket: str, prefix: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Name below the prefix, and bucket, key and ETag of each object that Athena would read, in order of the names.

    Athena leaves out what begins with a dot or an underscore:
    https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html
    """
    found = reach(Seam.BUCKETS).get(bucket)
    for key, one in sorted((found or {"objects": {}})["objects"].copy().items()):
        name = key.removeprefix(prefix)
        if not key.startswith(prefix) or not name or name.endswith("/"):
            continue
        if not any(part.startswith((".", "_")) for part in name.split("/")):
            yield name, (bucket, key, one["etag"].strip('"'))
