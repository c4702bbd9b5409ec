"""The loop over five accounts: what `noriba demo --topology enterprise` walks, and what each account refuses others."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.topology import read_topology
from laptop.organisation import ADMINISTRATOR
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


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Accounts:
    """The accounts of a laptop cloud, as their administrators come in: by a role, from the management account."""

    endpoint_url: str

    def connect(self, account: str, service: str, *, forged: str | None = None) -> Any:
        """A client of an administrator; or of a role that they made themselves, which may do everything they can give.

        Such a role is named as CloudFormation would name one of a stack: by that, other accounts know whom to let in.
        """
        keys = self._take(self._client("sts", {}), account, ADMINISTRATOR)
        if forged is not None:
            iam = self._client("iam", keys)
            trust = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": IDS[account]}, "Action": "sts:AssumeRole"}],
            }
            with suppress(iam.exceptions.EntityAlreadyExistsException):
                iam.create_role(RoleName=forged, AssumeRolePolicyDocument=json.dumps(trust))
            iam.put_role_policy(RoleName=forged, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
            keys = self._take(self._client("sts", keys), account, forged)
        return self._client(service, keys)

    def _take(self, sts: Any, account: str, role: str) -> dict[str, str]:
        arn = f"arn:aws:iam::{IDS[account]}:role/{role}"
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _client(self, service: str, keys: dict[str, str]) -> Any:
        management = {"aws_access_key_id": TOPOLOGY.organisation.management, "aws_secret_access_key": "laptop"}
        place: dict[str, Any] = {"region_name": TOPOLOGY.regions.home, "endpoint_url": self.endpoint_url}
        make: Any = boto3.client
        return make(service, **{**management, **keys, **place})


@pytest.fixture(scope="module")
def accounts(walked: dict[str, Any]) -> Accounts:
    return Accounts(walked["endpoint_url"])


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


def test_staging_left_nothing_behind(accounts: Accounts) -> None:
    staging = accounts.connect("staging", "sagemaker")

    assert not staging.list_endpoints()["Endpoints"]
    assert not staging.list_endpoint_configs()["EndpointConfigs"]
    assert not staging.list_models()["Models"]
    assert accounts.connect("production", "sagemaker").list_endpoints()["Endpoints"]


def refuse(call: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value)


def test_whoever_trains_approves_nothing(walked: dict[str, Any], accounts: Accounts) -> None:
    """Whatever role they make, and whatever it is called."""
    package = walked["model"]["package_arn"]
    told = {"ModelPackageArn": package, "ModelApprovalStatus": "Approved"}

    for name in ("noriba-training-forged", "noriba-rollout-forged", "anything"):
        forged = accounts.connect("development", "sagemaker", forged=name)
        assert "not authorized to perform: sagemaker:UpdateModelPackage" in refuse(forged.update_model_package, **told)


def test_raw_rides_are_read_by_nobody_from_elsewhere(accounts: Accounts) -> None:
    data = accounts.connect("data", "s3")
    [raw] = [bucket["Name"] for bucket in data.list_buckets()["Buckets"] if "data-raw" in bucket["Name"]]
    [landed, *_] = data.list_objects_v2(Bucket=raw)["Contents"]

    for account, name in (("development", "noriba-training-forged"), ("production", "noriba-observations-forged")):
        forged = accounts.connect(account, "s3", forged=name)
        assert "AccessDenied" in refuse(forged.get_object, Bucket=raw, Key=landed["Key"])


@pytest.mark.parametrize(
    ("name", "source"),
    [("noriba-data-forged", "noriba.rollout"), ("noriba-data-forged", "noriba.serving"), ("anything", "noriba.data")],
)
def test_nobody_speaks_on_the_hub_in_another_part_s_name(accounts: Accounts, name: str, source: str) -> None:
    hub = f"arn:aws:events:{TOPOLOGY.regions.home}:{IDS['governance']}:event-bus/noriba"
    entry = {"EventBusName": hub, "Source": source, "DetailType": "Forged", "Detail": json.dumps({})}

    told = refuse(accounts.connect("data", "events", forged=name).put_events, Entries=[entry])

    assert "AccessDenied" in told


def test_a_teardown_that_a_guardrail_refuses_removes_nothing_anywhere(home: Home, walked: dict[str, Any]) -> None:
    """Nobody but the break-glass role deletes captures; models and rides would have been gone by then."""
    done = home.run("teardown", "--yes")

    assert walked
    assert done.returncode == 1
    assert "CapturesDeleted" in done.stderr
    assert [model["version"] for model in home.read("models")] == [1]
    assert home.read("datasets")
    assert home.run("predict").returncode == 0
