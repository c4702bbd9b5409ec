"""S3 as SageMaker uses it: what a job reads is laid out in folders, what it leaves is carried back."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from backports import tarfile
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from laptop_cloud.sagemaker.errors import JobFailedError
from laptop_cloud.sagemaker.scopes import act_as

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from laptop_cloud.sagemaker.scopes import Actor

_PARALLEL_DOWNLOADS = 8
_IN_ONE_THREAD = TransferConfig(use_threads=False)


class Storage:
    """S3 of the laptop cloud.

    Args:
        endpoint_url: of the cloud itself.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._clients: dict[Actor, S3Client] = {}
        self._lock = threading.Lock()

    def has_object(self, actor: Actor, uri: str) -> bool:
        """Whether an object is there."""
        bucket, key = split_uri(uri)
        try:
            self._client(actor).head_object(Bucket=bucket, Key=key)
        except ClientError:
            return False
        return True

    def fetch(self, actor: Actor, source: dict[str, Any], folder: Path, *, whole_keys: bool = False) -> None:
        """Copy what an input's `S3DataType` and `S3Uri` mean into a folder.

        Args:
            actor: of the job.
            source: the input's `S3DataSource` or `S3Input`.
            folder: of the channel.
            whole_keys: whether what a manifest names is laid out under its whole key. AWS documents no layout; both
                have been seen, so training jobs here get the one and processing jobs the other.

        Raises:
            JobFailedError: it is missing or malformed.
        """
        if source["S3DataType"] == "ManifestFile":
            self.fetch_manifest(actor, source["S3Uri"], folder, whole_keys=whole_keys)
        else:
            self.fetch_prefix(actor, source["S3Uri"], folder)

    def fetch_prefix(self, actor: Actor, uri: str, folder: Path) -> None:
        """Copy all objects under a prefix into a folder, as an input of type `S3Prefix` is laid out.

        Raises:
            JobFailedError: there are none.
        """
        bucket, prefix = split_uri(uri)
        keys = self._list_keys(actor, bucket, prefix)
        if not keys:
            raise JobFailedError(
                f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
                f"the bucket exists in the selected region ({actor.scope.region}), that objects exist under that S3 "
                f'prefix, and that the role "{actor.role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            )
        self._fetch(actor, bucket, {key: folder / _local_name(key, prefix) for key in keys}, folder)

    def fetch_manifest(self, actor: Actor, uri: str, folder: Path, *, whole_keys: bool = False) -> None:
        """Copy the objects that a manifest names into a folder, as an input of type `ManifestFile` is laid out.

        A manifest is `[{"prefix": "s3://bucket/path/"}, "relative/key", …]`; the relative keys become the paths, or
        the whole keys do. See
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html

        Raises:
            JobFailedError: the manifest or an object of it is missing or malformed.
        """
        bucket, key = split_uri(uri)
        try:
            manifest = json.loads(self._client(actor).get_object(Bucket=bucket, Key=key)["Body"].read())
            prefix, names = manifest[0]["prefix"], [str(name) for name in manifest[1:]]
        except (ClientError, ValueError, LookupError, TypeError) as error:
            raise JobFailedError(f"ClientError: Unable to read manifest file {uri}: {error}") from error
        if not names:
            raise JobFailedError(f"ClientError: Manifest file {uri} names no objects.")
        bucket, path = split_uri(prefix)
        self._fetch(
            actor, bucket, {path + name: folder / (path + name if whole_keys else name) for name in names}, folder
        )

    def fetch_archive(self, actor: Actor, uri: str, folder: Path) -> None:
        """Unpack a `.tar.gz` object into a folder.

        Raises:
            JobFailedError: it is missing or no such archive.
        """
        bucket, key = split_uri(uri)
        try:
            body = self._client(actor).get_object(Bucket=bucket, Key=key)["Body"]
            with tarfile.open(fileobj=body, mode="r|gz") as archive:
                archive.extractall(folder, filter="data")
        except ClientError as error:
            raise JobFailedError(f"ClientError: Could not find model data at {uri}.") from error
        except tarfile.TarError as error:
            raise JobFailedError(f"ClientError: Model data at {uri} is not a tar.gz archive: {error}") from error

    def store_archive(self, actor: Actor, folder: Path, uri: str) -> None:
        """Pack a folder's content into a `.tar.gz` object."""
        bucket, key = split_uri(uri)
        packed = folder.with_name(folder.name + ".tar.gz")
        with tarfile.open(packed, "w:gz", compresslevel=6) as archive:
            for entry in sorted(folder.iterdir()):
                archive.add(entry, arcname=entry.name)
        self._client(actor).upload_file(str(packed), bucket, key, Config=_IN_ONE_THREAD)
        packed.unlink()

    def store_folder(self, actor: Actor, folder: Path, uri: str, *, key: str = "") -> None:
        """Copy a folder's files under a prefix, encrypted with a key if one is named."""
        bucket, prefix = split_uri(uri)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = "/".join(part for part in (prefix.rstrip("/"), file.relative_to(folder).as_posix()) if part)
            self._client(actor).upload_file(str(file), bucket, name, ExtraArgs=_encryption(key), Config=_IN_ONE_THREAD)

    def store_bytes(self, actor: Actor, uri: str, content: bytes, *, key: str = "") -> None:
        """Write an object, encrypted with a key if one is named."""
        bucket, name = split_uri(uri)
        self._client(actor).put_object(Bucket=bucket, Key=name, Body=content, **_encryption(key))

    def _list_keys(self, actor: Actor, bucket: str, prefix: str) -> list[str]:
        pages = self._client(actor).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except ClientError:
            return []
        # A key that ends with a slash is a console's idea of a folder, not data.
        return [key for key in keys if not key.endswith("/")]

    def _fetch(self, actor: Actor, bucket: str, files: dict[str, Path], folder: Path) -> None:
        client = self._client(actor)

        def fetch(entry: tuple[str, Path]) -> None:
            key, path = entry
            if not path.resolve().is_relative_to(folder.resolve()):
                raise JobFailedError(f"ClientError: Data download failed: key {key} leads out of its channel.")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                client.download_file(bucket, key, str(path), Config=_IN_ONE_THREAD)
            except ClientError as error:
                reason = error.response["Error"]
                raise JobFailedError(
                    f"ClientError: Data download failed: {reason.get('Code')}: {reason.get('Message')} "
                    f"(s3://{bucket}/{key})"
                ) from error

        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            list(pool.map(fetch, files.items()))

    def _client(self, actor: Actor) -> S3Client:
        with self._lock:
            if actor not in self._clients:
                given = act_as(actor)
                self._clients[actor] = boto3.client(
                    "s3",
                    endpoint_url=self._endpoint_url,
                    region_name=given["AWS_REGION"],
                    aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
                    aws_session_token=given.get("AWS_SESSION_TOKEN"),
                    config=_CONFIG,
                )
            return self._clients[actor]


_CONFIG = Config(s3={"addressing_style": "path"}, max_pool_connections=2 * _PARALLEL_DOWNLOADS)


def _encryption(key: str) -> dict[str, Any]:
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/")


def _local_name(key: str, prefix: str) -> str:
    # `data/train` as prefix: data/train/a.csv is laid out as a.csv, data/train.csv as train.csv.
    rest = key[len(prefix) :]
    if rest and (prefix.endswith("/") or not prefix or rest.startswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]
