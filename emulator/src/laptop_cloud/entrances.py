"""How whoever works in a laptop cloud comes into its accounts: by an account's own key, or by a role there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3

from laptop_cloud.callers import connect_as, describe_caller

if TYPE_CHECKING:
    from laptop_cloud.callers import Connection
    from laptop_cloud.process import RunningCloud

ACCESS_ROLE = "OrganizationAccountAccessRole"
"""By which a management account comes into the accounts of its organisation.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access-cross-account-role.html
"""
_SESSION = "laptop"


@dataclass(frozen=True)
class Entrance:
    """Into the accounts of a cloud, for whoever has its own account.

    Args:
        cloud: that runs.
        role: its name, in every other account; their own keys, where it is None.
    """

    cloud: RunningCloud
    role: str | None = None
    _sessions: dict[str, dict[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def connect(self, account: str, region: str) -> Connection:
        """The arguments with which a boto3 client acts in an account."""
        environment = self.describe(account, region)
        connection = connect_as(account, region, self.cloud.endpoint_url)
        if "AWS_SESSION_TOKEN" in environment:
            connection["aws_access_key_id"] = environment["AWS_ACCESS_KEY_ID"]
            connection["aws_secret_access_key"] = environment["AWS_SECRET_ACCESS_KEY"]
            connection["aws_session_token"] = environment["AWS_SESSION_TOKEN"]
        return connection

    def describe(self, account: str, region: str) -> dict[str, str]:
        """The variables with which a program acts in an account, which lack only the address."""
        environment = describe_caller(account, region)
        if self.role is None or account == self.cloud.account:
            return environment
        if account not in self._sessions:
            self._sessions[account] = self._take(f"arn:aws:iam::{account}:role/{self.role}")
        return {**environment, **self._sessions[account]}

    def _take(self, role: str) -> dict[str, str]:
        home = connect_as(self.cloud.account, self.cloud.region, self.cloud.endpoint_url)
        given = boto3.client("sts", **home).assume_role(RoleArn=role, RoleSessionName=_SESSION)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
