"""Models asked through a function that has them in its process, where no endpoint of SageMaker's runs.

An app's requests do not go this way: `predict` has the models itself. Golden requests do, and those who ask why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from noriba.aws.endpoints import (
    Endpoint,
    ModelFailedError,
    ModelUnavailableError,
    NoModelError,
    describe_refusal,
    read_reply,
)
from noriba.aws.functions import FunctionError, invoke

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from noriba.aws.clients import Clients
    from noriba.aws.endpoints import Askable, EndpointReply


class _Said(BaseModel):
    # Bodies are bytes; a function's event is JSON.
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    body: bytes
    variant: str | None = None


class ModelQuestion(_Said):
    """What the function is asked.

    Attributes:
        use_case: whose endpoint.
        endpoint: its name.
        body: of the invocation.
        variant: which model; any, by weight, when None.
    """

    use_case: str
    endpoint: str


class ModelReply(_Said):
    """What the function says.

    Attributes:
        said: whether a model answered, refused, failed or could not be read, or whether there is none.
        body: what it answered or refused; otherwise, in words, why there is no answer.
        variant: that answered.
    """

    said: Literal["answered", "refused", "failed", "unavailable", "missing"]


class InvokedEndpoint:
    """One endpoint without SageMaker, for whoever has no models in his own process.

    Args:
        functions: the client.
        function: the name of the function that has them.
        use_case: whose.
        name: of the endpoint.
    """

    def __init__(self, functions: LambdaClient, function: str, *, use_case: str, name: str) -> None:
        self._functions, self._function, self._use_case, self._name = functions, function, use_case, name

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self._name

    def ask(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> EndpointReply:
        """Let a model answer; see `Endpoint.ask`, whose errors these are. Nothing of it is captured."""
        del inference_id
        question = ModelQuestion(use_case=self._use_case, endpoint=self._name, body=body, variant=variant)
        try:
            said = invoke(self._functions, self._function, question.model_dump_json())
        except (ClientError, BotoCoreError) as error:
            raise ModelUnavailableError(f"{self._function} could not be asked: {error}") from error
        except FunctionError as error:
            # It says of a model's own failures that they are; what ends it may be a model, too.
            raise ModelFailedError(str(error)) from error
        return _read(ModelReply.model_validate_json(said))


def open_endpoint(clients: Clients, *, use_case: str, name: str, function: str | None) -> Askable:
    """An endpoint of SageMaker's; or, where a function is named that has the models, that one."""
    if function is None:
        return Endpoint(clients.sagemaker_runtime, name)
    return InvokedEndpoint(clients.functions, function, use_case=use_case, name=name)


def _read(reply: ModelReply) -> EndpointReply:
    match reply.said:
        case "answered" if reply.variant is not None:
            return read_reply(reply.body, reply.variant)
        case "refused":
            raise describe_refusal(reply.body.decode())
        case "missing":
            raise NoModelError(reply.body.decode())
        case "unavailable":
            raise ModelUnavailableError(reply.body.decode())
        case _:
            raise ModelFailedError(reply.body.decode())
