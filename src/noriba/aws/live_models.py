"""The models behind an endpoint, asked in the features that they learned.

What the code declares now may not be what a model in production was trained on: somebody edited a feature, and the new
model is not approved yet. A model refuses columns of other definitions, and says the fingerprint of its own; every
registered model's definitions are kept under it. So whoever asks learns them once, and asks again.

Of a challenger in the shadow nobody hears a refusal: what it learned, the rollout says beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from noriba.aws.endpoints import ModelRefusedError
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.objects import ObjectStore
from noriba.errors import FeatureDefinitionError, FeatureMismatchError, NoribaError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_PREFIX
from noriba.records.inference import encode_columns
from noriba.records.packed import pack_columns
from noriba.records.wanted import Wanted
from noriba.serving.requests import convert_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.clients import Clients
    from noriba.aws.endpoints import Askable, EndpointReply
    from noriba.features import FeatureSet
    from noriba.records.live import LiveState
    from noriba.records.stretching import Stretch
    from noriba.serving.requests import Converted
    from noriba.usecase import PredictionRequest, UseCase

MOST_MODELS = 4
"""Champion and challenger of two rollouts; who asks for long forgets the older ones."""
MOST_ATTEMPTS = MOST_MODELS + 1
"""One for each model that has to be learned, and one for a container that reads JSON alone."""


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
        warn: told why an expected model's features are not computed.
    """

    def __init__(self, endpoint: Askable, archive: FeatureArchive, *, warn: Callable[[str], None]) -> None:
        self._endpoint, self._archive, self._warn = endpoint, archive, warn
        self._learned: dict[str, FeatureSet] = {}
        # Of the latest challenger; and those that cannot be computed here.
        self._expected: tuple[str, FeatureSet] | None = None
        self._given_up: set[str] = set()
        # Until a container cannot read it; then JSON for good: every container reads that.
        self._packed = True

    @classmethod
    def of(cls, endpoint: Askable, clients: Clients, *, models_bucket: str, warn: Callable[[str], None]) -> Self:
        """The models behind an endpoint, their definitions in the bucket of models."""
        return cls(endpoint, FeatureArchive(ObjectStore(clients.s3, models_bucket)), warn=warn)

    def expect(self, fingerprint: str) -> None:
        """Compute the features of this fingerprint, too, from now on, if they can be: a challenger has learned them.

        What cannot be found or computed is left out with a warning, and the challenger fails by itself; where the
        archive did not answer, whoever expects them again asks it again.
        """
        known = self._expected is not None and self._expected[0] == fingerprint
        if known or fingerprint in self._learned or fingerprint in self._given_up:
            return
        try:
            features = self._archive.find(fingerprint)
        except AWS_FAULTS as error:
            self._warn(f"the challenger's features are not known yet: {error}")
        except FeatureDefinitionError as error:
            self._give_up(fingerprint, error)
        else:
            if features is None:
                self._give_up(fingerprint, f"nobody kept the definitions of {fingerprint}")
            else:
                self._expected = fingerprint, features

    def ask(
        self,
        use_case: UseCase,
        request: PredictionRequest,
        *,
        inference_id: str,
        variant: str | None = None,
        group: int | None = None,
        stretch: Stretch | None = None,
        live: LiveState | None = None,
    ) -> EndpointReply:
        """Convert a request into all features that are known to be needed, and ask.

        Raises:
            ModelRefusedError: a model reads features that cannot be computed here.
            NoModelError, ModelUnavailableError, ImplausibleAnswerError: see `Endpoint.ask`.
        """
        for _ in range(MOST_ATTEMPTS):
            try:
                converted = self._convert(use_case, request, live)
            except FeatureMismatchError as error:
                raise ModelRefusedError(f"a model reads what requests no longer bring: {error}") from error
            write = pack_columns if self._packed else encode_columns
            body = write(
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
                if self._packed and error.feature_fingerprint is None:
                    # A container of before there were packed tables cannot read one, and says so in its own words.
                    self._packed = False
                else:
                    self._learn(error)
        raise ModelRefusedError(f"endpoint {self._endpoint.name} has more models than anybody can ask")

    def _convert(self, use_case: UseCase, request: PredictionRequest, live: LiveState | None) -> Converted:
        learned = self._learned.values()
        if self._expected is None:
            return convert_request(use_case, request, also=learned, live=live)
        fingerprint, features = self._expected
        try:
            return convert_request(use_case, request, also=[*learned, features], live=live)
        except Exception as error:  # noqa: BLE001  # other code than today's: no request fails for a challenger
            # What fails without them, too, is not theirs.
            converted = convert_request(use_case, request, also=learned, live=live)
            self._expected = None
            # Whatever other errors say may be of the request.
            self._give_up(fingerprint, error if isinstance(error, NoribaError) else type(error).__name__)
            return converted

    def _give_up(self, fingerprint: str, why: object) -> None:
        self._given_up.add(fingerprint)
        self._warn(f"the challenger's features are left out: {why}")

    def _learn(self, refusal: ModelRefusedError) -> None:
        fingerprint = refusal.feature_fingerprint
        if fingerprint is None or fingerprint in self._learned or fingerprint in self._given_up:
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
