"""Models that answer in a function's own process, as an endpoint of SageMaker's would answer for them.

The ledger says which variants there are (`LedgerEndpoints` writes it). One is chosen by weight, or by name. Once its
answer stands, the shadow is given the same body. Both are measured by SageMaker's names, and captured in its lines.
"""

from __future__ import annotations

import random
import tempfile
import time
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from noriba.aws.endpoints import (
    ModelFailedError,
    ModelUnavailableError,
    NoModelError,
    describe_refusal,
    read_reply,
)
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.objects import read_uri
from noriba.aws.remembered import Remembered
from noriba.errors import NoribaError
from noriba.records.artifacts import ModelArtifact
from noriba.records.captures import write_capture
from noriba.records.hosting import SETTLED_S
from noriba.records.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_s3 import S3Client

    from noriba.aws.endpoints import EndpointReply
    from noriba.records.hosting import HostedEndpoint, HostedModel, HostedVariant

MOST_MODELS = 3
"""In memory: champion and challenger, and who was champion before."""
_OK, _FAILED = 200, 500
_CHANCE = random.SystemRandom()
"""Where functions start from one snapshot, what was drawn in advance would be the same in all of them.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""


class ModelChangedError(NoribaError):
    """A model's artifact is not the one that was registered."""


class AnswersBodies(Protocol):
    """A model in memory: `noriba.training.answering.Answerer`, which nobody here may import."""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""


class ModelCache:
    """The models of a function's process, the latest few.

    Args:
        s3: reads artifacts.
        load: makes a model of a bundle's folder, and sees that its seal is whole.
    """

    def __init__(self, s3: S3Client, load: Callable[[Path], AnswersBodies]) -> None:
        self._s3, self._load = s3, load
        self._models: OrderedDict[str, AnswersBodies] = OrderedDict()

    def find(self, model: HostedModel) -> AnswersBodies:
        """A model, read when it is first needed.

        Raises:
            ModelChangedError: its artifact is another than was registered.
            CorruptBundleError: a file of it is missing, changed or added.
        """
        if model.sha256 not in self._models:
            self._models[model.sha256] = self._read(model)
            while len(self._models) > MOST_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(model.sha256)
        return self._models[model.sha256]

    def _read(self, model: HostedModel) -> AnswersBodies:
        artifact = ModelArtifact(read_uri(self._s3, model.model_data_uri))
        if artifact.sha256 != model.sha256:
            raise ModelChangedError(
                f"{model.model_data_uri} was registered as {model.sha256} and is {artifact.sha256} now"
            )
        with tempfile.TemporaryDirectory() as folder:
            artifact.unpack(Path(folder))
            return self._load(Path(folder))


class InProcessEndpoint:
    """One endpoint without SageMaker.

    Args:
        name: the endpoint's.
        read: asks the ledger what answers under that name.
        models: in this process.
        measure: told how each variant answered.
        keep: told the lines of what is captured, when all models have answered.
        copies: whether a shadow is given any.
        warn: told what nobody else hears: why a shadow failed, and why the ledger could not be asked.
    """

    def __init__(
        self,
        name: str,
        *,
        read: Callable[[], HostedEndpoint | None],
        models: ModelCache,
        measure: Callable[[Measured], None] = lambda _measured: None,
        keep: Callable[[Sequence[str]], None] | None = None,
        copies: bool = True,
        warn: Callable[[str], None],
    ) -> None:
        self._name, self._copies = name, copies
        self._models, self._measure, self._keep, self._warn = models, measure, keep, warn
        self._known = Remembered(
            read,
            for_s=SETTLED_S,
            clock=time.monotonic,
            warn=warn,
            ignorance=f"nobody knows whether other models answer for {name} now",
        )

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self._name

    def ask(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> EndpointReply:
        """Let a model answer; see `Endpoint.ask`, whose errors these are."""
        return read_reply(*self.answer(body, inference_id=inference_id, variant=variant))

    def answer(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> tuple[bytes, str]:
        """The same, as the model has written it, and which variant that was."""
        endpoint, chosen = self._choose(variant)
        lines: list[str] = []
        picked = self._keep is not None and _CHANCE.uniform(0, 100) < endpoint.capture_percent

        def ask_one(one: HostedVariant) -> bytes:
            answered = self._ask(one, body)
            if picked:
                lines.append(self._capture(one, body, answered, inference_id))
            return answered

        try:
            return ask_one(chosen), chosen.name
        finally:
            if endpoint.shadow is not None and self._copies:
                try:
                    ask_one(endpoint.shadow)
                except Exception as error:  # noqa: BLE001  # whatever it is, it is counted, and no app hears of it
                    self._warn(f"the shadow {endpoint.shadow.name} of {self._name} gave no answer: {error}")
            if self._keep is not None:
                self._keep(lines)

    def _choose(self, name: str | None) -> tuple[HostedEndpoint, HostedVariant]:
        for _ in range(2):
            endpoint = self._known.find()
            found = None
            if endpoint is not None:
                found = endpoint.choose(_CHANCE.random()) if name is None else endpoint.find(name)
            if endpoint is not None and found is not None:
                return endpoint, found
            # A rollout may have gone on since somebody looked.
            self._known.forget()
        raise NoModelError(f"nothing answers for {self._name}" if name is None else f"{self._name} has no {name}")

    def _ask(self, variant: HostedVariant, body: bytes) -> bytes:
        try:
            model = self._models.find(variant.model)
            # Reading it is no part of what it takes to answer; SageMaker does not count that either.
            begin_s = time.perf_counter()
            status, answered = model.answer(body)
        except AWS_FAULTS as error:
            raise ModelUnavailableError(f"{variant.name} could not be read: {error}") from error
        except Exception as error:
            self._measure(Measured(self._name, variant.name, None, failed=True))
            raise ModelFailedError(f"{variant.name} failed: {type(error).__name__}: {error}") from error
        latency_us = (time.perf_counter() - begin_s) * 1e6
        refused = _OK < status < _FAILED
        self._measure(Measured(self._name, variant.name, latency_us, failed=status >= _FAILED, refused=refused))
        if refused:
            raise describe_refusal(answered.decode())
        return answered

    def _capture(self, variant: HostedVariant, body: bytes, answered: bytes, inference_id: str | None) -> str:
        return write_capture(
            self._name,
            variant.name,
            body,
            answered,
            inference_id=inference_id,
            event_id=str(uuid.uuid4()),
            at=datetime.now(UTC),
        )
