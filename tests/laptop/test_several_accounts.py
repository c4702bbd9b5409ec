"""The loop over five accounts: what `noriba demo --topology enterprise` walks, and what each account refuses others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.topology import read_topology
from laptop.state import PROJECT_ROOT
from tests.laptop.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOPOLOGY = read_topology(PROJECT_ROOT / "topology.example.toml")
IDS = {name: account.id or "" for name, account in TOPOLOGY.accounts.items()}
OF_THE_LOOP = ("governance", "data", "development", "staging", "production")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, share_wheels: Callable[[Path], None]) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("accounts"))
    share_wheels(found.folder)
    yield found
    found.run("down")


@pytest.fixture(scope="module")
def walked(home: Home) -> dict[str, Any]:
    """The report of a demo over all accounts, whose cloud still runs."""
    done = home.demo("--topology", "enterprise", "--rows", "8000", "--keep")
    assert done.returncode == 0, done.stderr
    return home.report


@pytest.fixture
def connect(walked: dict[str, Any]) -> Callable[..., Any]:
    """`connect(account, service)`, as the account's owner; with a role's name in part, as that."""

    make: Any = boto3.client

    def client(account: str, service: str, *, role: str | None = None) -> Any:
        keys: dict[str, Any] = {"aws_access_key_id": IDS[account], "aws_secret_access_key": "laptop"}
        place: dict[str, Any] = {"region_name": TOPOLOGY.regions.home, "endpoint_url": walked["endpoint_url"]}
        if role is not None:
            roles = make("iam", **keys, **place).get_paginator("list_roles").paginate()
            [arn] = [one["Arn"] for page in roles for one in page["Roles"] if role in one["RoleName"]]
            granted = make("sts", **keys, **place).assume_role(RoleArn=arn, RoleSessionName="test")
            found = granted["Credentials"]
            keys = {
                "aws_access_key_id": found["AccessKeyId"],
                "aws_secret_access_key": found["SecretAccessKey"],
                "aws_session_token": found["SessionToken"],
            }
        return make(service, **keys, **place)

    return client


def test_the_loop_went_through_all_accounts(walked: dict[str, Any]) -> None:
    touched: dict[str, set[str]] = {}
    for resource in walked["resources"]:
        touched.setdefault(resource["account"], set()).add(resource["type"])

    assert touched.keys() == {IDS[name] for name in OF_THE_LOOP}
    assert {"AWS::S3::Bucket", "AWS::DynamoDB::Table"} <= touched[IDS["data"]]
    assert "AWS::SageMaker::ModelPackage" in touched[IDS["governance"]]
    assert "AWS::SageMaker::Endpoint" in touched[IDS["staging"]] & touched[IDS["production"]]
    assert "sagemaker:training-job" in touched[IDS["development"]]
    assert walked["model"]["version"] == 1
    assert len(walked["predictions"]) > 1


def test_nothing_went_wrong_anywhere(home: Home, walked: dict[str, Any]) -> None:
    status = home.read("status")

    assert walked
    assert not status["alarms"]
    assert len(status["accounts"]) == 5
    assert {account["dead_letters"] for account in status["accounts"]} == {0}


def test_production_is_watched_by_what_lies_in_other_accounts(home: Home, walked: dict[str, Any]) -> None:
    """The ledger, models and their evidence: MONITOR reads all of them."""
    done = home.run("monitor")

    assert walked
    assert done.returncode == 0, done.stderr
    assert "not enough data" in done.stdout


def test_staging_left_nothing_behind(connect: Callable[..., Any]) -> None:
    staging = connect("staging", "sagemaker")

    assert not staging.list_endpoints()["Endpoints"]
    assert not staging.list_endpoint_configs()["EndpointConfigs"]
    assert not staging.list_models()["Models"]
    assert connect("production", "sagemaker").list_endpoints()["Endpoints"]


def refuse(call: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value)


def test_whoever_trains_approves_nothing(walked: dict[str, Any], connect: Callable[..., Any]) -> None:
    """Neither the role that registers, nor the owner of its account."""
    package = walked["model"]["package_arn"]

    for role in ("RegisterCandidate", None):
        registrar = connect("development", "sagemaker", role=role)
        told = refuse(registrar.update_model_package, ModelPackageArn=package, ModelApprovalStatus="Approved")
        assert "not authorized to perform: sagemaker:UpdateModelPackage" in told
    found = connect("governance", "sagemaker").describe_model_package(ModelPackageName=package)
    assert found["ModelApprovalStatus"] == "Approved"


def test_raw_rides_are_read_by_nobody_from_elsewhere(walked: dict[str, Any], connect: Callable[..., Any]) -> None:
    buckets = connect("data", "s3").list_buckets()["Buckets"]
    [raw] = [bucket["Name"] for bucket in buckets if "raw" in bucket["Name"]]
    [landed, *_] = connect("data", "s3").list_objects_v2(Bucket=raw)["Contents"]

    assert walked
    for account, role in (("development", "RegisterCandidate"), ("production", "GatherTraffic"), ("production", None)):
        told = refuse(connect(account, "s3", role=role).get_object, Bucket=raw, Key=landed["Key"])
        assert "AccessDenied" in told


@pytest.mark.parametrize(
    ("account", "role", "source"),
    [
        ("data", None, "noriba.rollout"),
        ("development", "RegisterCandidate", "noriba.rollout"),
        ("data", None, "elsewhere"),
    ],
)
def test_nobody_speaks_on_the_hub_who_is_not_let_in_for_it(
    walked: dict[str, Any], connect: Callable[..., Any], account: str, role: str | None, source: str
) -> None:
    hub = f"arn:aws:events:{TOPOLOGY.regions.home}:{IDS['governance']}:event-bus/noriba"
    entry = {"EventBusName": hub, "Source": source, "DetailType": "Forged", "Detail": json.dumps({})}

    assert walked
    assert "AccessDenied" in refuse(connect(account, "events", role=role).put_events, Entries=[entry])
