"""An organisation in a laptop cloud: its accounts, the roles by which they are entered, and its guardrails.

All by the APIs of AWS, in the name of the cloud's own account, which manages it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3

from laptop_cloud.callers import connect_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from laptop_cloud.process import RunningCloud

_TYPE = "SERVICE_CONTROL_POLICY"
_EVERYTHING = "arn:aws:iam::aws:policy/AdministratorAccess"


def put_in_force(
    cloud: RunningCloud,
    accounts: Iterable[str],
    policies: Mapping[str, Mapping[str, Any]],
    *,
    roles: Sequence[str],
) -> None:
    """Bind accounts by service control policies from now on; once more, by other ones.

    An account that is no member yet becomes one, with roles that may do everything and that the management account may
    take: afterwards there may be no other way in.

    Args:
        cloud: its own account manages the organisation; among `accounts`, it is left alone.
        accounts: their twelve digits.
        policies: documents by name.
        roles: names.
    """
    organizations = _connect(cloud, cloud.account, "organizations")
    members = {one["Id"] for page in _pages(organizations, "list_accounts") for one in page["Accounts"]}
    bound = [account for account in dict.fromkeys(accounts) if account != cloud.account]
    for account in bound:
        if account not in members:
            _make_roles(cloud, account, roles)
            _add_account(cloud, organizations, account)
    ids = _write_policies(organizations, policies)
    for account in bound:
        attached = {one["Id"] for one in _list_attached(organizations, account)}
        for policy in ids:
            if policy not in attached:
                organizations.attach_policy(PolicyId=policy, TargetId=account)


def _make_roles(cloud: RunningCloud, account: str, roles: Sequence[str]) -> None:
    iam = _connect(cloud, account, "iam")
    management = {"AWS": f"arn:aws:iam::{cloud.account}:root"}
    trust = {"Effect": "Allow", "Principal": management, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for role in roles:
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
        iam.attach_role_policy(RoleName=role, PolicyArn=_EVERYTHING)


def _add_account(cloud: RunningCloud, organizations: Any, account: str) -> None:
    answer = organizations.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})
    _connect(cloud, account, "organizations").accept_handshake(HandshakeId=answer["Handshake"]["Id"])


def _write_policies(organizations: Any, policies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The ids of policies that say this, new or changed."""
    known = {
        one["Name"]: one["Id"]
        for page in _pages(organizations, "list_policies", Filter=_TYPE)
        for one in page["Policies"]
    }
    ids = []
    for name, document in policies.items():
        content = json.dumps(document)
        if name in known:
            organizations.update_policy(PolicyId=known[name], Content=content)
            ids.append(known[name])
        else:
            made = organizations.create_policy(Name=name, Description="", Type=_TYPE, Content=content)
            ids.append(made["Policy"]["PolicySummary"]["Id"])
    return ids


def _list_attached(organizations: Any, account: str) -> list[Any]:
    pages = _pages(organizations, "list_policies_for_target", TargetId=account, Filter=_TYPE)
    return [one for page in pages for one in page["Policies"]]


def _connect(cloud: RunningCloud, account: str, service: str) -> Any:
    return boto3.client(service, **connect_as(account, cloud.region, cloud.endpoint_url))  # type: ignore[call-overload]


def _pages(organizations: Any, call: str, **given: str) -> Iterable[Any]:
    pages: Iterable[Any] = organizations.get_paginator(call).paginate(**given)
    return pages
