"""A model's bundle on this machine: asked again what it was asked, to say why it answered so.

It needs LightGBM, which nothing else here does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from noriba.aws.reasons import ALL_CONTRIBUTIONS, Reasons, to_columns
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.aws.registry import ModelPackage
    from noriba.records.artifacts import ModelArtifact
    from noriba.usecase import HumilityPolicy


class NoLightGbmError(NoribaError):
    """This machine lacks the library that reads a model's trees."""


class ForeignBundleError(NoribaError):
    """The artifact of a registered model is not the one that was registered."""


class BundleReasoner:
    """Asks the bundles that models were registered with; `humility` says when one doubts, never when None."""

    def __init__(self, humility: HumilityPolicy | None) -> None:
        self._humility = humility

    def reason(
        self, package: ModelPackage, artifact: ModelArtifact, rows: Sequence[Mapping[str, float | None]]
    ) -> Reasons:
        """Ask a model again, all contributions told apart; see `Bundle.reason`."""
        return Bundle(artifact, package).reason(rows, humility=self._humility, most=ALL_CONTRIBUTIONS)


class Bundle:
    """The bundle of a registered model."""

    def __init__(self, artifact: ModelArtifact, package: ModelPackage) -> None:
        self._artifact, self._package = artifact, package

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
        # Here alone: no other command waits for what reads a model.
        from noriba.training.bundles import load_bundle  # noqa: PLC0415
        from noriba.training.doubts import find_doubts  # noqa: PLC0415
        from noriba.training.experience import read_experience  # noqa: PLC0415
        from noriba.training.explanations import explain  # noqa: PLC0415
        from noriba.training.lightgbm_library import MissingLibraryError  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            self._artifact.unpack(Path(folder))
            model, digest = load_bundle(Path(folder))
            experience = read_experience(Path(folder))
        if digest != self._package.metadata.get("bundle_digest", digest):
            raise ForeignBundleError(
                f"{self._package.model_data_uri} holds bundle {digest}, and version {self._package.version} was "
                f"registered with {self._package.metadata['bundle_digest']}; find out who changed it"
            )
        try:
            predictor = model.load()
        except MissingLibraryError as error:
            raise NoLightGbmError(
                "contributions come from the model's own trees, and lightgbm is not installed here; "
                "pip install 'noriba[model]', or leave them out: --no-contributions"
            ) from error
        columns = predictor.pick(to_columns(rows))
        answers = predictor.predict_features(columns)
        doubts = find_doubts(model, experience, columns, answers, humility) if experience and humility else ()
        return Reasons(tuple(answers.value.tolist()), explain(predictor, columns, most=most), doubts)
