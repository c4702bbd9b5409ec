"""A model's bundle on this machine: asked again what it was asked, to say why it answered so.

It needs LightGBM, which nothing else here does.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from noriba.aws.objects import ObjectStore, split_uri
from noriba.errors import NoribaError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.aws.registry import ModelPackage
    from noriba.client.session import Session
    from noriba.features import FeatureSet
    from noriba.records.explanations import Doubt, Explanation
    from noriba.usecase import HumilityPolicy


class NoLightGbmError(NoribaError):
    """This machine lacks the library that reads a model's trees."""


class ForeignBundleError(NoribaError):
    """The artifact of a registered model is not the one that was registered."""


@dataclass(frozen=True)
class Reasons:
    """Why a model answers as it does, an entry a row.

    Attributes:
        values: the medians, in the label's unit.
        explanations: what each is made of, all contributions told apart.
        doubts: of each, where any row has one.
    """

    values: tuple[float, ...]
    explanations: tuple[Explanation, ...]
    doubts: tuple[tuple[Doubt, ...], ...]


class Bundle:
    """The bundle of a registered model."""

    def __init__(self, artifact: ModelArtifact, package: ModelPackage) -> None:
        self._artifact, self._package = artifact, package

    @classmethod
    def find(cls, session: Session, package: ModelPackage) -> Self | None:
        """Fetch the artifact that a package names; None when it is there no more."""
        bucket, key = split_uri(package.model_data_uri)
        content = ObjectStore(session.clients.s3, bucket).find(key)
        return None if content is None else cls(ModelArtifact(content), package)

    @property
    def features(self) -> FeatureSet:
        """As the model learned them.

        Raises:
            CorruptBundleError: it is too old to hold them.
        """
        return thaw_features(self._artifact.read(FEATURES_FILE).decode())

    def reason(
        self, rows: Sequence[Mapping[str, float | None]], *, humility: HumilityPolicy | None, most: int
    ) -> Reasons:
        """Ask the model again, and why.

        Args:
            rows: what it was asked, by feature's identity; None for what was not known.
            humility: when it doubts; never, when None.
            most: how many contributions are told apart.

        Raises:
            NoLightGbmError: this machine has no LightGBM.
            ForeignBundleError: it is not the model that was registered.
            CorruptBundleError: it is none, or was changed.
            FeatureMismatchError: the rows are not what it reads.
        """
        try:
            # Here alone: no other command waits for LightGBM, or needs it.
            from noriba.training.bundles import load_bundle  # noqa: PLC0415
            from noriba.training.doubts import find_doubts  # noqa: PLC0415
            from noriba.training.experience import read_experience  # noqa: PLC0415
            from noriba.training.explanations import explain  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise NoLightGbmError(
                f"contributions come from the model's own trees, and {error.name} is not installed here; "
                "pip install 'noriba[model]', or leave them out: --no-contributions"
            ) from error
        with tempfile.TemporaryDirectory() as folder:
            self._artifact.unpack(Path(folder))
            model, digest = load_bundle(Path(folder))
            experience = read_experience(Path(folder))
        if digest != self._package.metadata.get("bundle_digest", digest):
            raise ForeignBundleError(
                f"{self._package.model_data_uri} holds bundle {digest}, and version {self._package.version} was "
                f"registered with {self._package.metadata['bundle_digest']}; find out who changed it"
            )
        predictor = model.load()
        asked = {
            name: np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)
            for name in rows[0]
        }
        columns = predictor.pick(asked)
        answers = predictor.predict_features(columns)
        doubts = find_doubts(model, experience, columns, answers, humility) if experience and humility else ()
        return Reasons(tuple(answers.value.tolist()), explain(predictor, columns, most=most), doubts)
