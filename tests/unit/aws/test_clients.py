"""Where clients go: as the environment says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from noriba.aws.clients import Clients, NoSuchProfileError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, None),
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
    ],
    ids=["none", "AWS_REGION", "AWS_DEFAULT_REGION", "both"],
)
def test_the_region_is_the_one_that_the_aws_cli_would_take(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Clients().region == region


def test_a_profile_s_address_goes_with_a_role_that_is_taken_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever acts as a role has credentials of its own, and no profile."""
    config = tmp_path / "config"
    config.write_text(
        "[profile laptop]\naws_access_key_id = 444444444444\naws_secret_access_key = x\n"
        "region = eu-west-1\nendpoint_url = http://127.0.0.1:4999\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    clients = Clients.of_profile("laptop")
    with Stubber(clients.sts) as sts:
        granted = {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": datetime(2026, 7, 1, tzinfo=UTC),
        }
        sts.add_response("assume_role", {"Credentials": granted})
        acting = clients.acting_as("arn:aws:iam::444444444444:role/approver", session_name="ada")

    for one in (clients, acting):
        assert (one.s3.meta.endpoint_url, one.region) == ("http://127.0.0.1:4999", "eu-west-1")


def test_a_profile_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(NoSuchProfileError, match="nobody"):
        Clients.of_profile("nobody")
