"""The functions where they run: their environment, and AWS behind it as moto keeps it in memory.

One account for each module of tests, emptied after each test; SageMaker's runtime is a server of this machine.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import boto3
import pytest
from moto import mock_aws
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from noriba.aws.clients import Clients
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from tests.functions.fake_runtime import FakeRuntime, serve_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

REGION: Final = "ap-northeast-1"
BUCKETS = ("raw", "datasets", "quarantine", "models", "captures", "outcomes", "observations")
EVENTS = Path(__file__).with_name("events")
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "BUS_NAME": "test-bus",
    "CAPTURES_BUCKET": "captures",
    "CAPTURE_DAYS": "90",
    "COMPACT_FUNCTION": "compact",
    "DATASETS_BUCKET": "datasets",
    "LEDGER_TABLE": "ledger",
    "MODELS_BUCKET": "models",
    "OBSERVATIONS_BUCKET": "observations",
    "OBSERVATIONS_DATABASE": "noriba",
    "OUTCOMES_BUCKET": "outcomes",
    "PACKAGES_ARN": f"arn:aws:sagemaker:{REGION}:123456789012:model-package",
    "POWERTOOLS_METRICS_NAMESPACE": "noriba",
    "POWERTOOLS_SERVICE_NAME": "test",
    "QUARANTINE_BUCKET": "quarantine",
    "QUERY_WORKGROUP": "noriba",
    "RAW_BUCKET": "raw",
    "RESOURCE_PREFIX": "noriba",
    "TRUST_OUTCOME_TIMES": "true",
}


def read_event(name: str) -> dict[str, Any]:
    """A golden event, as AWS delivers it."""
    document: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return document


@dataclass(frozen=True)
class FakeContext:
    """What Lambda tells a function of its invocation."""

    function_name: str = "test"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:test"
    aws_request_id: str = "6d1c7b0e-6b0a-4f5e-8a53-0e1b2c3d4e5f"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 300_000


@pytest.fixture
def context() -> LambdaContext:
    return cast("LambdaContext", FakeContext())


@dataclass
class Cloud:
    """The account that the functions work in."""

    clients: Clients
    runtime: FakeRuntime
    queue_url: str
    _session: boto3.Session = field(repr=False, default_factory=boto3.Session)

    def store(self, bucket: str) -> ObjectStore:
        return ObjectStore(self.clients.s3, bucket)

    def ledger(self, use_case: str = "taxi_eta") -> Ledger:
        return Ledger(self.clients.dynamodb.Table("ledger"), use_case)

    def hear(self) -> list[dict[str, Any]]:
        """What was published on the bus since the last time of asking."""
        sqs, heard = self._session.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            heard += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    def land(self, key: str, content: bytes) -> dict[str, Any]:
        """Put an object in the raw bucket, and the event that S3 sends of it."""
        put = self.clients.s3.put_object(Bucket="raw", Key=key, Body=content)
        event = read_event("s3_object_created") | {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        versions = self.clients.s3.list_object_versions(Bucket="raw")["Versions"]
        event["detail"]["object"] |= {
            "key": key,
            "size": len(content),
            "version-id": put["VersionId"],
            "sequencer": f"{len(versions):018X}",
        }
        return event

    def empty(self) -> None:
        """As it was before the first event."""
        for bucket in BUCKETS:
            page = self.clients.s3.list_object_versions(Bucket=bucket)
            for version in page.get("Versions", []):
                self.clients.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        table = self.clients.dynamodb.Table("ledger")
        for item in table.scan()["Items"]:
            table.delete_item(Key={"use_case": item["use_case"], "entry": item["entry"]})
        self.hear()
        self.runtime.models.clear()
        self.runtime.shadows.clear()
        self.runtime.invocations.clear()
        self.runtime.copies.clear()


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    """DynamoDB on a port of this machine, with the same tables as moto has in memory.

    What an app waits for asks it without boto3, which is all that moto replaces.
    """
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def account(dynamodb_url: str) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as environment, mock_aws(), serve_runtime() as runtime:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
        forget_connections()
        account = build_account(runtime)
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url)
        yield account
        forget_connections()


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    yield account
    account.empty()


def forget_connections() -> None:
    """Functions keep settings and clients for life; a new account is a new life."""
    for name, module in list(sys.modules.items()):
        if name.startswith("functions."):
            for remembered in ("load_dependencies", "find_models"):
                if hasattr(module, remembered):
                    getattr(module, remembered).cache_clear()


def build_account(runtime: FakeRuntime) -> Cloud:
    session = boto3.Session()
    clients = Clients(session)
    for bucket in BUCKETS:
        clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    clients.dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "use_case", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "use_case", "AttributeType": "S"},
            {"AttributeName": "entry", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients.events.create_event_bus(Name="test-bus")
    clients.events.put_rule(Name="all", EventBusName="test-bus", EventPattern='{"source": [{"prefix": "noriba."}]}')
    clients.events.put_targets(Rule="all", EventBusName="test-bus", Targets=[{"Id": "1", "Arn": arn}])
    clients.sagemaker.create_model_package_group(ModelPackageGroupName="noriba-taxi-eta")
    return Cloud(clients, runtime, url, session)


class ReadLog(Protocol):
    def __call__(self) -> str: ...


def read_counts(capsys: pytest.CaptureFixture[str]) -> dict[str, Counter[str]]:
    """What was counted since the last time of asking, for each use case, as CloudWatch would read it in the log."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for line in capsys.readouterr().out.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == "noriba"
            assert [set(names) for names in directive["Dimensions"]] == [{"service", "use_case"}]
            for metric in directive["Metrics"]:
                assert metric["Unit"] in {"Count", "None"}
                counts[document["use_case"]][metric["Name"]] += sum(document[metric["Name"]])
    return dict(counts)


class Listen(Protocol):
    def __call__(self, logger: Logger) -> ReadLog: ...


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`read = listen(logger)`, and later `read()`: all that the log has said since, as CloudWatch would hold it."""
    taps: list[tuple[Any, logging.Handler]] = []

    def tap(logger: Logger) -> ReadLog:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logger.registered_formatter)
        logger.addHandler(handler)
        taps.append((logger, handler))
        return stream.getvalue

    yield tap
    for logger, handler in taps:
        logger.removeHandler(handler)
