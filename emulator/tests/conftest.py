"""One laptop cloud for the whole session; every test makes its own resources in it."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest

from emulator.tests.permissions import act_as
from laptop_cloud import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from laptop_cloud.process import RunningCloud

ROLE = "arn:aws:iam::123456789012:role/laptop"
ROLES = ("laptop", "sagemaker", "states")
NEIGHBOUR = "210987654321"
"""Another account."""


class Clients(Protocol):
    def __call__(self, name: str) -> Any: ...


class Functions(Protocol):
    def __call__(self, source: str, *, files: dict[str, str] | None = None, **settings: Any) -> str: ...


class Watch(Protocol):
    def __call__(self, pattern: dict[str, Any]) -> Queue: ...


class Role(Protocol):
    def __call__(self, *statements: dict[str, Any]) -> str: ...


class Acting(Protocol):
    def __call__(self, service: str, *statements: dict[str, Any]) -> Any: ...


class Run(Protocol):
    def __call__(self, role: str, task: dict[str, Any], **given: Any) -> dict[str, Any]: ...


class Zip(Protocol):
    def __call__(self, files: dict[str, str]) -> bytes: ...


class Eventually(Protocol):
    def __call__(self, look: Callable[[], Any], within_s: float = 10.0) -> Any: ...


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cloud looks for containers."""
    return tmp_path_factory.mktemp("assembly") / "cdk.out"


@pytest.fixture(scope="session")
def share_wheels(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """`share_wheels(folder)`: a laptop cloud beside whose state the wheels of all others lie, fetched once."""
    wheels = tmp_path_factory.getbasetemp() / "wheels"
    wheels.mkdir(exist_ok=True)
    return lambda folder: (folder / "wheels").symlink_to(wheels)


@pytest.fixture(scope="session")
def cloud_state(tmp_path_factory: pytest.TempPathFactory, share_wheels: Callable[[Path], None]) -> Path:
    """What the cloud keeps."""
    folder = tmp_path_factory.mktemp("laptop")
    share_wheels(folder)
    return folder / "state"


@pytest.fixture(scope="session")
def cloud(cloud_state: Path, assembly: Path) -> Iterator[RunningCloud]:
    running = process.start(state_dir=cloud_state, assembly=assembly, port=find_free_port())
    make_roles(running)
    yield running
    process.stop(cloud_state)


def make_roles(cloud: RunningCloud) -> None:
    """Roles that functions and machines act as, and that may do everything: tests are mostly about something else."""
    iam = connect(cloud)("iam")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for name in ROLES:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=policy)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def client(cloud: RunningCloud) -> Clients:
    """`client("s3")`: a boto3 client of the laptop cloud."""
    return connect(cloud)


@pytest.fixture(scope="session")
def neighbour(cloud: RunningCloud) -> Clients:
    """`neighbour("s3")`: the same of another account."""
    return connect(cloud, NEIGHBOUR)


def connect(cloud: RunningCloud, account: str = "") -> Clients:
    """Clients of a laptop cloud, of its default account unless told otherwise, each made once."""
    made: dict[str, Any] = {}

    def make(name: str) -> Any:
        if name not in made:
            made[name] = boto3.client(  # type: ignore[call-overload]
                name,
                endpoint_url=cloud.endpoint_url,
                region_name=cloud.region,
                aws_access_key_id=account or cloud.account,
                aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
            )
        return made[name]

    return make


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def queue(client: Clients, name: str) -> Iterator[Queue]:
    """An SQS queue to look at what arrives; rules and topics may deliver to it."""
    url = client("sqs").create_queue(QueueName=f"{name}-inbox", Attributes={"Policy": admit_deliveries()})["QueueUrl"]
    yield Queue(client, url)
    client("sqs").delete_queue(QueueUrl=url)


def admit_deliveries(**condition: dict[str, str]) -> str:
    """The policy of a queue to which rules and topics may deliver, under a condition or all of them."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


class Queue:
    """What a test receives from a queue."""

    def __init__(self, client: Clients, url: str) -> None:
        self._sqs = client("sqs")
        self.url = url
        self.arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive(self, within_s: float = 10.0) -> dict[str, Any]:
        """The next message; it must come in time."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url, WaitTimeSeconds=int(within_s), MessageAttributeNames=["All"]
        )
        assert answer.get("Messages"), f"nothing arrived within {within_s} s"
        message: dict[str, Any] = answer["Messages"][0]
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def receive_json(self, within_s: float = 10.0) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.receive(within_s)["Body"])
        return body


@pytest.fixture
def watch(client: Clients, queue: Queue, name: str) -> Watch:
    """`watch(pattern)`: a queue that receives the matching events of the default bus from now on."""

    def put_rule(pattern: dict[str, Any]) -> Queue:
        events = client("events")
        events.put_rule(Name=f"{name}-watch", EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"{name}-watch", Targets=[{"Id": "queue", "Arn": queue.arn}])
        return queue

    return put_rule


@pytest.fixture
def function(client: Clients, name: str) -> Functions:
    """`function(source)`: a deployed Python function that services may invoke; its ARN."""

    def create(source: str, *, files: dict[str, str] | None = None, **settings: Any) -> str:
        answer = client("lambda").create_function(
            FunctionName=settings.pop("FunctionName", f"{name}-function"),
            Runtime="python3.14",
            Architectures=["arm64"],
            Handler="app.handler",
            Role=settings.pop("Role", ROLE),
            Code={"ZipFile": _zipped({"app.py": source, **(files or {})})},
            **settings,
        )
        for service in ("events", "apigateway"):
            client("lambda").add_permission(
                FunctionName=answer["FunctionArn"],
                StatementId=service,
                Action="lambda:InvokeFunction",
                Principal=f"{service}.amazonaws.com",
            )
        return str(answer["FunctionArn"])

    return create


@pytest.fixture
def role(cloud: RunningCloud, client: Clients, name: str) -> Role:
    """`role({...})`: the ARN of a role that may do this alone."""
    return lambda *statements: make_role(client("iam"), cloud.account, name, *statements)


@pytest.fixture
def their_role(neighbour: Clients, name: str) -> Role:
    """`their_role({...})`: the same in another account."""
    return lambda *statements: make_role(neighbour("iam"), NEIGHBOUR, name, *statements)


def make_role(iam: Any, account: str, name: str, *statements: dict[str, Any]) -> str:
    """A role that its account trusts, and that may do what the statements say; asked again, it may do that instead."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    documents = [json.dumps({"Version": "2012-10-17", "Statement": one}) for one in ([trust], list(statements))]
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents[0])
    iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=documents[1])
    return f"arn:aws:iam::{account}:role/{name}"


def deploy(client: Clients, name: str, template: dict[str, Any]) -> None:
    """Make a stack of a template."""
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    client("cloudformation").get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@pytest.fixture
def acting(cloud: RunningCloud, neighbour: Clients, their_role: Role) -> Acting:
    """`acting("s3", {...})`: a client of somebody in another account whose role may do this alone."""

    def act(service: str, *statements: dict[str, Any]) -> Any:
        session = act_as(cloud, neighbour, their_role(*statements))
        return session.client(service, endpoint_url=cloud.endpoint_url)  # type: ignore[call-overload]

    return act


@pytest.fixture
def run_there(neighbour: Clients, name: str, eventually: Eventually) -> Run:
    """`run_there(role, task)`: how a machine of another account, with this one task, ended."""
    states = neighbour("stepfunctions")

    def run(role: str, task: dict[str, Any], **given: Any) -> dict[str, Any]:
        definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Task", "End": True, **task}}})
        machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

        def look() -> dict[str, Any] | None:
            told: dict[str, Any] = states.describe_execution(executionArn=execution)
            return None if told["status"] == "RUNNING" else told

        return dict(eventually(look))

    return run


@pytest.fixture(scope="session")
def zipped() -> Zip:
    """`zipped({"app.py": source})`: a zip file with these texts in it."""
    return _zipped


def _zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """`eventually(look)`: the first truthy answer of `look`; it must come within ten seconds, or as many as given."""

    def wait(look: Callable[[], Any], within_s: float = 10.0) -> Any:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.05)
        return pytest.fail(f"did not come true within {within_s} s")

    return wait
