"""A key of another account encrypts and decrypts for whom its policy and their own let."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients
    from laptop_cloud.process import RunningCloud

DENIED = "AccessDeniedException"
USES = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]


@pytest.fixture
def key(client: Clients) -> str:
    """The ARN of a key of whom only its account may say who uses it."""
    return str(client("kms").create_key()["KeyMetadata"]["Arn"])


def let_in(client: Clients, cloud: RunningCloud, key: str, principal: str, actions: list[str] = USES) -> None:
    owner = {**allow(["kms:*"], "*"), "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}}
    them = {**allow(actions, "*"), "Principal": {"AWS": principal}}
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [owner, them]}
    client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


def test_a_key_of_another_account_is_used(
    client: Clients, cloud: RunningCloud, acting: Acting, name: str, key: str
) -> None:
    let_in(client, cloud, key, f"arn:aws:iam::{NEIGHBOUR}:role/{name}")
    theirs = acting("kms", allow(USES, key))

    secret = theirs.encrypt(KeyId=key, Plaintext=b"rows")["CiphertextBlob"]
    assert client("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"rows"
    made = theirs.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert made["KeyId"] == key
    for named in ({"KeyId": key}, {}):
        assert theirs.decrypt(CiphertextBlob=secret, **named)["Plaintext"] == b"rows"
        assert theirs.decrypt(CiphertextBlob=made["CiphertextBlob"], **named)["Plaintext"] == made["Plaintext"]


def test_an_alias_of_another_account_tells_its_key(
    client: Clients, cloud: RunningCloud, acting: Acting, name: str, key: str
) -> None:
    """By its ARN; policies speak of the key."""
    alias = f"alias/{name}"
    client("kms").create_alias(AliasName=alias, TargetKeyId=key)
    let_in(client, cloud, key, f"arn:aws:iam::{NEIGHBOUR}:role/{name}", ["kms:DescribeKey", "kms:Encrypt"])
    theirs = acting("kms", allow(["kms:DescribeKey", "kms:Encrypt"], key))
    named = f"{key.partition(':key/')[0]}:{alias}"

    assert theirs.describe_key(KeyId=named)["KeyMetadata"]["Arn"] == key
    assert theirs.encrypt(KeyId=named, Plaintext=b"rows")["KeyId"] == key
    assert refusal(theirs.generate_data_key, KeyId=named, KeySpec="AES_256") == DENIED
    assert refusal(theirs.describe_key, KeyId=f"{named}-gone") == DENIED


def test_who_may_not_by_their_own_policy_is_refused(
    client: Clients, cloud: RunningCloud, acting: Acting, key: str
) -> None:
    let_in(client, cloud, key, NEIGHBOUR)
    theirs = acting("kms", allow(["kms:Encrypt"], key), allow(USES, f"{key}-other"))

    secret = theirs.encrypt(KeyId=key, Plaintext=b"rows")["CiphertextBlob"]
    for named in ({"KeyId": key}, {}):
        assert refusal(theirs.decrypt, CiphertextBlob=secret, **named) == DENIED


def test_who_is_not_let_in_by_the_key_is_refused(
    client: Clients, neighbour: Clients, cloud: RunningCloud, acting: Acting, key: str
) -> None:
    secret = client("kms").encrypt(KeyId=key, Plaintext=b"rows")["CiphertextBlob"]
    for theirs in (acting("kms", allow(USES, "*")), neighbour("kms")):
        for named in ({"KeyId": key}, {}):
            assert refusal(theirs.decrypt, CiphertextBlob=secret, **named) == DENIED
        assert refusal(theirs.generate_data_key, KeyId=f"{key}-gone", KeySpec="AES_256") == DENIED

    let_in(client, cloud, key, NEIGHBOUR, ["kms:Decrypt"])

    for theirs in (acting("kms", allow(USES, "*")), neighbour("kms")):
        assert theirs.decrypt(CiphertextBlob=secret)["Plaintext"] == b"rows"
        assert refusal(theirs.encrypt, KeyId=key, Plaintext=b"rows") == DENIED
