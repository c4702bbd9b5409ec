"""The first model, asked beside the loop about the same rides: what they would have been told had nobody learned."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from noriba.aws.objects import ObjectStore, split_uri
from noriba.records.artifacts import ModelArtifact
from noriba.training.bundles import load_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from noriba.aws.registry import ModelPackage
    from noriba.client import Session
    from noriba.features import Column
    from noriba.training.models import Predictor
    from noriba.usecase import UseCase


class FrozenModel:
    """A model in memory here, and the use case whose requests it is asked."""

    def __init__(self, predictor: Predictor, use_case: UseCase) -> None:
        self._predictor = predictor
        self._use_case = use_case

    @classmethod
    def fetch(cls, session: Session, package: ModelPackage) -> Self:
        """A registered model.

        Raises:
            CorruptBundleError: its artifact is not whole.
        """
        bucket, key = split_uri(package.model_data_uri)
        artifact = ModelArtifact(ObjectStore(session.at("registry").s3, bucket).read(key))
        with tempfile.TemporaryDirectory() as folder:
            artifact.unpack(Path(folder))
            model, _digest = load_bundle(Path(folder))
        return cls(model.load(), session.use_case)

    def answer(self, requests: Sequence[Mapping[str, Any]]) -> Column:
        """Medians for requests of one row each, in the label's unit; of shape (n,).

        Raises:
            FeatureMismatchError: the model learned other features than the code declares.
        """
        if not requests:
            return np.empty(0)
        rows = [self._use_case.request.model_validate(request).to_columns() for request in requests]
        # Of the hours before each ride it is told nothing: what production knew then, nobody has kept for it.
        columns = self._use_case.complete({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
        return self._predictor.predict(self._use_case.features.compute_identified(columns)).value
