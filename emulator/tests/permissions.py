"""Acting as somebody who may not do everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud


def allow(actions: list[str], resource: str, **condition: dict[str, Any]) -> dict[str, Any]:
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def act_as(cloud: RunningCloud, client: Clients, role: str) -> boto3.Session:
    """A session of somebody who has assumed a role."""
    given = client("sts").assume_role(RoleArn=role, RoleSessionName="somebody")["Credentials"]
    return boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=cloud.region
    )


def refusal(call: Any, **how: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**how)
    return str(refused.value.response["Error"]["Code"])
