"""The two services that a prediction waits for, asked without boto3.

boto3 takes longer to load than all else that a function does before its first answer, and a quarter of a millisecond
for each call. What is here signs, sends over a kept connection, and raises what boto3 raises; time-outs and retries are
those of `noriba.aws.clients` for whoever an app waits for: two attempts, which end while the function can still say so.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import select
import socket
import ssl
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from noriba.aws.function_keys import FunctionKeys
from noriba.aws.signing import Place, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.aws.clients import Clients

CONNECT_S, READ_S, ATTEMPTS = 1.0, 7.0, 2
_LONGEST_PAUSE_S = 1.0
_TRY_AGAIN = frozenset({500, 502, 503, 504})
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_SLOW_DOWN = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


class PromptClients:
    """Clients for a function that an app waits for; whatever is not here is boto3's, which is loaded then."""

    def __init__(self) -> None:
        self._keys = FunctionKeys()

    @cached_property
    def sagemaker_runtime(self) -> Any:
        """Invocations."""
        if not FunctionKeys.are_there():
            return self._others.sagemaker_runtime
        return Runtime(Service.of("sagemaker", "SAGEMAKER_RUNTIME", "runtime.sagemaker", self._keys))

    @cached_property
    def dynamodb(self) -> Any:
        """The ledger, to be read."""
        if not FunctionKeys.are_there():
            return self._others.dynamodb
        return Database(Service.of("dynamodb", "DYNAMODB", "dynamodb", self._keys))

    @cached_property
    def _others(self) -> Clients:
        # Most functions that start never need it before they end.
        from noriba.aws.clients import Clients  # noqa: PLC0415

        return Clients(prompt=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)


@dataclass(frozen=True)
class Reply:
    """What a service answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Service:
    """One service, over connections that are kept from call to call; several threads may ask it."""

    def __init__(self, url: str, place: Place, keys: FunctionKeys) -> None:
        self._url, self._place, self._keys = url, place, keys
        self._idle: list[http.client.HTTPConnection] = []

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    @classmethod
    def of(cls, service: str, variable: str, host: str, keys: FunctionKeys) -> Service:
        """The service where the environment says that it is, or at its place in the function's region.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        region = os.environ["AWS_REGION"]
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        configured = os.environ.get(f"AWS_ENDPOINT_URL_{variable}") or os.environ.get("AWS_ENDPOINT_URL")
        url = (configured or f"https://{host}.{region}.{suffix}").rstrip("/")
        return cls(url, Place(urlsplit(url).netloc, region, service), keys)

    def post(self, operation: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """What the service answers, with a status below 300.

        Raises:
            ClientError: it refused, or failed.
            BotoCoreError: it could not be reached, or did not answer in time; or there are no keys.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = self._post_once(path, headers, body)
            except (EndpointConnectionError, ConnectionClosedError, ReadTimeoutError):
                if attempt == ATTEMPTS:
                    raise
            else:
                if reply.status < http.client.MULTIPLE_CHOICES:
                    return reply
                error = _read_error(reply, operation)
                again = reply.status in _TRY_AGAIN or error.response["Error"]["Code"] in _SLOW_DOWN
                if attempt == ATTEMPTS or not again:
                    raise error
            time.sleep(random.random() * _LONGEST_PAUSE_S)  # noqa: S311  # so that not all come back at once
        raise AssertionError("unreachable")

    def _post_once(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        now = datetime.now(UTC)
        try:
            keys = self._keys.find(now)
        except (OSError, ValueError, KeyError) as error:
            raise NoCredentialsError from error
        signed = sign(self._place, keys, path=path, headers={**headers, **_trace()}, body=body, at=now)
        connection = self._take() or self._connect()
        try:
            connection.request("POST", path, body, signed)
            answer = connection.getresponse()
            reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except TimeoutError as error:
            connection.close()
            raise ReadTimeoutError(endpoint_url=self._url) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionClosedError(endpoint_url=f"{self._url}{path}") from error
        # It has closed itself where the other side said that it would.
        if connection.sock is not None:
            self._idle.append(connection)
        return reply

    def _take(self) -> http.client.HTTPConnection | None:
        """A kept connection that the other side has not closed meanwhile: nothing is to be read from it."""
        while self._idle:
            connection = self._idle.pop()
            if not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()
        return None

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
            connection = http.client.HTTPSConnection(parts.netloc, timeout=CONNECT_S, context=context)
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=CONNECT_S)
        try:
            connection.connect()
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url) from error
        connection.sock.settimeout(READ_S)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection


class Runtime:
    """SageMaker's runtime, as far as `Endpoint` asks it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def invoke_endpoint(  # AWS's own
        self,
        *,
        EndpointName: str,  # noqa: N803
        ContentType: str,  # noqa: N803
        Accept: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        InferenceId: str | None = None,  # noqa: N803
        TargetVariant: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html."""
        headers = {"content-type": ContentType, "accept": Accept}
        if InferenceId is not None:
            headers["x-amzn-sagemaker-inference-id"] = InferenceId
        if TargetVariant is not None:
            headers["x-amzn-sagemaker-target-variant"] = TargetVariant
        reply = self._service.post("InvokeEndpoint", f"/endpoints/{EndpointName}/invocations", headers, Body)
        variant = reply.headers.get("x-amzn-invoked-production-variant")
        return {"Body": io.BytesIO(reply.body), "InvokedProductionVariant": variant}


class Database:
    """DynamoDB, as far as the ledger is read while an app waits."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def Table(self, name: str) -> Table:  # noqa: N802  # boto3's name
        """A table."""
        return Table(self._service, name)


class Table:
    """One table."""

    def __init__(self, service: Service, name: str) -> None:
        self._service, self._name = service, name

    def get_item(self, *, Key: Mapping[str, str], **more: object) -> dict[str, Any]:  # noqa: N803  # AWS's name
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html, in Python's types."""
        asked = {"TableName": self._name, "Key": {name: {"S": value} for name, value in Key.items()}, **more}
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.GetItem"}
        reply = self._service.post("GetItem", "/", headers, json.dumps(asked).encode())
        checksum = reply.headers.get("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(reply.body):
            raise ConnectionClosedError(endpoint_url=self._name)
        item = json.loads(reply.body).get("Item")
        return {} if item is None else {"Item": {name: _read_value(value) for name, value in item.items()}}


def _read_value(value: Mapping[str, Any]) -> Any:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return Decimal(content)
        case "NULL":
            return None
        case "M":
            return {name: _read_value(item) for name, item in content.items()}
        case "L":
            return [_read_value(item) for item in content]
    raise ValueError(f"an attribute of type {kind}, which no entry has")


def _read_error(reply: Reply, operation: str) -> ClientError:
    try:
        said = json.loads(reply.body)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    kind = str(reply.headers.get("x-amzn-errortype") or said.get("__type") or said.get("code") or reply.status)
    # `com.amazonaws.dynamodb.v20120810#ThrottlingException`, or `ValidationError:http://…`
    code = kind.partition(":")[0].rpartition("#")[2]
    message = said.get("message") or said.get("Message") or reply.body.decode(errors="replace")[:500]
    rest = {name: value for name, value in said.items() if name not in {"message", "Message", "__type", "code"}}
    metadata = {"HTTPStatusCode": reply.status, "RequestId": reply.headers.get("x-amzn-requestid", "")}
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata, **rest},  # type: ignore[typeddict-item]  # as boto3 makes it
        operation,
    )


def _trace() -> dict[str, str]:
    """What AWS finds functions by that call themselves.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return {} if trace is None or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ else {"x-amzn-trace-id": trace}
