"""Accounts of an organisation, whose management account is the laptop cloud's own, and its guardrails."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from emulator.tests.conftest import connect, make_role
from emulator.tests.permissions import act_as

if TYPE_CHECKING:
    import boto3

    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud


class Member:
    """An account that nobody else has, in the organisation."""

    def __init__(self, cloud: RunningCloud, management: Clients) -> None:
        self.cloud = cloud
        self.id = str(secrets.randbelow(9 * 10**11) + 10**11)
        self.root = connect(cloud, self.id)
        self.organizations = management("organizations")
        handshake = self.organizations.invite_account_to_organization(Target={"Id": self.id, "Type": "ACCOUNT"})
        self.root("organizations").accept_handshake(HandshakeId=handshake["Handshake"]["Id"])

    def make_role(self, name: str, *statements: dict[str, Any]) -> str:
        """The ARN of a role that may do this; everything, where nothing is said."""
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return make_role(self.root("iam"), self.id, name, *(statements or (everything,)))

    def take(self, role: str) -> boto3.Session:
        """A session of somebody who has assumed a role, which must be there before guardrails bind the root user."""
        return act_as(self.cloud, self.root, role)

    def bind(self, *statements: dict[str, Any], target: str | None = None) -> str:
        """Attach a policy to the account, unless told otherwise; the policy's id."""
        policy: str = self.organizations.create_policy(
            Content=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
            Description="",
            Name=f"guard-{secrets.token_hex(6)}",
            Type="SERVICE_CONTROL_POLICY",
        )["Policy"]["PolicySummary"]["Id"]
        self.organizations.attach_policy(PolicyId=policy, TargetId=target or self.id)
        return policy

    def leave_full_access(self) -> None:
        """Let nothing be allowed at the account any more but what its other policies allow."""
        self.organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=self.id)


def deny(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    more = {"Condition": condition} if condition else {}
    return {"Sid": "Guard", "Effect": "Deny", "Action": action, "Resource": resource, **more}
