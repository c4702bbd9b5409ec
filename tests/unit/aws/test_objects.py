"""Objects in S3: pinned by version, written once, and read piece by piece as if they were files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from noriba.aws.objects import READ_AHEAD, DeletionError, ObjectFile, ObjectStore, split_uri
from tests.unit.aws.conftest import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from noriba.aws.clients import Clients

SIZE = 3_000
CONTENT = bytes(number * 97 % 251 for number in range(SIZE))


def open_object(store: ObjectStore, content: bytes) -> ObjectFile:
    version_id = store.write("some/key", content)
    return store.open("some/key", version_id=version_id, size=len(content))


# --- whole objects ---------------------------------------------------------------------------------------------------


def test_the_latest_version_is_read_and_each_version_can_be_opened(store: ObjectStore) -> None:
    first, second = store.write("key", b"first"), store.write("key", b"the second")

    assert store.read("key") == b"the second"
    assert store.open("key", version_id=first, size=5).read() == b"first"
    assert store.open("key", version_id=second, size=10).read() == b"the second"


def test_what_is_written_once_keeps_its_first_version(store: ObjectStore) -> None:
    first = store.write_once("parts/abc", b"content")

    assert store.write_once("parts/abc", b"content") == first
    assert store.write_once("parts/def", b"content") != first


class Contended:
    """S3 where something else is being done with every key that is written, a number of times."""

    def __init__(self, s3: S3Client, times: int) -> None:
        self._s3 = s3
        self._times = times

    def put_object(self, **request: Any) -> Any:
        if self._times:
            self._times -= 1
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": "Try again."}}, "PutObject")
        return self._s3.put_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


def contended(clients: Clients, store: ObjectStore, times: int) -> ObjectStore:
    return ObjectStore(cast("S3Client", Contended(clients.s3, times)), store.bucket)


def test_a_conflict_does_not_say_that_an_object_is_there(clients: Clients, store: ObjectStore) -> None:
    version = contended(clients, store, 3).write_once("parts/abc", b"content")

    assert store.open("parts/abc", version_id=version, size=7).read() == b"content"


def test_a_conflict_that_does_not_pass_is_told(clients: Clients, store: ObjectStore) -> None:
    store.write("parts/abc", b"other content")

    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        contended(clients, store, 100).write_once("parts/abc", b"content")


class Overtaken:
    """S3 where somebody else writes right after one has looked."""

    def __init__(self, s3: S3Client, contents: list[bytes]) -> None:
        self._s3 = s3
        self._contents = contents

    def put_object(self, **request: Any) -> Any:
        return self._s3.put_object(**request)

    def get_object(self, **request: Any) -> Any:
        try:
            return self._s3.get_object(**request)
        finally:
            if self._contents:
                self._s3.put_object(**request, Body=self._contents.pop(0))


@pytest.mark.parametrize("before", [b"0", None])
@pytest.mark.parametrize(("between", "after"), [([b"1"], b"5"), ([b"7"], b"7"), ([b"1", b"2"], b"5"), ([], b"5")])
def test_what_is_newer_is_never_written_over(
    clients: Clients, store: ObjectStore, before: bytes | None, between: list[bytes], after: bytes
) -> None:
    if before is not None:
        store.write("latest", before)
    overtaken = ObjectStore(cast("S3Client", Overtaken(clients.s3, list(between))), store.bucket)

    written = overtaken.renew("latest", b"5", is_newer=lambda content: content > b"5")

    assert store.read("latest") == after
    assert written == (after == b"5")


def test_a_bucket_that_is_not_there_is_an_error_and_not_a_version(clients: Clients) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        ObjectStore(clients.s3, "nowhere").write_once("key", b"")


class Refusing:
    """S3 that deletes all but one key, and says so within an answer of 200."""

    def __init__(self, s3: S3Client, kept: str) -> None:
        self._s3 = s3
        self._kept = kept

    def delete_objects(self, **request: Any) -> Any:
        objects = request["Delete"]["Objects"]
        refused = [one for one in objects if one["Key"] == self._kept]
        if allowed := [one for one in objects if one not in refused]:
            self._s3.delete_objects(Bucket=request["Bucket"], Delete={"Objects": allowed, "Quiet": True})
        return {"Errors": [{**one, "Code": "AccessDenied", "Message": "Object Lock"} for one in refused]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


def test_emptied_of_every_version_and_delete_marker(
    clients: Clients, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(5):
        store.write(f"parts/{number}", b"first")
        store.write(f"parts/{number}", b"second")
    clients.s3.delete_object(Bucket=store.bucket, Key="parts/0")

    assert store.empty() == 11
    assert not any(store.has_versions(f"parts/{number}") for number in range(5))
    assert store.empty() == 0


def test_what_s3_refuses_to_delete_is_told(clients: Clients, store: ObjectStore) -> None:
    for key in ("a", "locked", "z"):
        store.write(key, b"")
    refusing = ObjectStore(cast("S3Client", Refusing(clients.s3, "locked")), store.bucket)

    with pytest.raises(DeletionError, match=f"s3://{store.bucket}/locked: AccessDenied: Object Lock"):
        refusing.empty()
    with pytest.raises(DeletionError, match="locked"):
        refusing.delete_versions("locked")
    assert store.has_versions("locked")


def test_keys_are_listed_under_a_prefix_in_order_and_beyond_one_page(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(10):
        store.write(f"chunks/{number:05d}", b"")
    store.write("chunk-of-another", b"")

    keys = list(store.list_keys("chunks/"))

    assert keys == [f"chunks/{number:05d}" for number in range(10)]


@pytest.mark.parametrize("key", ["a", "a/b/c.parquet", "taxi_eta/é 1+1#2?.csv"])
def test_uris_lead_back_to_bucket_and_key(store: ObjectStore, key: str) -> None:
    assert split_uri(store.uri(key)) == (store.bucket, key)


# --- files -----------------------------------------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(st.just("seek"), st.integers(0, SIZE + 50), st.just(io.SEEK_SET)),
    st.tuples(st.just("seek"), st.integers(-SIZE, 50), st.just(io.SEEK_END)),
    st.tuples(st.just("seek"), st.integers(0, SIZE), st.just(io.SEEK_CUR)),
    st.tuples(st.just("read"), st.integers(-1, SIZE + 50) | st.none()),
    st.tuples(st.just("readinto"), st.integers(0, 400)),
    st.tuples(st.just("readline")),
    st.tuples(st.just("tell")),
)


@pytest.fixture(scope="module")
def opened(clients: Clients) -> ObjectFile:
    clients.s3.create_bucket(Bucket="opened", CreateBucketConfiguration={"LocationConstraint": REGION})
    clients.s3.put_bucket_versioning(Bucket="opened", VersioningConfiguration={"Status": "Enabled"})
    return open_object(ObjectStore(clients.s3, "opened"), CONTENT)


def take(file: Any, step: tuple[Any, ...]) -> Any:
    name, *arguments = step
    if name == "readinto":
        buffer = bytearray(arguments[0])
        return file.readinto(buffer), bytes(buffer)
    return getattr(file, name)(*arguments)


@given(st.lists(STEP, max_size=12))
def test_an_object_reads_like_a_file_of_its_bytes(opened: ObjectFile, steps: list[tuple[Any, ...]]) -> None:
    expected = io.BytesIO(CONTENT)
    opened.seek(0)

    for step in steps:
        assert take(opened, step) == take(expected, step), step


def test_a_parquet_object_is_read_by_its_pieces(store: ObjectStore) -> None:
    sink = io.BytesIO()
    table = pa.table({"a": list(range(5_000))})
    pa.parquet.write_table(table, sink, row_group_size=1_000)

    file = pa.parquet.ParquetFile(open_object(store, sink.getvalue()))

    assert file.read_row_groups([3, 1])["a"].to_pylist() == [*range(3_000, 4_000), *range(1_000, 2_000)]


def test_to_ask_whether_a_bucket_may_be_emptied_changes_nothing(store: ObjectStore) -> None:
    """No mark of a deletion either: a listing would be as long again for it."""
    store.write("key", b"first")

    store.see_that_it_may_be_emptied()

    assert store.read("key") == b"first"
    assert store.empty() == 1


def test_an_empty_object_is_an_empty_file(store: ObjectStore) -> None:
    assert open_object(store, b"").read() == b""


def test_the_version_that_was_announced_is_read_even_when_a_newer_one_has_landed(store: ObjectStore) -> None:
    file = open_object(store, b"announced")
    store.write("some/key", b"newer and longer")

    assert file.read() == b"announced"


def test_small_reads_cost_few_requests_and_large_objects_are_not_fetched_whole(
    store: ObjectStore, clients: Clients
) -> None:
    content = bytes(READ_AHEAD) + CONTENT
    file = open_object(store, content)
    ranges: list[str] = []
    clients.s3.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_: ranges.append(params["Range"])
    )

    pieces = [file.read(1_000) for _ in range(100)]
    file.seek(-SIZE, io.SEEK_END)
    end = file.read(SIZE)

    assert pieces == [bytes(1_000)] * 100
    assert end == CONTENT
    assert ranges == [f"bytes=0-{READ_AHEAD - 1}", f"bytes={READ_AHEAD}-{len(content) - 1}"]
