"""Two services asked without boto3: what they answer, refuse and fail at comes back as boto3 would bring it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from noriba.aws import prompt
from noriba.aws.function_keys import FunctionKeys
from noriba.aws.prompt import PromptClients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, dict[str, str], bytes]
ASKED: dict[str, Any] = {"EndpointName": "e", "ContentType": "x/y", "Accept": "x/y", "Body": b"body"}
GOOD: Answer = (200, {"x-Amzn-Invoked-Production-Variant": "v3"}, b"said")
THROTTLED: Answer = (400, {"x-amzn-ErrorType": "ThrottlingException:http://x/"}, b'{"message": "Rate exceeded"}')
FAILED: Answer = (
    424,
    {"x-amzn-ErrorType": "ModelError"},
    b'{"Message": "it failed", "OriginalStatusCode": 400, "OriginalMessage": "why"}',
)


class Listener(BaseHTTPRequestHandler):
    """Says what it is told to say, one after another; None hangs up, a number waits as many seconds first."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        heard: list[dict[str, Any]] = self.server.heard  # type: ignore[attr-defined]  # the only way to a handler
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = {name.lower(): value for name, value in self.headers.items()}
        heard.append({"path": self.path, "headers": names, "body": body, "from": self.client_address})
        says = self.server.says  # type: ignore[attr-defined]  # likewise
        answer = says.pop(0) if len(says) > 1 else says[0]
        if isinstance(answer, float):
            time.sleep(answer)
            answer = GOOD
        if answer is None:
            self.close_connection = True
            return
        self.answer(answer)

    def do_GET(self) -> None:
        self.server.heard.append({"path": self.path, "headers": dict(self.headers)})  # type: ignore[attr-defined]
        self.answer(self.server.says[0])  # type: ignore[attr-defined]  # likewise

    def answer(self, answer: Answer) -> None:
        status, headers, said = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(said))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Say nothing."""


@contextmanager
def listen(*says: Answer | float | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.says, server.heard = list(says), []  # type: ignore[attr-defined]  # for its handlers
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.heard  # type: ignore[attr-defined]  # likewise
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("ACCESS_KEY_ID", "AKID"), ("SECRET_ACCESS_KEY", "s"), ("REGION", "ap-northeast-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(prompt, "_LONGEST_PAUSE_S", 0.0)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def to(url: str) -> Any:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
        return PromptClients().sagemaker_runtime

    return to


def test_what_is_asked_arrives_signed_and_the_answer_comes_back(connect: Callable[[str], Any]) -> None:
    with listen(GOOD) as (url, heard):
        reply = connect(url).invoke_endpoint(**ASKED, InferenceId="p", TargetVariant="v3")

    assert (reply["Body"].read(), reply["InvokedProductionVariant"]) == (b"said", "v3")
    [asked] = heard
    assert (asked["path"], asked["body"]) == ("/endpoints/e/invocations", b"body")
    wanted = {"content-type": "x/y", "x-amzn-sagemaker-inference-id": "p", "x-amzn-sagemaker-target-variant": "v3"}
    assert wanted.items() <= asked["headers"].items()
    assert "Credential=AKID/" in asked["headers"]["authorization"]


def test_one_connection_serves_many_calls_until_the_other_side_has_closed_it(connect: Callable[[str], Any]) -> None:
    with listen(GOOD, GOOD, (200, {**GOOD[1], "Connection": "close"}, b"bye"), GOOD) as (url, heard):
        runtime = connect(url)
        for _ in range(4):
            runtime.invoke_endpoint(**ASKED)

    ports = [asked["from"] for asked in heard]
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[0]


@pytest.mark.parametrize("first", [THROTTLED, None, *[(status, {}, b"") for status in (500, 502, 503, 504)]])
def test_what_may_pass_is_tried_once_more(connect: Callable[[str], Any], first: Answer | None) -> None:
    with listen(first, GOOD) as (url, heard):
        assert connect(url).invoke_endpoint(**ASKED)["Body"].read() == b"said"
    assert len(heard) == 2


def test_what_fails_twice_has_failed(connect: Callable[[str], Any]) -> None:
    with listen(THROTTLED) as (url, heard), pytest.raises(ClientError) as caught:
        connect(url).invoke_endpoint(**ASKED)
    assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert len(heard) == 2
    with listen(None) as (url, heard), pytest.raises(ConnectionClosedError):
        connect(url).invoke_endpoint(**ASKED)
    assert len(heard) == 2


def test_what_a_model_refuses_is_not_asked_again(connect: Callable[[str], Any]) -> None:
    with listen(FAILED) as (url, heard), pytest.raises(ClientError, match="it failed") as caught:
        connect(url).invoke_endpoint(**ASKED)
    assert len(heard) == 1
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 400  # type: ignore[typeddict-item]  # the model's own
    assert caught.value.response["OriginalMessage"] == "why"  # type: ignore[typeddict-item]  # likewise


def test_nobody_is_waited_for_longer_than_an_app_waits(
    connect: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt, "READ_S", 0.05)
    with listen(1.0) as (url, heard), pytest.raises(ReadTimeoutError):
        connect(url).invoke_endpoint(**ASKED)
    assert len(heard) == 2


def test_where_nobody_listens_nobody_is_reached(connect: Callable[[str], Any]) -> None:
    with listen(GOOD) as (url, _heard):
        pass
    with pytest.raises(EndpointConnectionError):
        connect(url).invoke_endpoint(**ASKED)


@pytest.mark.parametrize("said", [b"", b"<html>", b"[1]", b'"word"', b"\xff"])
def test_an_error_that_nobody_can_read_is_an_error(connect: Callable[[str], Any], said: bytes) -> None:
    with listen((403, {}, said)) as (url, _heard), pytest.raises(ClientError):
        connect(url).invoke_endpoint(**ASKED)


def test_a_function_is_found_that_calls_itself(connect: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "predict")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3")
    with listen(GOOD) as (url, heard):
        connect(url).invoke_endpoint(**ASKED)
    assert heard[0]["headers"]["x-amzn-trace-id"] == "Root=1-2-3"


def test_an_entry_reads_as_boto3_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://{host}:{port}")
        theirs = boto3.resource("dynamodb", region_name="ap-northeast-1").create_table(
            TableName="prompt",
            KeySchema=[
                {"AttributeName": "use_case", "KeyType": "HASH"},
                {"AttributeName": "entry", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("use_case", "entry")],
            BillingMode="PAY_PER_REQUEST",
        )
        key = {"use_case": "taxi_eta", "entry": "é"}
        values: dict[str, Any] = {
            "text": "x",
            "number": 3,
            "yes": True,
            "nothing": None,
            "list": [1, "a"],
            "map": {"b": {"c": 2}},
        }
        theirs.put_item(Item={**key, **values})
        ours = PromptClients().dynamodb.Table("prompt")
        some = {"ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": "list"}, "ConsistentRead": True}

        assert ours.get_item(Key=key)["Item"] == theirs.get_item(Key=key)["Item"]
        assert ours.get_item(Key=key, **some)["Item"] == {"list": [1, "a"]}
        assert ours.get_item(Key={**key, "entry": "none"}) == {}
        with pytest.raises(ClientError) as caught:
            PromptClients().dynamodb.Table("gone").get_item(Key=key)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    finally:
        server.stop()


def test_bytes_that_are_not_those_that_were_sent_are_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen((200, {"x-amz-crc32": "1"}, b"{}")) as (url, _heard):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with pytest.raises(BotoCoreError):
            PromptClients().dynamodb.Table("t").get_item(Key={"use_case": "u", "entry": "e"})


def test_keys_of_a_function_from_a_snapshot_are_asked_for_again_before_they_end(
    connect: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def say(ends: timedelta) -> Answer:
        document = {"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"}
        return 200, {}, json.dumps({**document, "Expiration": (datetime.now(UTC) + ends).isoformat()}).encode()

    (tmp_path / "token").write_text("secret\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    for ends, times in ((timedelta(hours=6), 1), (timedelta(minutes=1), 2)):
        with listen(GOOD) as (url, heard), listen(say(ends)) as (address, asked):
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/credentials")
            runtime = connect(url)
            for _ in range(2):
                runtime.invoke_endpoint(**ASKED)
        assert heard[0]["headers"]["x-amz-security-token"] == "T"
        assert [one["headers"]["Authorization"] for one in asked] == ["secret"] * times


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/none", "file:///etc/passwd"])
def test_without_keys_nothing_is_sent(
    connect: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)
    with listen(GOOD) as (url, heard), pytest.raises(NoCredentialsError):
        connect(url).invoke_endpoint(**ASKED)
    assert not heard


def test_whoever_is_no_function_has_boto3_s_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    assert not FunctionKeys.are_there()
    assert PromptClients().sagemaker_runtime.meta.service_model.service_name == "sagemaker-runtime"
    assert PromptClients().s3.meta.service_model.service_name == "s3"


@pytest.mark.parametrize(("region", "end"), [("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")])
def test_services_are_where_aws_has_them(monkeypatch: pytest.MonkeyPatch, region: str, end: str) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", raising=False)
    theirs = boto3.client("sagemaker-runtime", region_name=region).meta.endpoint_url

    service = prompt.Service.of("sagemaker", "SAGEMAKER_RUNTIME", "runtime.sagemaker", FunctionKeys())

    assert service._url == theirs == f"https://runtime.sagemaker.{region}.{end}"
