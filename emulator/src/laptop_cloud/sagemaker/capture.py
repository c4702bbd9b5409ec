"""Data capture: what an endpoint was asked and what its models answered, as JSON lines in S3.

Layout, keys and encodings:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
SageMaker holds captured data back for a while; here they are written every few seconds, and when an endpoint ends.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laptop_cloud.sagemaker.servers import Reply

_log = logging.getLogger(__name__)

FLUSH_S = 2.0
_VERSION = "0"
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"


@dataclass(frozen=True)
class CaptureSpec:
    """An endpoint configuration's `DataCaptureConfig`.

    Args:
        percentage: of the requests.
        destination: `s3://bucket/prefix`.
        modes: what is captured: `Input`, `Output`.
        encodings: of content types, in lower case; others are written in Base64.
        key: that objects are encrypted with, if any.
    """

    percentage: int
    destination: str
    modes: frozenset[str]
    encodings: Mapping[str, str]
    key: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self | None:
        """What a configuration asks for; None where it captures nothing."""
        given = config.get("DataCaptureConfig")
        if given is None or not given.get("EnableCapture", True):
            return None
        modes = {option["CaptureMode"] for option in given["CaptureOptions"]}
        headers = given.get("CaptureContentTypeHeader", {})
        encodings = {
            content_type.lower(): encoding
            for member, encoding in (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON"))
            for content_type in headers.get(member, ())
        }
        return cls(
            given["InitialSamplingPercentage"],
            given["DestinationS3Uri"].rstrip("/"),
            frozenset({"Input", "Output"} if "InputAndOutput" in modes else modes),
            encodings,
            given.get("KmsKeyId", ""),
        )

    def summary(self) -> dict[str, Any]:
        """As `DescribeEndpoint` shows it."""
        return {
            "EnableCapture": True,
            "CaptureStatus": "Started",
            "CurrentSamplingPercentage": self.percentage,
            "DestinationS3Uri": self.destination,
            "KmsKeyId": self.key,
        }


class Capture:
    """What is captured of one endpoint.

    Args:
        spec: what, and where to.
        endpoint_name: a folder's name.
        store: writes an object: its URI and content.
    """

    def __init__(self, spec: CaptureSpec, endpoint_name: str, store: Callable[[str, bytes], None]) -> None:
        self.spec = spec
        self._endpoint_name = endpoint_name
        self._store = store
        self._lines: dict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._write_now_and_then, name=f"capture-{endpoint_name}", daemon=True).start()

    def picks(self) -> bool:
        """Whether a request is captured: by chance, as often as is asked for."""
        return random.uniform(0, 100) < self.spec.percentage  # noqa: S311 -- no secret

    def add(self, variant: str, headers: Mapping[str, str], body: bytes, reply: Reply) -> None:
        """Keep one request, with the answer that a variant gave.

        Args:
            variant: that answered.
            headers: of the request, names in lower case.
            body: of the request.
            reply: of the model.
        """
        data = {}
        if "Input" in self.spec.modes:
            data["endpointInput"] = self._write("INPUT", headers.get("content-type", ""), body)
        if "Output" in self.spec.modes:
            answered = {name.lower(): value for name, value in reply.headers.items()}
            data["endpointOutput"] = self._write("OUTPUT", answered.get("content-type", ""), reply.body)
        asked = {"inferenceId": headers[_INFERENCE_ID]} if _INFERENCE_ID in headers else {}
        line = {
            "captureData": data,
            "eventMetadata": {
                "eventId": str(uuid.uuid4()),
                **asked,
                "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "eventVersion": _VERSION,
        }
        with self._lock:
            self._lines[variant].append(json.dumps(line))

    def close(self) -> None:
        """Write what is left."""
        self._closed.set()
        self.flush()

    def _write(self, mode: str, content_type: str, body: bytes) -> dict[str, str]:
        encoding = self.spec.encodings.get(content_type.split(";", maxsplit=1)[0].strip().lower(), "BASE64")
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}

    def _write_now_and_then(self) -> None:
        while not self._closed.wait(FLUSH_S):
            self.flush()

    def flush(self) -> None:
        """Write what waits, and return when nothing is being written any more."""
        with self._writing:
            self._write_all()

    def _write_all(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, defaultdict(list)
        now = datetime.now(UTC)
        for variant, captured in lines.items():
            folder = f"{self.spec.destination}/{self._endpoint_name}/{variant}/{now:%Y/%m/%d/%H}"
            name = f"{now:%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            try:
                self._store(f"{folder}/{name}", "".join(f"{line}\n" for line in captured).encode())
            except Exception:  # noqa: BLE001 -- capture never gets in the way of answers; what cannot be written is lost
                _log.exception("captured data of %s could not be written", self._endpoint_name)
