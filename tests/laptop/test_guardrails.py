"""An organisation's guardrails in force on a laptop cloud: what they refuse, whom they spare, and what they mean."""

from __future__ import annotations

import json
import re
import socket
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from infra.organisation.names import name_guardrail
from infra.organisation.policies import make_service_control_policies
from laptop import clouds
from laptop.organisation import ADMINISTRATOR, GUARDRAILS, describe_environment, read_topology
from laptop_cloud import process
from laptop_cloud.entrances import ACCESS_ROLE, Entrance
from laptop_cloud.extensions.service_control_policies import read_policy
from laptop_cloud.ministack_seams import Seam, reach
from laptop_cloud.organization import put_in_force
from laptop_cloud.policies import describe_asking
from noriba.aws.places import Part, Places
from tests.infra.assembly import as_list
from tests.infra.organisation.denials import Context, find_denials
from tests.infra.topology.example import EXAMPLE, read_example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laptop_cloud.process import RunningCloud

MANAGEMENT, GOVERNANCE, PRODUCTION = "111111111111", "333333333333", "777777777777"
HOME = "ap-northeast-1"
BREAK_GLASS = "noriba-break-glass"
EXECUTION = f"cdk-hnb659fds-cfn-exec-role-{PRODUCTION}-{HOME}"
CAPTURES = "noriba-rollout-capturesbucket1a2b3c4d-5e6f7a8b9c0d"
TRAIL = "noriba-trail-o-exampleorg1"
BLOCK = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
KEPT = {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}


@cache
def make_policies() -> dict[str, dict[str, Any]]:
    policies = make_service_control_policies(read_example(), prefix="noriba")
    return {name_guardrail(name, prefix="noriba"): document for name, document in policies.items()}


# --- in force ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("organisation") / "state"


@pytest.fixture(scope="module")
def cloud(state: Path) -> Iterator[RunningCloud]:
    """As `noriba up` starts it for the example's accounts; what an organisation has, and an app, in production."""
    home = state.parent
    (home / "cdk.out").mkdir()
    (home / "cdk.out" / GUARDRAILS).write_text(json.dumps(make_policies()), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clouds, "STATE_DIR", state)
        patch.setattr(clouds, "ASSEMBLY", home / "cdk.out")
        running = clouds.start_cloud(read_topology(str(EXAMPLE), EXAMPLE.parent), port=port)
    make_roles(running)
    make_app(running)
    yield running
    process.stop(state)


def make_roles(cloud: RunningCloud) -> None:
    """By who bootstraps: nobody else may, of those that are spared."""
    iam = connect(cloud, ACCESS_ROLE)("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "sts:AssumeRole"}
    for role in (BREAK_GLASS, EXECUTION):
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
        iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def make_app(cloud: RunningCloud) -> None:
    make = connect(cloud, EXECUTION)
    for bucket in (CAPTURES, TRAIL, "app"):
        make("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME})
        make("s3").put_object(Bucket=bucket, Key="taxi/1", Body=b"rows")
    make("cloudtrail").create_trail(Name="trail", S3BucketName=TRAIL)
    make("cloudtrail").start_logging(Name="trail")
    for alias in ("alias/noriba-trail", "alias/app"):
        key = make("kms").create_key()["KeyMetadata"]["KeyId"]
        make("kms").create_alias(AliasName=alias, TargetKeyId=key)


class Connect:
    """`connect("s3")`: a client of somebody in an account."""

    def __init__(self, cloud: RunningCloud, role: str | None, account: str, region: str) -> None:
        self._connection = Entrance(cloud, role).connect(account, HOME)
        self._connection["region_name"] = region

    def __call__(self, service: str) -> Any:
        return boto3.client(service, **self._connection)  # type: ignore[call-overload]


def connect(cloud: RunningCloud, role: str | None, account: str = PRODUCTION, region: str = HOME) -> Connect:
    """As a role, or as the account's root user."""
    return Connect(cloud, role, account, region)


class Try(NamedTuple):
    """A call that a guardrail is about.

    Attributes:
        statement: that refuses it.
        service: that is called.
        call: its name in boto3.
        given: to it.
        spared: roles to which it is left.
    """

    statement: str
    service: str
    call: str
    given: dict[str, Any]
    spared: tuple[str, ...] = (BREAK_GLASS,)


SETTERS = (BREAK_GLASS, ACCESS_ROLE, EXECUTION)
"""Buckets and keys are set up by CloudFormation, and by who bootstraps."""
MAKERS = (BREAK_GLASS, ACCESS_ROLE)
LIFECYCLE = "put_bucket_lifecycle_configuration"
NOTHING = json.dumps({"Version": "2012-10-17", "Statement": []})
TRIES = [
    Try("Trail", "cloudtrail", "stop_logging", {"Name": "trail"}),
    Try("Trail", "cloudtrail", "delete_trail", {"Name": "trail"}),
    Try("TrailLogs", "s3", "delete_object", {"Bucket": TRAIL, "Key": "taxi/1"}),
    Try("TrailBucket", "s3", LIFECYCLE, {"Bucket": TRAIL, "LifecycleConfiguration": KEPT}, SETTERS),
    Try("TrailKey", "kms", "disable_key", {"KeyId": "alias/noriba-trail"}),
    Try("TrailKeyAlias", "kms", "delete_alias", {"AliasName": "alias/noriba-trail"}, SETTERS),
    Try(
        "PublicBucket",
        "s3",
        "put_public_access_block",
        {"Bucket": "app", "PublicAccessBlockConfiguration": BLOCK},
        SETTERS,
    ),
    Try("CapturesDeleted", "s3", "delete_object", {"Bucket": CAPTURES, "Key": "taxi/1"}),
    Try("CapturesDeleted", "s3", "delete_objects", {"Bucket": CAPTURES, "Delete": {"Objects": [{"Key": "taxi/1"}]}}),
    Try("CapturesExpired", "s3", LIFECYCLE, {"Bucket": CAPTURES, "LifecycleConfiguration": KEPT}, SETTERS),
    Try("UnknownUseCase", "sagemaker", "create_endpoint", {"EndpointName": "bus", "EndpointConfigName": "bus"}),
    Try("UnknownUseCase", "sagemaker", "create_model_package_group", {"ModelPackageGroupName": "noriba-bus-eta"}),
    Try("SparedRoles", "iam", "create_role", {"RoleName": BREAK_GLASS, "AssumeRolePolicyDocument": NOTHING}, MAKERS),
    Try("SparedRoles", "iam", "delete_role_policy", {"RoleName": EXECUTION, "PolicyName": "none"}, MAKERS),
    Try("Leaving", "organizations", "leave_organization", {}, ()),
]


def ask(client: Any, call: str, arguments: dict[str, Any]) -> str | None:
    """By which statement a call is refused; None where it is not, whatever else becomes of it."""
    try:
        getattr(client, call)(**arguments)
    except ClientError as error:
        told = str(error)
    else:
        return None
    found = re.search(r"explicit deny in a service control policy: noriba-\w+, statement (\w+)", told)
    assert found or "AccessDenied" not in told, told
    return found and found[1]


def test_commands_work_as_a_role_that_guardrails_bind(cloud: RunningCloud, state: Path) -> None:
    places = Places(describe_environment(cloud, state))

    parts: tuple[Part, ...] = ("registry", "serving")
    who = {part: places.at(part).sts.get_caller_identity()["Arn"] for part in parts}
    assert {part: arn.rpartition("/")[0] for part, arn in who.items()} == {
        "registry": f"arn:aws:sts::{GOVERNANCE}:assumed-role/{ADMINISTRATOR}",
        "serving": f"arn:aws:sts::{PRODUCTION}:assumed-role/{ADMINISTRATOR}",
    }
    s3 = places.at("serving").s3
    assert s3.get_object(Bucket=CAPTURES, Key="taxi/1")["Body"].read() == b"rows"
    assert ask(s3, "delete_object", {"Bucket": CAPTURES, "Key": "taxi/1"}) == "CapturesDeleted"


@pytest.mark.parametrize("tried", TRIES, ids=lambda tried: f"{tried.statement}-{tried.call}")
def test_each_guardrail_refuses_everybody_but_whom_it_spares(cloud: RunningCloud, tried: Try) -> None:
    everybody = (ADMINISTRATOR, BREAK_GLASS, ACCESS_ROLE, EXECUTION)
    for role in sorted(everybody, key=lambda role: role in tried.spared):
        said = ask(connect(cloud, role)(tried.service), tried.call, tried.given)
        assert said == (None if role in tried.spared else tried.statement), role


def test_what_was_refused_was_not_done_and_the_rest_is(cloud: RunningCloud) -> None:
    """Of another use case, another bucket and another key nothing is said."""
    administrator = connect(cloud, ADMINISTRATOR)
    s3, kms = administrator("s3"), administrator("kms")
    [app] = [one["TargetKeyId"] for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/app"]
    allowed: list[tuple[Any, str, dict[str, Any]]] = [
        (kms, "disable_key", {"KeyId": app}),
        (kms, "delete_alias", {"AliasName": "alias/app"}),
        (s3, LIFECYCLE, {"Bucket": "app", "LifecycleConfiguration": KEPT}),
        (s3, "put_object", {"Bucket": CAPTURES, "Key": "taxi/2", "Body": b"rows"}),
        (s3, "delete_object", {"Bucket": "app", "Key": "taxi/1"}),
        (administrator("sagemaker"), "create_model_package_group", {"ModelPackageGroupName": "noriba-taxi-eta"}),
        (administrator("iam"), "create_role", {"RoleName": "app", "AssumeRolePolicyDocument": NOTHING}),
    ]
    for client, call, arguments in allowed:
        assert ask(client, call, arguments) is None, call
    assert ask(s3, "delete_object", {"Bucket": CAPTURES, "Key": "taxi/2"}) == "CapturesDeleted"
    assert s3.get_object(Bucket=CAPTURES, Key="taxi/2")["Body"].read() == b"rows"
    assert s3.list_objects_v2(Bucket="app")["KeyCount"] == 0


def test_a_root_user_does_nothing_and_the_management_account_everything(cloud: RunningCloud) -> None:
    for account in (PRODUCTION, GOVERNANCE):
        assert ask(connect(cloud, None, account)("sqs"), "list_queues", {}) == "RootUser"
    management = connect(cloud, None, MANAGEMENT, "eu-west-1")
    assert management("sqs").create_queue(QueueName="ours")


@pytest.mark.parametrize(
    ("role", "region", "refused"),
    [
        (ADMINISTRATOR, "us-east-1", None),
        (ADMINISTRATOR, "eu-west-1", "OtherRegions"),
        (ACCESS_ROLE, "eu-west-1", "OtherRegions"),
        (BREAK_GLASS, "eu-west-1", None),
    ],
)
def test_in_other_regions_only_what_is_global_is_done(
    cloud: RunningCloud, role: str, region: str, refused: str | None
) -> None:
    there = connect(cloud, role, region=region)

    assert ask(there("sqs"), "create_queue", {"QueueName": f"{role}-{region}"}) == refused
    assert ask(there("iam"), "list_roles", {}) is None


def test_put_in_force_once_more_all_is_as_it_was_but_for_what_changed(cloud: RunningCloud) -> None:
    """`noriba up` again."""
    put_in_force(cloud, [MANAGEMENT, GOVERNANCE, PRODUCTION], make_policies(), roles=(ACCESS_ROLE, ADMINISTRATOR))
    organizations = connect(cloud, None, MANAGEMENT)("organizations")

    attached = organizations.list_policies_for_target(TargetId=PRODUCTION, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {one["Name"] for one in attached} == {"FullAWSAccess", *make_policies()}
    [ours] = organizations.list_policies_for_target(TargetId=MANAGEMENT, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert ours["Name"] == "FullAWSAccess"


# --- two evaluators ---------------------------------------------------------------------------------------------------

STATEMENTS = [statement for document in make_policies().values() for statement in document["Statement"]]
ACTIONS = sorted(
    {
        action.replace("*", "Anything")
        for statement in STATEMENTS
        for action in as_list(statement.get("Action", [])) + as_list(statement.get("NotAction", []))
    }
    | {"s3:GetObject", "sqs:CreateQueue", "kms:Encrypt", "sagemaker:CreateTrainingJob", "IAM:createrole"}
)
PATTERNS = sorted(
    {
        resource
        for statement in STATEMENTS
        for resource in as_list(statement.get("Resource", [])) + as_list(statement.get("NotResource", []))
    }
)
WHO = [f"arn:aws:iam::{PRODUCTION}:role/{role}" for role in (ADMINISTRATOR, BREAK_GLASS, ACCESS_ROLE, EXECUTION)]
fillings = st.sampled_from(["", "1", PRODUCTION, "a/b", "x:y", "-2"])


@st.composite
def resources(draw: st.DrawFn) -> str:
    """Something that a pattern means, or nearly."""
    pattern = draw(st.sampled_from(PATTERNS))
    filled = "".join(draw(fillings) if letter == "*" else letter for letter in pattern)
    return filled + draw(st.sampled_from(["", "", "2"]))


@given(
    action=st.sampled_from(ACTIONS),
    resource=resources(),
    who=st.sampled_from([*WHO, f"arn:aws:iam::{PRODUCTION}:root", f"{WHO[1]}-2", f"arn:aws:iam::{PRODUCTION}:user/x"]),
    region=st.sampled_from([HOME, "us-east-1", "eu-west-1"]),
    aliases=st.none() | st.lists(st.sampled_from(["alias/noriba-trail", "alias/app"]), min_size=1, unique=True),
)
def test_the_laptop_denies_what_the_other_evaluator_denies(
    laptop_evaluator: Evaluator, action: str, resource: str, who: str, region: str, aliases: list[str] | None
) -> None:
    context: Context = {"aws:PrincipalArn": who, "aws:RequestedRegion": region}
    if aliases is not None:
        context["kms:ResourceAliases"] = list(aliases)
    expected = [
        f"{name}, statement {sid}"
        for name, document in make_policies().items()
        for sid in find_denials(document, action, resource, context)
    ]

    assert laptop_evaluator(action, resource, who, region, aliases) == (expected[0] if expected else None)


class Evaluator(Protocol):
    def __call__(self, action: str, resource: str, who: str, region: str, aliases: list[str] | None) -> str | None: ...


@pytest.fixture(scope="module")
def laptop_evaluator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """The first statement that denies a request, as the laptop cloud asks; None where nothing does."""
    with pytest.MonkeyPatch.context() as patch:
        # MiniStack writes keys where this says when it is imported.
        patch.setenv("STATE_DIR", str(tmp_path_factory.mktemp("ministack")))
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        documents = {"FullAWSAccess": {"Statement": everything}, **make_policies()}
        level = [read_policy({"Name": name, "_Content": json.dumps(text)}) for name, text in documents.items()]

        def evaluate(action: str, resource: str, who: str, region: str, aliases: list[str] | None) -> str | None:
            context = describe_asking(who, "AssumedRole", action, resource, {"kms:ResourceAliases": aliases})
            context.region = region
            answer = reach(Seam.EVALUATE)(context, level)
            return str(answer.matched_sid) if answer.decision == "Deny" else None

        yield evaluate
