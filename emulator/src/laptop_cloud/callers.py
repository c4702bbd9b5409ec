"""Who calls the laptop cloud: an access key of 12 digits *is* the account there, and no secret is checked."""

from __future__ import annotations

from typing import NotRequired, TypedDict

_SECRET = "laptop"  # noqa: S105  # a word in its place: nobody checks it


class Connection(TypedDict):
    """What a boto3 client needs."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: NotRequired[str]


def connect_as(account: str, region: str, endpoint_url: str) -> Connection:
    """The arguments with which a boto3 client acts for an account in a region."""
    return {
        "endpoint_url": endpoint_url,
        "region_name": region,
        "aws_access_key_id": account,
        "aws_secret_access_key": _SECRET,
    }


def describe_caller(account: str, region: str) -> dict[str, str]:
    """The same as a program's environment, which lacks only the address."""
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
