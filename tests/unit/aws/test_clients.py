"""Where clients go: as the environment says."""

from __future__ import annotations

import pytest

from noriba.aws.clients import Clients


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
