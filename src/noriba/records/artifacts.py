"""model.tar.gz: what SageMaker makes of the bundle that a training job left, and what others read out of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from noriba.errors import CorruptBundleError
from noriba.features import Column, as_column

GOLDEN_FILE = "golden.json"
FEATURES_FILE = "features.json"
FEATURES_PREFIX = "features/"
"""Where the definitions of every registered model are kept in the models bucket, by fingerprint."""


class GoldenRecord(BaseModel):
    """golden.json: input columns by name, and the answers that training gave. JSON has no NaN: unknown is null."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, list[float | None]]
    answers: dict[str, list[float]]

    def columns(self) -> dict[str, Column]:
        """The input columns."""
        return {name: as_column([np.nan if v is None else v for v in values]) for name, values in self.inputs.items()}


class ModelArtifact:
    """The content of a model.tar.gz."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def sha256(self) -> str:
        """What names this very artifact."""
        return hashlib.sha256(self._content).hexdigest()

    def read(self, name: str) -> bytes:
        """One file of the bundle.

        Raises:
            CorruptBundleError: there is no such file; the message names it.
        """
        with tarfile.open(fileobj=io.BytesIO(self._content)) as archive:
            for member in archive:
                if member.name.removeprefix("./") == name and (file := archive.extractfile(member)) is not None:
                    return file.read()
        raise CorruptBundleError(f"the model's artifact holds no {name}; train it anew")

    def unpack(self, folder: Path) -> None:
        """Write the bundle's files into an existing folder."""
        with tarfile.open(fileobj=io.BytesIO(self._content)) as archive:
            for member in archive:
                # A bundle is flat: nothing is written beside the folder, whatever the archive says.
                if member.isfile() and (content := archive.extractfile(member)) is not None:
                    (folder / Path(member.name).name).write_bytes(content.read())
