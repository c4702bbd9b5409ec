"""What an organisation's policies do not let anybody do in its accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.tests.organization import Member, deny
from emulator.tests.permissions import allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually
    from laptop_cloud.process import RunningCloud

REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
NOBODY_LISTS = deny("s3:ListBucket")


@pytest.fixture
def member(cloud: RunningCloud, client: Clients) -> Member:
    return Member(cloud, client)


@pytest.fixture
def bucket(member: Member, name: str) -> str:
    """A bucket of the member's, an object in it."""
    member.root("s3").create_bucket(Bucket=name)
    member.root("s3").put_object(Bucket=name, Key="k", Body=b"rows")
    return name


def act(member: Member, role: str, service: str, region: str | None = None) -> Any:
    """A client of somebody with a role."""
    session = member.take(role)
    return session.client(service, endpoint_url=member.cloud.endpoint_url, region_name=region)  # type: ignore[call-overload]


def sign_with(member: Member, key: dict[str, Any]) -> Clients:
    """Clients of whoever has a key."""
    session = boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"), region_name=member.cloud.region
    )

    def make(name: str) -> Any:
        return session.client(name, endpoint_url=member.cloud.endpoint_url)  # type: ignore[call-overload]

    return make


def test_root_role_and_user_are_refused_what_a_statement_denies(member: Member, bucket: str, name: str) -> None:
    iam = member.root("iam")
    iam.create_user(UserName=name)
    everything = {"Version": "2012-10-17", "Statement": allow(["*"], "*")}
    iam.put_user_policy(UserName=name, PolicyName="everything", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = sign_with(member, key)("s3")
    role = act(member, member.make_role(name), "s3")
    whoever = (member.root("s3"), role, user)
    for s3 in whoever:
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1

    member.bind(NOBODY_LISTS)

    for s3 in whoever:
        assert refusal(s3.list_objects_v2, Bucket=bucket) in REFUSED
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"rows"


def test_the_refusal_names_the_policy_and_its_statement(member: Member, bucket: str) -> None:
    policy = member.bind(NOBODY_LISTS)
    named = member.organizations.describe_policy(PolicyId=policy)["Policy"]["PolicySummary"]["Name"]

    with pytest.raises(ClientError, match=f"explicit deny in a service control policy: {named}, statement Guard"):
        member.root("s3").list_objects_v2(Bucket=bucket)


def test_a_resource_s_policy_lets_in_nobody_whom_a_guardrail_refuses(member: Member, bucket: str, name: str) -> None:
    role = member.make_role(name, allow(["sts:GetCallerIdentity"], "*"))
    let_in = {**allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}"), "Principal": {"AWS": role}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": let_in})
    member.root("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    s3 = act(member, role, "s3")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1

    member.bind(NOBODY_LISTS)

    assert refusal(s3.list_objects_v2, Bucket=bucket) in REFUSED


def test_what_no_statement_allows_is_refused_too(member: Member, bucket: str, name: str) -> None:
    s3 = act(member, member.make_role(name), "s3")
    member.bind(allow(["s3:GetObject"], "*"))
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1

    member.leave_full_access()

    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"rows"
    with pytest.raises(ClientError, match="because no service control policy allows the s3:ListBucket action"):
        s3.list_objects_v2(Bucket=bucket)
    assert refusal(member.root("s3").list_buckets) in REFUSED


def test_who_one_is_may_always_be_asked(member: Member) -> None:
    member.bind(deny("*"))

    assert member.root("sts").get_caller_identity()["Account"] == member.id
    assert refusal(member.root("sqs").list_queues) in REFUSED


@pytest.mark.parametrize(("spared", "free"), [("NAME", True), ("NAME-2", False), ("NA*", True)])
def test_a_role_may_be_spared_by_its_arn(member: Member, bucket: str, name: str, spared: str, free: bool) -> None:
    s3 = act(member, member.make_role(name), "s3")
    pattern = f"arn:aws:iam::*:role/{spared.replace('NAME', name).replace('NA', name[:3])}"
    member.bind(deny("s3:ListBucket", ArnNotLike={"aws:PrincipalArn": pattern}))

    assert refusal(member.root("s3").list_objects_v2, Bucket=bucket) in REFUSED
    if free:
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    else:
        assert refusal(s3.list_objects_v2, Bucket=bucket) in REFUSED


def test_the_management_account_is_not_bound(member: Member, client: Clients, name: str) -> None:
    member.bind(deny("sqs:*"))
    member.bind(deny("sqs:*"), target=member.cloud.account)

    assert refusal(member.root("sqs").create_queue, QueueName=name) in REFUSED
    assert client("sqs").create_queue(QueueName=name)


def test_a_service_linked_role_is_not_bound(member: Member, bucket: str, name: str) -> None:
    arn = member.make_role(name)
    linked = member.root("iam").create_service_linked_role(AWSServiceName="elasticbeanstalk.amazonaws.com")["Role"]
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"},
        }
    )
    member.root("iam").update_assume_role_policy(RoleName=linked["RoleName"], PolicyDocument=trust)
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow(["s3:ListBucket"], "*")})
    member.root("iam").put_role_policy(RoleName=linked["RoleName"], PolicyName="only", PolicyDocument=policy)
    given = act(member, arn, "sts").assume_role(RoleArn=linked["Arn"], RoleSessionName="service")["Credentials"]
    member.bind(NOBODY_LISTS)

    s3 = sign_with(member, given)("s3")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_nothing_is_done_in_a_region_that_is_not_allowed(member: Member, name: str) -> None:
    role = member.make_role(name)
    outside = {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}
    member.bind(
        {"Sid": "Regions", "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": outside}
    )

    for region in ("us-east-1", "eu-west-1"):
        assert act(member, role, "sqs", region).create_queue(QueueName=name)
    assert refusal(act(member, role, "sqs", "eu-west-2").create_queue, QueueName=name) in REFUSED
    assert act(member, role, "iam", "eu-west-2").list_roles()["Roles"]


def test_what_is_not_named_is_denied(member: Member, bucket: str, name: str) -> None:
    """`NotResource`, and an operator that is negated."""
    member.bind(
        {"Effect": "Deny", "Action": "s3:GetObject", "NotResource": f"arn:aws:s3:::{bucket}/open/*"},
        deny("sqs:CreateQueue", StringNotLike={"aws:PrincipalTag/team": "data-*"}),
    )
    s3 = member.root("s3")
    s3.put_object(Bucket=bucket, Key="open/k", Body=b"open")

    assert s3.get_object(Bucket=bucket, Key="open/k")["Body"].read() == b"open"
    assert refusal(s3.get_object, Bucket=bucket, Key="k") in REFUSED
    role = member.make_role(name)
    assert refusal(act(member, role, "sqs").create_queue, QueueName=name) in REFUSED
    member.root("iam").tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "data-eng"}])
    assert act(member, role, "sqs").create_queue(QueueName=name)


def test_a_key_is_known_by_its_aliases(member: Member, name: str) -> None:
    kms = member.root("kms")
    ours, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    for alias in (f"alias/{name}", f"alias/{name}-more"):
        kms.create_alias(AliasName=alias, TargetKeyId=ours)
    condition: dict[str, Any] = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{name}"]}}
    alias_arn = f"arn:aws:kms:*:*:alias/{name}"
    member.bind(
        deny(["kms:DisableKey", "kms:Encrypt"], **condition), deny(["kms:DeleteAlias", "kms:UpdateAlias"], alias_arn)
    )

    assert refusal(kms.disable_key, KeyId=ours) in REFUSED
    assert refusal(kms.encrypt, KeyId=f"alias/{name}", Plaintext=b"text") in REFUSED
    assert refusal(kms.delete_alias, AliasName=f"alias/{name}") in REFUSED
    assert refusal(kms.update_alias, AliasName=f"alias/{name}", TargetKeyId=other) in REFUSED
    kms.disable_key(KeyId=other)
    kms.delete_alias(AliasName=f"alias/{name}-more")


def test_units_hand_down_what_is_attached_to_them_and_each_level_must_allow(member: Member, name: str) -> None:
    organizations = member.organizations
    [root] = organizations.list_roots()["Roots"]
    outer = organizations.create_organizational_unit(ParentId=root["Id"], Name=name)["OrganizationalUnit"]["Id"]
    inner = organizations.create_organizational_unit(ParentId=outer, Name="inner")["OrganizationalUnit"]["Id"]
    policy = member.bind(deny("sqs:CreateQueue"), target=outer)
    sqs = member.root("sqs")
    assert sqs.create_queue(QueueName=f"{name}-before")

    organizations.move_account(AccountId=member.id, SourceParentId=root["Id"], DestinationParentId=inner)
    assert refusal(sqs.create_queue, QueueName=name) in REFUSED

    organizations.detach_policy(PolicyId=policy, TargetId=outer)
    assert sqs.create_queue(QueueName=name)

    member.bind(allow(["sqs:List*"], "*"), target=inner)
    organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=inner)
    assert refusal(sqs.delete_queue, QueueUrl=f"{member.cloud.endpoint_url}/{member.id}/{name}") in REFUSED
    assert sqs.list_queues()["QueueUrls"]


def test_a_policy_that_is_changed_or_detached_binds_no_longer(member: Member) -> None:
    organizations, sqs = member.organizations, member.root("sqs")
    policy = member.bind(deny("sqs:*"))
    assert refusal(sqs.list_queues) in REFUSED

    content = json.dumps({"Version": "2012-10-17", "Statement": [deny("sns:*")]})
    organizations.update_policy(PolicyId=policy, Content=content)
    assert sqs.list_queues()
    assert refusal(member.root("sns").list_topics) in REFUSED

    organizations.detach_policy(PolicyId=policy, TargetId=member.id)
    assert member.root("sns").list_topics()


def test_a_policy_of_another_type_refuses_nothing(member: Member) -> None:
    [root] = member.organizations.list_roots()["Roots"]
    if not any(one["Type"] == "TAG_POLICY" for one in root["PolicyTypes"]):
        member.organizations.enable_policy_type(RootId=root["Id"], PolicyType="TAG_POLICY")
    content = json.dumps({"Version": "2012-10-17", "Statement": [deny("*")]})
    policy = member.organizations.create_policy(Content=content, Description="", Name=member.id, Type="TAG_POLICY")
    member.organizations.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=member.id)

    assert member.root("sqs").list_queues()


def test_who_leaves_is_free(member: Member) -> None:
    member.bind(deny("sqs:*"))
    assert refusal(member.root("sqs").list_queues) in REFUSED

    member.root("organizations").leave_organization()

    assert member.root("sqs").list_queues()


def test_nobody_leaves_where_that_is_denied(member: Member) -> None:
    member.bind(deny("organizations:LeaveOrganization"))

    assert refusal(member.root("organizations").leave_organization) in REFUSED


def test_a_task_is_refused_and_says_by_what(member: Member, name: str, eventually: Eventually) -> None:
    queue = member.root("sqs").create_queue(QueueName=name)["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue, "MessageBody": "here"},
        "End": True,
    }
    states = member.root("stepfunctions")
    definition = json.dumps({"StartAt": "Only", "States": {"Only": task}})
    role = member.make_role(name)
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]

    def run() -> dict[str, Any]:
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]

        def look() -> dict[str, Any] | None:
            told: dict[str, Any] = states.describe_execution(executionArn=execution)
            return None if told["status"] == "RUNNING" else told

        ended: dict[str, Any] = eventually(look)
        return ended

    assert run()["status"] == "SUCCEEDED"
    member.bind(deny("sqs:SendMessage"))

    refused = run()
    assert (refused["status"], refused["error"]) == ("FAILED", "States.Permissions")
    assert "explicit deny in a service control policy" in refused["cause"]


def test_a_rule_s_role_is_refused_and_a_rule_s_own_delivery_is_not(
    member: Member, name: str, eventually: Eventually
) -> None:
    """A service that acts as nobody's role is not bound."""
    events, sqs, states = (member.root(service) for service in ("events", "sqs", "stepfunctions"))
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    urls = [sqs.create_queue(QueueName=f"{name}-{one}", Attributes={"Policy": policy})["QueueUrl"] for one in "ab"]
    inbox, dead = (f"arn:aws:sqs:{member.cloud.region}:{member.id}:{name}-{one}" for one in "ab")
    role = member.make_role(name)
    definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["app.orders"]}))
    targets = [
        {"Id": "queue", "Arn": inbox},
        {"Id": "machine", "Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": dead}},
    ]
    events.put_targets(Rule=name, Targets=targets)
    member.bind(deny(["states:StartExecution", "sqs:SendMessage"]))

    assert (
        events.put_events(Entries=[{"Source": "app.orders", "DetailType": "Paid", "Detail": "{}"}])["FailedEntryCount"]
        == 0
    )

    def receive(url: str) -> Any:
        return sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")

    assert eventually(lambda: receive(urls[0]))
    [letter] = eventually(lambda: receive(urls[1]))
    assert "service control policy" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
