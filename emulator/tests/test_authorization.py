"""Whoever calls may do what the policies of their role allow, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients, Functions, Role
    from laptop_cloud.process import RunningCloud

ACCOUNT = "123456789012"
REFUSED = {"AccessDenied", "AccessDeniedException"}


@pytest.fixture
def buckets(client: Clients, name: str) -> tuple[str, str]:
    """Two buckets that let in nobody without encryption, an object in each."""
    made = (f"{name}-a", f"{name}-b")
    for bucket in made:
        client("s3").create_bucket(Bucket=bucket)
        client("s3").put_object(Bucket=bucket, Key="k", Body=b"rows")
        insecure = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        client("s3").put_bucket_policy(
            Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [insecure]})
        )
    return made


def test_a_person_is_held_to_the_role_that_they_took(
    cloud: RunningCloud, client: Clients, role: Role, buckets: tuple[str, str]
) -> None:
    ours, others = buckets
    session = act_as(cloud, client, role(allow(["s3:GetObject"], f"arn:aws:s3:::{ours}/*")))
    s3 = session.client("s3", endpoint_url=cloud.endpoint_url)

    assert s3.get_object(Bucket=ours, Key="k")["Body"].read() == b"rows"
    assert refusal(s3.get_object, Bucket=others, Key="k") in REFUSED
    assert refusal(s3.put_object, Bucket=ours, Key="k", Body=b"") in REFUSED


def test_a_function_is_held_to_its_role(
    client: Clients, role: Role, function: Functions, buckets: tuple[str, str]
) -> None:
    ours, others = buckets
    source = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        return boto3.client("s3").get_object(Bucket=event["bucket"], Key="k")["Body"].read().decode()
    except ClientError as error:
        return error.response["Error"]["Code"]
"""
    arn = function(source, Role=role(allow(["s3:GetObject"], f"arn:aws:s3:::{ours}/*")), Timeout=20)

    def ask(bucket: str) -> Any:
        answer = client("lambda").invoke(FunctionName=arn, Payload=json.dumps({"bucket": bucket}).encode())
        return json.loads(answer["Payload"].read())

    assert ask(ours) == "rows"
    assert ask(others) in REFUSED


@pytest.mark.parametrize(
    ("sources", "taken"), [(["app.orders"], True), (["app.money"], False), (["app.orders", "app.money"], False)]
)
def test_nobody_speaks_in_another_s_name(
    cloud: RunningCloud, client: Clients, role: Role, sources: list[str], taken: bool
) -> None:
    bus = f"arn:aws:events:{cloud.region}:{ACCOUNT}:event-bus/default"
    only: dict[str, dict[str, Any]] = {
        "ForAllValues:StringEquals": {"events:source": ["app.orders"]},
        "Null": {"events:source": "false"},
    }
    session = act_as(cloud, client, role(allow(["events:PutEvents"], bus, **only)))
    events: Any = session.client("events", endpoint_url=cloud.endpoint_url)
    entries = [{"Source": source, "DetailType": "Paid", "Detail": "{}"} for source in sources]

    if taken:
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
    else:
        assert refusal(events.put_events, Entries=entries) in REFUSED


def test_a_repository_is_described_by_who_may_see_it(
    cloud: RunningCloud, client: Clients, role: Role, name: str
) -> None:
    for repository in (name, f"{name}-other"):
        client("ecr").create_repository(repositoryName=repository)
    repository = f"arn:aws:ecr:{cloud.region}:{ACCOUNT}:repository/{name}"
    session = act_as(cloud, client, role(allow(["ecr:DescribeRepositories"], repository)))
    ecr = session.client("ecr", endpoint_url=cloud.endpoint_url)

    [found] = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert found["repositoryName"] == name
    assert refusal(ecr.describe_repositories, repositoryNames=[f"{name}-other"]) in REFUSED
    assert refusal(ecr.describe_repositories, repositoryNames=[name, f"{name}-other"]) in REFUSED


def test_an_alarm_is_described_by_who_may_see_it(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    for alarm in (name, f"{name}-other"):
        client("cloudwatch").put_metric_alarm(
            AlarmName=alarm,
            Namespace="Shop",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    alarm = f"arn:aws:cloudwatch:{cloud.region}:{ACCOUNT}:alarm:{name}"
    session = act_as(cloud, client, role(allow(["cloudwatch:DescribeAlarms"], alarm)))
    cloudwatch = session.client("cloudwatch", endpoint_url=cloud.endpoint_url)

    [found] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert found["AlarmName"] == name
    assert refusal(cloudwatch.describe_alarms, AlarmNames=[f"{name}-other"]) in REFUSED
    assert refusal(cloudwatch.describe_alarms, AlarmNames=[name, f"{name}-other"]) in REFUSED


def test_a_query_is_its_workgroup_s(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    client("s3").create_bucket(Bucket=name)
    ids = {}
    for workgroup in (name, f"{name}-other"):
        client("athena").create_work_group(Name=workgroup)
        ids[workgroup] = client("athena").start_query_execution(
            QueryString="SELECT 1", WorkGroup=workgroup, ResultConfiguration={"OutputLocation": f"s3://{name}/"}
        )["QueryExecutionId"]
    workgroup = f"arn:aws:athena:{cloud.region}:{ACCOUNT}:workgroup/{name}"
    session = act_as(cloud, client, role(allow(["athena:GetQueryExecution"], workgroup)))
    athena = session.client("athena", endpoint_url=cloud.endpoint_url)

    assert athena.get_query_execution(QueryExecutionId=ids[name])["QueryExecution"]["WorkGroup"] == name
    assert refusal(athena.get_query_execution, QueryExecutionId=ids[f"{name}-other"]) in REFUSED
    assert refusal(athena.get_query_results, QueryExecutionId=ids[name]) in REFUSED


@pytest.mark.parametrize(("may", "trusted"), [(True, True), (False, True), (True, False)])
def test_a_role_of_another_account_is_taken_by_whom_it_trusts(  # fixtures
    cloud: RunningCloud,
    client: Clients,
    role: Role,
    acting: Acting,
    name: str,
    may: bool,
    trusted: bool,
) -> None:
    inside = role(allow(["sqs:ListQueues"], "*"))
    principal = {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{name if trusted else 'another'}"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    sts = acting("sts", allow(["sts:AssumeRole"], inside if may else f"{inside}-other"))

    if not (may and trusted):
        assert refusal(sts.assume_role, RoleArn=inside, RoleSessionName="guest") in REFUSED
        return
    given = sts.assume_role(RoleArn=inside, RoleSessionName="guest")["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name="us-east-1"
    )
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    sqs = session.client("sqs", endpoint_url=cloud.endpoint_url)
    assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    assert refusal(sqs.delete_queue, QueueUrl=url) in REFUSED
