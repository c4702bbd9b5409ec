"""What the doctor finds: each thing that a first deployment fails on, with the command that fixes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from noriba.aws.places import PARTS, Place
from noriba.aws.preflight import KEPT_AS, CheckResult, Wishes, check_account, check_deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from noriba.aws.clients import Clients
    from noriba.aws.objects import ObjectStore
    from noriba.aws.places import Part

WISHES = Wishes()
QUOTAS = {
    "ml.m5.xlarge for training job usage": ("L-CCE2AFA6", 1.0),
    "ml.m5.xlarge for processing job usage": ("L-0307F515", 1.0),
    "ml.m5.large for endpoint usage": ("L-9614C779", 4.0),
    "Number of instances across active endpoints": ("L-7A3DF611", 4.0),
}


@dataclass
class FakeQuotas:
    """Service Quotas and Lambda's account settings, which moto does not have: they answer what a test says."""

    quotas: dict[str, tuple[str, float]]
    functions: int = 1000
    denied: str | None = None

    def get_paginator(self, _operation: str) -> FakeQuotas:
        return self

    def paginate(self, **_request: str) -> Iterator[dict[str, Any]]:
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": self.denied}}, "ListServiceQuotas")
        for name, (code, value) in self.quotas.items():
            yield {"Quotas": [{"QuotaName": name, "QuotaCode": code, "Value": value}]}

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.functions}}


class FakeAccount:
    """An account as moto keeps it, but for its quotas."""

    def __init__(self, clients: Clients, quotas: FakeQuotas) -> None:
        self._clients = clients
        self._quotas = quotas

    def other(self, service: str) -> Any:
        return self._quotas if service in {"lambda", "service-quotas"} else self._clients.other(service)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clients, name)


@pytest.fixture
def look(clients: Clients, tmp_path: Path) -> Callable[..., dict[str, CheckResult]]:
    """`look(…)`: the findings about an account in which all is well but for what is said, by what they are about."""

    def check(
        quotas: FakeQuotas | None = None,
        wishes: Wishes = WISHES,
        parts: tuple[Part, ...] = PARTS,
        profile: str | None = None,
        **environment: str,
    ) -> dict[str, CheckResult]:
        for program in ("docker", "podman"):
            (tmp_path / program).touch(mode=0o755)
        account: Any = FakeAccount(clients, quotas or FakeQuotas(QUOTAS))
        place = Place(parts, profile, account)
        found = check_account(place, wishes, environment={"PATH": str(tmp_path), **environment})
        return {finding.what: finding for finding in found}

    return check


@pytest.fixture
def bootstrapped(clients: Clients) -> Iterator[None]:
    ssm = clients.other("ssm")
    ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="23", Type="String")
    yield
    ssm.delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")


@pytest.mark.usefixtures("bootstrapped")
def test_an_account_that_has_everything_is_good(look: Callable[..., dict[str, CheckResult]]) -> None:
    found = look()

    assert {finding.level for finding in found.values()} == {"good"}
    assert "ap-northeast-1" in found["credentials"].found


def test_an_account_without_bootstrap_is_told_the_command(look: Callable[..., dict[str, CheckResult]]) -> None:
    bootstrap = look()["bootstrap"]

    assert (bootstrap.level, bootstrap.found) == ("bad", "missing")
    assert bootstrap.remedy == "cdk bootstrap aws://123456789012/ap-northeast-1"


def test_one_of_several_accounts_is_told_what_is_to_do_there_and_with_which_profile(
    look: Callable[..., dict[str, CheckResult]],
) -> None:
    found = look(parts=("staging",), profile="acme-staging")

    assert found.keys() == {
        "credentials",
        "bootstrap",
        "ml.m5.large for endpoint usage",
        "Number of instances across active endpoints",
    }
    assert found["bootstrap"].remedy.startswith(
        "cdk bootstrap aws://123456789012/ap-northeast-1 --profile acme-staging; where another account deploys to it"
    )


@pytest.mark.parametrize(
    ("parts", "needs"),
    [
        (("data", "events"), {}),
        (("training",), {"ml.m5.xlarge for training job usage": 1, "ml.m5.xlarge for processing job usage": 1}),
        (("staging",), {"ml.m5.large for endpoint usage": 1, "Number of instances across active endpoints": 1}),
        (("rollout",), {"ml.m5.large for endpoint usage": 4, "Number of instances across active endpoints": 4}),
    ],
)
def test_an_account_needs_instances_for_its_parts_alone(parts: tuple[Part, ...], needs: dict[str, int]) -> None:
    assert WISHES.count_instances(parts) == needs


def test_where_functions_answer_instances_train_alone() -> None:
    needs = replace(WISHES, serving="function").count_instances()

    assert needs
    assert not [name for name in needs if "endpoint" in name]


@pytest.mark.parametrize(("functions", "level"), [(10, "look"), (8, "bad"), (99, "look"), (100, "good")])
def test_how_many_functions_run_at_once_is_held_against_what_a_file_takes(
    look: Callable[..., dict[str, CheckResult]], functions: int, level: str
) -> None:
    found = look(FakeQuotas(QUOTAS, functions=functions))["functions at once"]

    assert found.level == level
    assert (level == "good") == (found.remedy == "")
    if found.remedy:
        assert "--service-code lambda --quota-code L-B99A9384" in found.remedy


def test_more_memory_than_a_new_account_has_is_worth_a_look(look: Callable[..., dict[str, CheckResult]]) -> None:
    assert "functions' memory" not in look()
    assert look(wishes=replace(WISHES, transform_memory_mb=3538))["functions' memory"].level == "look"


def test_an_instance_that_the_account_may_not_have_is_told_with_its_quota(
    look: Callable[..., dict[str, CheckResult]],
) -> None:
    name = "ml.m5.large for endpoint usage"
    found = look(FakeQuotas({**QUOTAS, name: ("L-9614C779", 2.0)}))[name]

    assert (found.level, found.found) == ("bad", "2, and 4 are needed")
    assert found.remedy.endswith("--service-code sagemaker --quota-code L-9614C779 --desired-value 4")


@pytest.mark.parametrize(
    ("rollout", "fleets", "staging"),
    [
        # From shadow to canary, two fleets are replaced by two, long after staging.
        ("full", 4, 0),
        # From the canary to production, two by one; into it, one by two, and staging may still be going.
        ("canary", 3, 1),
        ("direct", 2, 1),
    ],
)
def test_an_update_needs_the_old_fleets_beside_the_new_ones(rollout: str, fleets: int, staging: int) -> None:
    wishes = replace(WISHES, rollout=rollout, production_instances=5)
    apart = replace(wishes, staging_instance="ml.c5.large", use_cases=3)

    assert wishes.count_instances()["ml.m5.large for endpoint usage"] == 5 * fleets + staging
    assert apart.count_instances()["ml.m5.large for endpoint usage"] == 5 * (fleets + 2)
    assert apart.count_instances()["ml.c5.large for endpoint usage"] == 1
    assert apart.count_instances()["Number of instances across active endpoints"] == 5 * (fleets + 2) + 1


def test_a_quota_that_is_not_told_is_worth_a_look(look: Callable[..., dict[str, CheckResult]]) -> None:
    assert look(FakeQuotas({}))["ml.m5.xlarge for training job usage"].level == "look"


def test_what_the_credentials_may_not_look_at_does_not_end_the_examination(
    look: Callable[..., dict[str, CheckResult]],
) -> None:
    found = look(FakeQuotas(QUOTAS, denied="not authorized to perform servicequotas:ListServiceQuotas"))

    assert found["instances"].level == "look"
    assert "not authorized" in found["instances"].remedy
    assert found["container engine"].level == "good"


@pytest.mark.parametrize(
    ("engine", "environment", "level"),
    [
        ("docker", {}, "good"),
        ("docker", {"CDK_DOCKER": "finch"}, "bad"),
        ("docker", {"CDK_DOCKER": "podman"}, "bad"),
        ("docker", {"CDK_DOCKER": "podman", "BUILDAH_FORMAT": "docker"}, "bad"),
        ("podman", {"CDK_DOCKER": "podman"}, "bad"),
        ("podman", {"CDK_DOCKER": "podman", "BUILDAH_FORMAT": "docker"}, "good"),
    ],
)
def test_an_engine_that_is_missing_or_writes_what_sagemaker_refuses_is_found(
    look: Callable[..., dict[str, CheckResult]], engine: str, environment: dict[str, str], level: str
) -> None:
    found = look(wishes=replace(WISHES, container_engine=engine), **environment)["container engine"]

    assert found.level == level
    assert (level == "good") == (found.remedy == "")


# --- after a deployment -----------------------------------------------------------------------------------------------


def examine(clients: Clients) -> dict[str, CheckResult]:
    return {finding.what: finding for finding in check_deployment(Place(PARTS, None, clients), WISHES)}


def deploy(clients: Clients, **topics: str) -> None:
    """A stack with nothing but these outputs."""
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in topics.items()},
    }
    clients.cloudformation.create_stack(StackName="noriba-events", TemplateBody=json.dumps(template))


@pytest.fixture
def topic(clients: Clients) -> Iterator[str]:
    sns = clients.other("sns")
    arn = sns.create_topic(Name="operators")["TopicArn"]
    deploy(clients, OperatorsTopicArn=arn)
    yield arn
    clients.cloudformation.delete_stack(StackName="noriba-events")
    sns.delete_topic(TopicArn=arn)


def test_alarms_that_nobody_is_told_of_are_worth_a_look(clients: Clients, topic: str) -> None:
    assert topic
    found = examine(clients)["operator_email"]

    assert (found.level, found.found) == ("look", "nobody is told")


def test_alarms_that_somebody_is_told_of_are_good(clients: Clients, topic: str) -> None:
    clients.other("sns").subscribe(TopicArn=topic, Protocol="sms", Endpoint="+81312345678")

    assert examine(clients)["operator_email"].level == "good"


def test_logs_of_jobs_that_are_kept_for_ever_are_told_with_the_command(clients: Clients, topic: str) -> None:
    assert topic
    group = "/aws/sagemaker/TrainingJobs"
    clients.logs.create_log_group(logGroupName=group)
    before = examine(clients)[group]
    clients.logs.put_retention_policy(logGroupName=group, retentionInDays=90)
    after = examine(clients)
    clients.logs.delete_log_group(logGroupName=group)

    assert before.remedy == f"aws logs put-retention-policy --log-group-name {group} --retention-in-days 90"
    assert group not in after


def test_what_an_earlier_deployment_kept_is_told_as_the_settings_that_use_it_again(
    clients: Clients, store: ObjectStore
) -> None:
    tags = [
        {"Key": "application", "Value": "noriba"},
        {"Key": KEPT_AS, "Value": "raw_bucket"},
    ]
    clients.s3.put_bucket_tagging(Bucket=store.bucket, Tagging={"TagSet": tags})  # type: ignore[typeddict-item]

    found = examine(clients)["kept"]

    assert found.level == "look"
    assert found.remedy == f'to use it again, in noriba.toml: [kept] raw_bucket = "{store.bucket}"'
    clients.s3.delete_bucket_tagging(Bucket=store.bucket)


def test_where_nothing_was_ever_deployed_nothing_is_missed(clients: Clients) -> None:
    assert {finding.level for finding in examine(clients).values()} == {"good"}
