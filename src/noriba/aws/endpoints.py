"""SageMaker endpoints: asking a model, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from noriba.errors import NoribaError
from noriba.records.inference import CONTENT_TYPE, ModelAnswer, decode_refusal
from noriba.records.names import read_version
from noriba.records.packed import PACKED_TYPE, is_packed, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from noriba.aws.ledger_endpoints import EndpointControl

T = TypeVar("T")


class NoModelError(NoribaError):
    """No endpoint stands there: nothing has been rolled out yet."""


class ModelUnavailableError(NoribaError):
    """The endpoint did not answer in time, or the model failed."""


class ModelFailedError(ModelUnavailableError):
    """The endpoint was reached, and its model failed."""


class ModelRefusedError(NoribaError):
    """The model refused the columns: serving and model were made from different features.

    `feature_fingerprint` is the model's, where it said so.
    """

    def __init__(self, message: str, *, feature_fingerprint: str | None = None) -> None:
        super().__init__(message)
        self.feature_fingerprint = feature_fingerprint


class ImplausibleAnswerError(NoribaError):
    """What the model answered is no prediction."""


@dataclass(frozen=True)
class EndpointReply:
    """A model's answer, and which model gave it."""

    answer: ModelAnswer
    model_version: int


class Askable(Protocol):
    """Where models answer: an endpoint of SageMaker's, or a function that has them itself."""

    @property
    def name(self) -> str:
        """The endpoint's."""

    def ask(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> EndpointReply:
        """See `Endpoint.ask`."""


class Endpoint:
    """One endpoint."""

    def __init__(self, runtime: SageMakerRuntimeClient, name: str) -> None:
        self._runtime = runtime
        self.name = name

    def ask(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> EndpointReply:
        """Send what `pack_columns` or `encode_columns` has written.

        Args:
            body: feature columns, named by identity, and what travels beside them.
            inference_id: the prediction's id; capture, outcome and answer share it. None for what is no prediction of
                anybody's: what is captured of it is then joined to nothing.
            variant: which model is asked; any, by weight, when None.

        Raises:
            NoModelError: there is no such endpoint, or it has no such variant.
            ModelRefusedError: the model was trained on other features.
            ModelUnavailableError: it did not answer; a ModelFailedError where that was the model's doing.
            ImplausibleAnswerError: its answer is none that a container of ours writes.
        """
        content_type = PACKED_TYPE if is_packed(body) else CONTENT_TYPE
        try:
            reply = self._runtime.invoke_endpoint(
                EndpointName=self.name,
                ContentType=content_type,
                Accept=content_type,
                Body=body,
                **({} if inference_id is None else {"InferenceId": inference_id}),
                **({} if variant is None else {"TargetVariant": variant}),
            )
            answered = reply["Body"].read()
        except ClientError as error:
            raise _translate(error, variant) from error
        except BotoCoreError as error:
            raise ModelUnavailableError(f"endpoint {self.name} did not answer: {error}") from error
        return read_reply(answered, reply["InvokedProductionVariant"])


def read_reply(answered: bytes, variant: str) -> EndpointReply:
    """What a variant's model has answered.

    Raises:
        ImplausibleAnswerError: it is none that a container of ours writes.
    """
    version = read_version(variant)
    try:
        return EndpointReply(read_answer(answered), version)
    except ValueError as error:
        raise ImplausibleAnswerError(f"what version {version} answered is no answer: {error}") from error


def describe_refusal(said: str) -> ModelRefusedError:
    """The error for what a model has refused, by what it said."""
    refusal = decode_refusal(said)
    return ModelRefusedError(refusal.error, feature_fingerprint=refusal.feature_fingerprint)


@dataclass(frozen=True)
class EndpointState:
    """How an endpoint is; the version is of the variant that answers, or of the champion where two do."""

    status: str
    model_version: int | None
    config: str


def describe_endpoint(sagemaker: EndpointControl, name: str) -> EndpointState | None:
    """The endpoint's state; None when there is none."""
    found = find_resource(sagemaker.describe_endpoint, EndpointName=name)
    if found is None:
        return None
    variants = found.get("ProductionVariants", [])
    version = read_version(variants[0]["VariantName"]) if variants else None
    return EndpointState(found["EndpointStatus"], version, found["EndpointConfigName"])


def find_status(sagemaker: EndpointControl, name: str) -> str | None:
    """The status of any endpoint, whoever made it; None when there is none."""
    found = find_resource(sagemaker.describe_endpoint, EndpointName=name)
    return None if found is None else found["EndpointStatus"]


def find_resource(describe: Callable[..., T], **name: str) -> T | None:
    """What a Describe operation of SageMaker says; None when there is no such thing."""
    try:
        return describe(**name)
    except ClientError as error:
        if says_missing(error):
            return None
        raise


def says_missing(error: Exception) -> bool:
    """SageMaker has no error of its own for what is not there: it is a ValidationException, "Could not find …"."""
    if not isinstance(error, ClientError):
        return False
    detail = error.response["Error"]
    return detail["Code"] == "ValidationException" and "could not find" in detail["Message"].lower()


def _translate(error: ClientError, variant: str | None) -> NoribaError:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors
    # What SageMaker says of a variant that is not there, AWS tells nowhere; nothing else of a request changes.
    if code == "ValidationError" and ("not found" in message or variant is not None):
        return NoModelError(message)
    original = error.response.get("OriginalStatusCode")
    if code == "ModelError" and original is not None and original < 500:  # type: ignore[operator]  # noqa: PLR2004  # the container's own status
        return describe_refusal(str(error.response.get("OriginalMessage", message)))
    fault = ModelFailedError if code == "ModelError" else ModelUnavailableError
    return fault(f"{code}: {message}")
