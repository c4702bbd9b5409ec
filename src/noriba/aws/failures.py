"""What AWS refuses, as errors of the project's own: a program that knows them needs no boto3."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterator


AWS_FAULTS = (ClientError, BotoCoreError)
"""What boto3 raises: a service refused or failed, or could not be reached."""

# Variables each of which says that commands are to go somewhere.
_PLACES = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "NORIBA_PROFILES",
)


class AwsRefusedError(NoribaError):
    """AWS, or the cloud that the environment names, did not do what was asked."""


class NoCloudError(NoribaError):
    """The environment names no cloud, or one that does not answer."""


@contextmanager
def translate_failures() -> Iterator[None]:
    """Raise what boto3 raises within as errors of ours.

    Raises:
        NoCloudError: no credentials, no region, or nobody there.
        AwsRefusedError: a service refused, or failed.
    """
    try:
        yield
    except ClientError as error:
        raise AwsRefusedError(f"AWS refused {error.operation_name}: {error.response['Error']['Message']}") from error
    except (NoRegionError, NoCredentialsError) as error:
        raise NoCloudError(_say_what_is_missing(error)) from error
    except EndpointConnectionError as error:
        raise NoCloudError(f"{error}. Is it running? The environment says where: AWS_ENDPOINT_URL") from error
    except BotoCoreError as error:
        raise AwsRefusedError(str(error)) from error


def _say_what_is_missing(error: NoRegionError | NoCredentialsError) -> str:
    named = next((name for name in _PLACES if name in os.environ), None)
    if named is None:
        return (
            "no laptop cloud is running here, and the environment names no account of AWS. "
            "Start one: noriba up. For AWS: set AWS_PROFILE, and AWS_REGION where the profile has none"
        )
    if isinstance(error, NoRegionError):
        return (
            f"{named} is set, but no region of AWS. Set AWS_REGION, or the profile's: aws configure set region REGION"
        )
    return f"{named} is set, but there are no credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
