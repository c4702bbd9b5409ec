"""How a batch transform job cuts objects into the requests that it sends.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from laptop_cloud.sagemaker.errors import UnsupportedError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MB = 1024 * 1024
_MOST_MB = 100
_DEFAULTS: dict[str, Any] = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6, "BatchStrategy": "MultiRecord"}
_STRATEGIES = {"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}
"""As containers and their environment spell them."""


class BadObjectError(Exception):
    """Why an object cannot be cut into requests."""


@dataclass(frozen=True)
class BatchSettings:
    """How large requests are, and how many are under way.

    Args:
        concurrent: requests at a time.
        payload_mb: of one request, at most.
        strategy: `MultiRecord` or `SingleRecord`.
    """

    concurrent: int
    payload_mb: int
    strategy: str

    @classmethod
    def of(cls, request: Mapping[str, Any], wishes: Mapping[str, Any]) -> Self:
        """What a request says, else the container's execution parameters, else SageMaker's defaults.

        Args:
            request: of the job.
            wishes: the container's.
        """
        spelt = {**wishes, "BatchStrategy": _STRATEGIES.get(wishes.get("BatchStrategy", ""))}
        concurrent, payload_mb, strategy = (
            request.get(name) or spelt.get(name) or default for name, default in _DEFAULTS.items()
        )
        return cls(int(concurrent), int(payload_mb), strategy)

    @staticmethod
    def check(request: Mapping[str, Any]) -> None:
        """Refuse limits that SageMaker refuses, and ways of cutting that the laptop cloud has not."""
        split = request["TransformInput"].get("SplitType", "None")
        if split not in {"None", "Line"}:
            raise UnsupportedError(f"The laptop cloud has no SplitType {split}; it has None and Line.")
        payload_mb = request.get("MaxPayloadInMB", _DEFAULTS["MaxPayloadInMB"])
        if payload_mb == 0:
            raise UnsupportedError("The laptop cloud sends no chunked requests: MaxPayloadInMB must not be 0.")
        if payload_mb * max(1, request.get("MaxConcurrentTransforms", 1)) > _MOST_MB:
            raise ValidationError(
                f"MaxPayloadInMB, and MaxConcurrentTransforms * MaxPayloadInMB, cannot exceed {_MOST_MB} MB."
            )

    @staticmethod
    def environment(request: Mapping[str, Any]) -> dict[str, str]:
        """What a container is told; of the settings, those alone that the request names.

        https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
        """
        told = {"SAGEMAKER_BATCH": "true"}
        if payload_mb := request.get("MaxPayloadInMB"):
            told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(payload_mb)
        if concurrent := request.get("MaxConcurrentTransforms"):
            told["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(concurrent)
        if strategy := request.get("BatchStrategy"):
            told["SAGEMAKER_BATCH_STRATEGY"] = _spell(strategy)
        return told

    def describe(self) -> str:
        """As SageMaker begins a job's data log."""
        return (
            f"MaxConcurrentTransforms={self.concurrent}, MaxPayloadInMB={self.payload_mb}, "
            f"BatchStrategy={_spell(self.strategy)}"
        )


def read_batches(file: Path, given: Mapping[str, Any], settings: BatchSettings) -> list[bytes]:
    """The bodies of the requests that an object becomes.

    Args:
        file: the object.
        given: the job's `TransformInput`.
        settings: of the job.

    Raises:
        BadObjectError: a record is larger than a request may be, or the object is not what the job says.
    """
    content = file.read_bytes()
    if given.get("CompressionType", "None") == "Gzip":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise BadObjectError(f"not compressed with gzip: {error}") from error
    records = [content] if given.get("SplitType", "None") == "None" else _lines(content)
    limit = settings.payload_mb * _MB
    if any(len(record) > limit for record in records):
        raise BadObjectError("too much data for max payload size")
    return records if settings.strategy == "SingleRecord" else list(_fill(records, limit))


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    # A newline ends the last record; it does not begin another.
    return lines[:-1] if not lines[-1] else lines


def _fill(records: list[bytes], limit: int) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for record in records:
        if batch and size + len(record) + 1 > limit:
            yield b"\n".join(batch)
            batch, size = [], 0
        size += len(record) + bool(batch)
        batch.append(record)
    if batch:
        yield b"\n".join(batch)


def _spell(strategy: str) -> str:
    return next(spelt for spelt, name in _STRATEGIES.items() if name == strategy)
