"""Objects of another account's bucket are there for whom its policy and their own let in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR, make_role
from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients
    from laptop_cloud.process import RunningCloud

REFUSED = {"AccessDenied", "AccessDeniedException", "403"}


@pytest.fixture
def bucket(client: Clients, name: str) -> str:
    """A bucket without a policy, an object in each of two folders."""
    client("s3").create_bucket(Bucket=name)
    for key in ("theirs/a", "ours/a"):
        client("s3").put_object(Bucket=name, Key=key, Body=b"rows")
    return name


def let_in(client: Clients, bucket: str, principal: Any, **condition: dict[str, Any]) -> None:
    """Let others read and write in one folder of a bucket, and list it."""
    policy = [
        {
            **allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/theirs/*", **condition),
            "Principal": principal,
        },
        {
            **allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": "theirs/*"}, **condition),
            "Principal": principal,
        },
    ]
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))


def everything(bucket: str) -> tuple[dict[str, Any], ...]:
    return allow(["s3:*"], f"arn:aws:s3:::{bucket}"), allow(["s3:*"], f"arn:aws:s3:::{bucket}/*")


@pytest.mark.parametrize("whom", ["role", "account", "condition"])
def test_objects_of_another_account_s_bucket(
    client: Clients, acting: Acting, name: str, bucket: str, whom: str
) -> None:
    role = f"arn:aws:iam::{NEIGHBOUR}:role/{name}"
    like = {"ArnLike": {"aws:PrincipalArn": f"{role[:-1]}*"}}
    let_in(client, bucket, {"AWS": role if whom == "role" else NEIGHBOUR}, **(like if whom == "condition" else {}))
    s3 = acting("s3", *everything(bucket))

    assert s3.get_object(Bucket=bucket, Key="theirs/a")["Body"].read() == b"rows"
    s3.put_object(Bucket=bucket, Key="theirs/b", Body=b"more")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="theirs/")["Contents"]] == [
        "theirs/a",
        "theirs/b",
    ]
    assert client("s3").get_object(Bucket=bucket, Key="theirs/b")["Body"].read() == b"more"

    assert refusal(s3.get_object, Bucket=bucket, Key="ours/a") in REFUSED
    assert refusal(s3.delete_object, Bucket=bucket, Key="theirs/a") in REFUSED
    assert refusal(s3.list_objects_v2, Bucket=bucket, Prefix="ours/") in REFUSED


@pytest.mark.parametrize("whom", ["role", "condition"])
def test_a_bucket_does_not_let_in_others_of_that_account(
    cloud: RunningCloud, client: Clients, neighbour: Clients, name: str, bucket: str, whom: str
) -> None:
    role = f"arn:aws:iam::{NEIGHBOUR}:role/{name}"
    named = {"ArnLike": {"aws:PrincipalArn": role}}
    let_in(client, bucket, {"AWS": role if whom == "role" else NEIGHBOUR}, **(named if whom == "condition" else {}))
    other = make_role(neighbour("iam"), NEIGHBOUR, f"{name}-other", *everything(bucket))
    s3 = act_as(cloud, neighbour, other).client("s3", endpoint_url=cloud.endpoint_url)

    assert refusal(s3.get_object, Bucket=bucket, Key="theirs/a") in REFUSED
    assert refusal(neighbour("s3").get_object, Bucket=bucket, Key="theirs/a") in REFUSED


def test_who_may_not_by_their_own_policy_is_refused(client: Clients, acting: Acting, bucket: str) -> None:
    let_in(client, bucket, {"AWS": NEIGHBOUR})
    s3 = acting("s3", allow(["s3:PutObject"], f"arn:aws:s3:::{bucket}/*"))

    assert refusal(s3.get_object, Bucket=bucket, Key="theirs/a") in REFUSED
    s3.put_object(Bucket=bucket, Key="theirs/a", Body=b"")


def test_a_bucket_without_a_policy_stays_closed(acting: Acting, bucket: str) -> None:
    assert refusal(acting("s3", *everything(bucket)).get_object, Bucket=bucket, Key="theirs/a") in REFUSED


def test_one_s_own_policy_may_ask_whose_the_bucket_is(
    client: Clients, acting: Acting, cloud: RunningCloud, bucket: str
) -> None:
    let_in(client, bucket, {"AWS": NEIGHBOUR})
    objects = f"arn:aws:s3:::{bucket}/*"
    for account, read in ((cloud.account, True), (NEIGHBOUR, False)):
        s3 = acting("s3", allow(["s3:GetObject"], objects, StringEquals={"aws:ResourceAccount": account}))
        if read:
            s3.get_object(Bucket=bucket, Key="theirs/a")
        else:
            assert refusal(s3.get_object, Bucket=bucket, Key="theirs/a") in REFUSED


def test_a_policy_at_home_may_ask_for_a_role_too(cloud: RunningCloud, client: Clients, name: str, bucket: str) -> None:
    """Of those whom it lets in, the session's ARN is not what it asks for."""
    only = {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{cloud.account}:role/{name}"}}
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = {"Version": "2012-10-17", "Statement": [{**refused, "Condition": only}]}
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    for role in (name, f"{name}-other"):
        arn = make_role(client("iam"), cloud.account, role, *everything(bucket))
        s3 = act_as(cloud, client, arn).client("s3", endpoint_url=cloud.endpoint_url)
        if role == name:
            s3.get_object(Bucket=bucket, Key="theirs/a")
        else:
            assert refusal(s3.get_object, Bucket=bucket, Key="theirs/a") in REFUSED
