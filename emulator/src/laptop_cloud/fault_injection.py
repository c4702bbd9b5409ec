"""Faults on purpose: operations of SageMaker that fail now and then, as a file in the state directory says.

A file, because whoever tests a program against the cloud need not speak its protocol, and because a fault can be
written down before the program starts: `<state directory>/sagemaker/faults.json`. It is looked at before each call, so
it works from the next one on. A cloud begins without it.

    [{"code": "ThrottlingException", "message": "Rate exceeded", "every": 3, "operations": ["UpdateEndpoint"]}]
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(BaseModel):
    """Which calls fail, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(description="the error code that clients match on")
    message: str
    status: int = Field(default=400, ge=400, le=599, description="the HTTP status")
    every: int = Field(default=1, ge=1, description="3: the third, sixth, … of the calls that it is about")
    operations: tuple[str, ...] = Field(default=(), description="names such as UpdateEndpoint; none: every operation")


_FAULTS = TypeAdapter(tuple[Fault, ...])


class FaultFileError(Exception):
    """The file does not say what a file of faults may say."""


def inject_faults(state_dir: Path, faults: Sequence[Fault]) -> None:
    """Let calls fail from now on; with none, no longer.

    Args:
        state_dir: of the laptop cloud.
        faults: in the order in which they are tried; calls are counted for each from the beginning.
    """
    path = _name_file(state_dir / "sagemaker")
    if not faults:
        path.unlink(missing_ok=True)
        return
    # Whole or not at all: a call may come while it is being written.
    handle, written = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(_FAULTS.dump_json(tuple(faults), indent=1))
    Path(written).replace(path)


class InjectedFaults:
    """The faults of one cloud, and how often each was asked.

    Args:
        folder: of the cloud's SageMaker, in its state directory.
    """

    def __init__(self, folder: Path) -> None:
        self._path = _name_file(folder)
        self._lock = threading.Lock()
        self._version: tuple[int, int] | None = None
        self._faults: tuple[Fault, ...] = ()
        self._counts: list[int] = []

    def find(self, operation: str) -> Fault | None:
        """The fault that this call meets; it is counted.

        Raises:
            FaultFileError: the file is malformed.
        """
        with self._lock:
            self._look_again()
            for number, fault in enumerate(self._faults):
                if fault.operations and operation not in fault.operations:
                    continue
                self._counts[number] += 1
                if self._counts[number] % fault.every == 0:
                    return fault
        return None

    def _look_again(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._version, self._faults, self._counts = None, (), []
            return
        version = found.st_ino, found.st_mtime_ns
        if version == self._version:
            return
        try:
            self._faults = _FAULTS.validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise FaultFileError(f"{self._path}: {error}") from error
        self._version, self._counts = version, [0] * len(self._faults)


def _name_file(folder: Path) -> Path:
    return folder / "faults.json"
