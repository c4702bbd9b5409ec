"""What all parts of the laptop's SageMaker share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker.errors import UnsupportedError
from laptop_cloud.sagemaker.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laptop_cloud.sagemaker.host import Host
    from laptop_cloud.sagemaker.images import Images
    from laptop_cloud.sagemaker.scopes import Scope
    from laptop_cloud.sagemaker.storage import Storage


@dataclass(frozen=True)
class Platform:
    """Where programs run, where images and objects are found, and what is remembered.

    Args:
        host: starts programs.
        images: finds container folders.
        storage: S3.
    """

    host: Host
    images: Images
    storage: Storage
    _records: dict[Scope, Records] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def records(self, scope: Scope) -> Records:
        """The records of an account and region."""
        with self._lock:
            if scope not in self._records:
                self._records[scope] = Records(scope)
            return self._records[scope]


def refuse(operation: str, params: dict[str, Any], members: Iterable[str]) -> None:
    """Refuse a request that asks for what the laptop cloud does not do.

    Args:
        operation: for the message.
        params: the request.
        members: of the request, or of a structure in it (`DataCaptureConfig.EnableCapture`), that must be absent, empty
            or false.

    Raises:
        UnsupportedError: one is not; the message names it.
    """
    for path in members:
        value: Any = params
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value:
            raise UnsupportedError(f"The laptop cloud does not support {path} of sagemaker:{operation}.")
