"""The models behind an endpoint, asked in the features that they learned.

What the code declares now may not be what a model in production was trained on: somebody edited a feature, and the new
model is not approved yet. A model refuses columns of other definitions, and says the fingerprint of its own; every
registered model's definitions are kept under it. So whoever asks learns them once, and asks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from noriba.aws.endpoints import Endpoint, ModelRefusedError
from noriba.aws.objects import ObjectStore
from noriba.errors import FeatureDefinitionError, FeatureMismatchError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_PREFIX
from noriba.records.inference import encode_columns
from noriba.records.names import name_endpoint
from noriba.records.wanted import Wanted
from noriba.serving.requests import convert_request

if TYPE_CHECKING:
    from noriba.aws.clients import Clients
    from noriba.aws.endpoints import EndpointReply
    from noriba.features import FeatureSet
    from noriba.records.stretching import Stretch
    from noriba.usecase import PredictionRequest, UseCase

MOST_MODELS = 4
"""Champion and challenger of two rollouts; who asks for long forgets the older ones."""


class FeatureArchive:
    """The feature definitions of every registered model, by fingerprint."""

    def __init__(self, models: ObjectStore) -> None:
        self._models = models

    def keep(self, definitions: bytes) -> None:
        """Keep a bundle's features.json.

        Raises:
            FeatureDefinitionError: it is none.
        """
        fingerprint = thaw_features(definitions.decode()).fingerprint
        self._models.write_once(_name(fingerprint), definitions)

    def find(self, fingerprint: str) -> FeatureSet | None:
        """The feature set of that fingerprint; None when no registered model had it.

        Raises:
            FeatureDefinitionError: what is kept there is something else.
        """
        definitions = self._models.find(_name(fingerprint))
        return None if definitions is None else thaw_features(definitions.decode(), fingerprint=fingerprint)


class LiveModels:
    """The models behind one endpoint.

    Args:
        endpoint: where they answer.
        archive: where definitions are found that the code no longer declares.
    """

    def __init__(self, endpoint: Endpoint, archive: FeatureArchive) -> None:
        self._endpoint = endpoint
        self._archive = archive
        self._learned: dict[str, FeatureSet] = {}

    @classmethod
    def of(cls, use_case: str, clients: Clients, *, prefix: str, models_bucket: str) -> Self:
        """The models in production for a use case of the deployment with this prefix."""
        endpoint = Endpoint(clients.sagemaker_runtime, name_endpoint(use_case, prefix=prefix))
        return cls(endpoint, FeatureArchive(ObjectStore(clients.s3, models_bucket)))

    def ask(
        self,
        use_case: UseCase,
        request: PredictionRequest,
        *,
        inference_id: str,
        variant: str | None = None,
        group: int | None = None,
        stretch: Stretch | None = None,
    ) -> EndpointReply:
        """Convert a request into all features that are known to be needed, and ask.

        Raises:
            ModelRefusedError: a model reads features that cannot be computed here.
            NoModelError, ModelUnavailableError, ImplausibleAnswerError: see `Endpoint.ask`.
        """
        for _ in range(MOST_MODELS):
            try:
                converted = convert_request(use_case, request, also=self._learned.values())
            except FeatureMismatchError as error:
                raise ModelRefusedError(f"a model reads what requests no longer bring: {error}") from error
            body = encode_columns(
                converted.columns,
                inputs=converted.inputs,
                candidate_ids=request.candidate_ids(),
                slices=converted.slices,
                group=group,
                wanted=Wanted(request.explain, use_case.policies.humility, stretch),
            )
            try:
                return self._endpoint.ask(body, inference_id=inference_id, variant=variant)
            except ModelRefusedError as error:
                self._learn(error)
        raise ModelRefusedError(f"endpoint {self._endpoint.name} has more models than anybody can ask")

    def _learn(self, refusal: ModelRefusedError) -> None:
        fingerprint = refusal.feature_fingerprint
        if fingerprint is None or fingerprint in self._learned:
            raise refusal
        try:
            features = self._archive.find(fingerprint)
        except FeatureDefinitionError as error:
            raise ModelRefusedError(str(error)) from error
        if features is None:
            raise refusal
        self._learned[fingerprint] = features
        while len(self._learned) > MOST_MODELS:
            del self._learned[next(iter(self._learned))]


def _name(fingerprint: str) -> str:
    return f"{FEATURES_PREFIX}{fingerprint}.json"
