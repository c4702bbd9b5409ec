"""Objects in S3: whole ones, and large ones read piece by piece."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, ObjectTypeDef

READ_AHEAD = 8 * 2**20
"""Bytes fetched at once when reading on: fewer round trips than Parquet's many small reads would make."""
_UNUSED_KEY = "teardown/asks-whether-it-may"
"""A key under which nothing lies."""
_MOST_DELETED = 1000
_CONFLICT_PAUSES_S = (0.1, 0.2, 0.4)
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""What a conditional write is answered where another one came first, goes on, or has deleted the object."""


class DeletionError(NoribaError):
    """S3 did not delete what it was asked to."""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    # Not as a URL is split: a key may hold `#` and `?`.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_uri(s3: S3Client, uri: str) -> bytes:
    """The latest version's content of `s3://bucket/key`."""
    bucket, key = split_uri(uri)
    return ObjectStore(s3, bucket).read(key)


class ObjectStore:
    """One bucket; two of one client are the same."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and (self._s3, self.bucket) == (other._s3, other.bucket)

    def __hash__(self) -> int:
        return hash((self._s3, self.bucket))

    def uri(self, key: str) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> bytes:
        """The latest version's content."""
        return self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def find(self, key: str) -> bytes | None:
        """The latest version's content; None when there is no such object.

        Without the right to list the bucket, what is not there is denied:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        found = self._find_tagged(key)
        return None if found is None else found[0]

    def _find_tagged(self, key: str) -> tuple[bytes, str] | None:
        """Content, and the tag that it has as long as nobody writes another."""
        try:
            answer = self._s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"NoSuchKey", "KeyTooLongError", "AccessDenied"}:
                raise
            return None
        return answer["Body"].read(), answer["ETag"]

    def open(self, key: str, *, version_id: str, size: int) -> ObjectFile:
        """One version as a file that fetches only what is read."""
        return ObjectFile(self._s3, self.bucket, key, version_id, size)

    def write(self, key: str, content: bytes, *, notes: Mapping[str, str] | None = None) -> str:
        """Write a version and return its id; notes stay with it, and are read without it."""
        return self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, Metadata=dict(notes or {}))["VersionId"]

    def read_notes(self, key: str) -> dict[str, str]:
        """The notes that an object was written with; their names are in lower case."""
        return self._s3.head_object(Bucket=self.bucket, Key=key)["Metadata"]

    def write_once(self, key: str, content: bytes) -> str:
        """Write an object named by its content, unless it is there; the version id that holds it either way.

        A retry, or the same rows landed again, thus leaves one version.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        try:
            return self._put_new(key, content)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return self._s3.head_object(Bucket=self.bucket, Key=key)["VersionId"]

    def renew(self, key: str, content: bytes, *, is_newer: Callable[[bytes], bool]) -> bool:
        """Write an object, unless what is there is newer; whether it was written.

        Looking and writing are one: where somebody else has written in between, what that is decides.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

        Args:
            key: of the object.
            content: to write.
            is_newer: whether the content that is there must stay.
        """
        for pause_s in _CONFLICT_PAUSES_S:
            try:
                return self._renew(key, content, is_newer)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _OVERTAKEN:
                    raise
                time.sleep(pause_s)
        return self._renew(key, content, is_newer)

    def _renew(self, key: str, content: bytes, is_newer: Callable[[bytes], bool]) -> bool:
        found = self._find_tagged(key)
        if found is not None and is_newer(found[0]):
            return False
        if found is None:
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")
        else:
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, IfMatch=found[1])
        return True

    def _put_new(self, key: str, content: bytes) -> str:
        """Put an object that is not there.

        A conflict does not say that it is: something else was being done with that key, a deletion perhaps. Then the
        upload is to be tried again.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
        """
        for pause_s in _CONFLICT_PAUSES_S:
            try:
                return self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")["VersionId"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalRequestConflict":
                    raise
                time.sleep(pause_s)
        return self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")["VersionId"]

    def has_versions(self, key: str) -> bool:
        """Whether there is, or was, an object of that key."""
        return any(True for _ in self._list_versions(key))

    def delete_version(self, key: str, version_id: str) -> None:
        """Delete one version of an object, for good; one that is gone is no error."""
        self._s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version_id)

    def delete_versions(self, key: str) -> int:
        """Delete every version of one object, for good; how many.

        Raises:
            DeletionError: S3 refused one of them.
        """
        versions = list(self._list_versions(key))
        for first in range(0, len(versions), _MOST_DELETED):
            self._delete([(key, version) for version in versions[first : first + _MOST_DELETED]])
        return len(versions)

    def see_that_it_may_be_emptied(self) -> None:
        """Ask to delete a version that nobody made: S3 deletes none, and refuses where it would refuse any.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

        Raises:
            DeletionError: S3 refuses.
        """
        self._delete([(_UNUSED_KEY, "null")])

    def empty(self) -> int:
        """Delete every version of every object, for good; how many.

        Raises:
            DeletionError: S3 refused one of them; what came before it is gone.
        """
        count = 0
        # From the start each time: a mark to go on from would be of a version that is gone.
        while versions := next(self._list_version_pages(""), []):
            self._delete(versions)
            count += len(versions)
        return count

    def _delete(self, versions: list[tuple[str, str]]) -> None:
        """Delete versions, each a key and an id; an answer of 200 may hold refusals.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key, "VersionId": version} for key, version in versions]
        answer = self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise DeletionError(f"{self.uri(first.get('Key', ''))}: {first.get('Code')}: {first.get('Message')}")

    def _list_versions(self, key: str) -> Iterator[str]:
        for page in self._list_version_pages(key):
            yield from (version for found, version in page if found == key)

    def _list_version_pages(self, prefix: str) -> Iterator[list[tuple[str, str]]]:
        """Keys under a prefix with the ids of their versions, a thousand at a time at most."""
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            found = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
            yield [(one["Key"], one["VersionId"]) for one in found]

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys under a prefix, in order; those that follow another one, which need not be there."""
        return (found["Key"] for found in self._list(prefix, after))

    def list_written(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """Keys likewise, and when each was written last."""
        return ((found["Key"], found["LastModified"]) for found in self._list(prefix, after))

    def list_marked(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, str]]:
        """Keys likewise, and a mark that each bears until it is written again.

        The tag alone is of the content, where that is not encrypted with a key of ours, and says nothing of notes.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
        """
        return (
            (found["Key"], f"{found['ETag']} {found['LastModified'].isoformat()}")
            for found in self._list(prefix, after)
        )

    def _list(self, prefix: str, after: str) -> Iterator[ObjectTypeDef]:
        lister = self._s3.get_paginator("list_objects_v2")
        where = {"Bucket": self.bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
        for page in lister.paginate(**where):  # type: ignore[arg-type]  # plain strings
            yield from page.get("Contents", [])

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Names of what stands for folders right under a prefix, in order."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            for found in page.get("CommonPrefixes", []):
                yield found["Prefix"].removeprefix(prefix).rstrip("/")


class ObjectFile(io.RawIOBase):
    """A version of an object as a seekable file; reads ahead, and keeps the last stretch."""

    def __init__(self, s3: S3Client, bucket: str, key: str, version_id: str, size: int) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket, self._key, self._version_id = bucket, key, version_id
        self._size = size
        self._position = 0
        self._stretch_start, self._stretch = 0, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes from here; all that follows when negative or None."""
        rest = self._size - self._position
        wanted = rest if size is None or size < 0 else min(size, rest)
        if wanted <= 0:
            return b""
        start = self._position - self._stretch_start
        if start < 0 or start + wanted > len(self._stretch):
            self._fetch(self._position, max(wanted, min(READ_AHEAD, rest)))
            start = 0
        self._position += wanted
        return self._stretch[start : start + wanted]

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        """Fill a buffer; the number of bytes read."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _fetch(self, start: int, length: int) -> None:
        answer = self._s3.get_object(
            Bucket=self._bucket,
            Key=self._key,
            VersionId=self._version_id,
            Range=f"bytes={start}-{start + length - 1}",
        )
        self._stretch_start, self._stretch = start, answer["Body"].read()
