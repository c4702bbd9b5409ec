"""Two accounts as moto keeps them, each with a profile of AWS's configuration, and a third by the environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from noriba.aws.clients import Clients

REGION: Final = "ap-northeast-1"
DEFAULT: Final = "123456789012"
"""moto's own."""


@dataclass(frozen=True)
class Profiles:
    """A configuration file; a profile is named after its account."""

    file: Path

    def add(self, name: str, account: str) -> None:
        """A profile of whoever took a role in that account, which moto keeps apart."""
        sts = boto3.client("sts", region_name=REGION)
        role = f"arn:aws:iam::{account}:role/tester"
        granted = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        with self.file.open("a") as file:
            file.write(
                f"[profile {name}]\n"
                f"aws_access_key_id = {granted['AccessKeyId']}\n"
                f"aws_secret_access_key = {granted['SecretAccessKey']}\n"
                f"aws_session_token = {granted['SessionToken']}\n"
                f"region = {REGION}\n"
            )


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, accounts: Mapping[str, str]) -> Profiles:
    """Let the process's environment name a configuration with these profiles; call it while moto is there."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "NORIBA_PROFILES"):
        monkeypatch.delenv(name, raising=False)
    profiles = Profiles(folder / "config")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles.file))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name, account in accounts.items():
        profiles.add(name, account)
    return profiles


def make_stack(clients: Clients, name: str, outputs: Mapping[str, str], *, buckets: Mapping[str, str]) -> None:
    """A stack with these outputs, and with buckets, each of which is an output too."""
    template = {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
            **{key: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": one}} for key, one in buckets.items()},
        },
        "Outputs": {key: {"Value": value} for key, value in {**outputs, **buckets}.items()},
    }
    clients.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
