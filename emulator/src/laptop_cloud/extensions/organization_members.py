"""Accounts join an organisation by its invitation and leave it; MiniStack's own has those alone that it makes up.

A member sees of the organisation what anybody may, whose it is, and manages nothing of it.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_invites.html
"""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import (
    Seam,
    current_account,
    current_region,
    in_scope,
    reach,
    records_by_account,
    wrap,
)

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Response

_ACCOUNT = re.compile(r"\d{12}")
_DAYS_S = 15 * 86_400.0
"""How long an invitation is open."""
_OF_ANYBODY = {"AcceptHandshake", "LeaveOrganization"}


@dataclass
class Invitation:
    """Of an account into an organisation."""

    management: str
    account: str
    requested_s: float
    state: str = "OPEN"

    @property
    def is_open(self) -> bool:
        """May it be accepted still?"""
        return self.state == "OPEN" and time.time() < self.requested_s + _DAYS_S


_invitations: dict[str, Invitation] = {}


def install() -> None:
    """Close the gap."""
    calls = reach(Seam.ORGANIZATION_CALLS)
    calls["CreateOrganizationalUnit"] = _with_full_access(calls["CreateOrganizationalUnit"])
    calls.update(InviteAccountToOrganization=_invite, AcceptHandshake=_accept, LeaveOrganization=_leave)
    for name, call in list(calls.items()):
        if name not in _OF_ANYBODY:
            calls[name] = _as_a_member_may(name, call)
    wrap(Seam.FORGET_ORGANIZATIONS, _with_invitations)


def find_management(account: str) -> str | None:
    """The account that manages the organisation in which this one is a member; None where it is none's."""
    for management, member, record in records_by_account(Seam.ORGANIZATION_ACCOUNTS):
        if member == account != management and record["Status"] == "ACTIVE":
            return management
    return None


def _as_a_member_may(name: str, call: Function) -> Function:
    def answer(request: dict[str, Any]) -> Response:
        management = find_management(current_account())
        if management is None:
            mine: Response = call(request)
            return mine
        if name != "DescribeOrganization":
            return _refuse("AccessDeniedException", "You don't have permissions to access this resource.")
        with in_scope(management, current_region()):
            theirs: Response = call(request)
            return theirs

    return answer


def _with_full_access(create_unit: Function) -> Function:
    """Whatever comes into an organisation may do everything until somebody says otherwise.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
    """

    def create(request: dict[str, Any]) -> Response:
        answer: Response = create_unit(request)
        status, _headers, body = answer
        if status < 400:  # noqa: PLR2004 -- HTTP
            _allow_everything(json.loads(body)["OrganizationalUnit"]["Id"])
        return answer

    return create


def _with_invitations(forget: Function) -> Function:
    def forget_all() -> None:
        forget()
        _invitations.clear()

    return forget_all


def _invite(request: dict[str, Any]) -> Response:
    reach(Seam.BEGIN_ORGANIZATION)()
    target = request.get("Target") or {}
    account = str(target.get("Id", ""))
    if target.get("Type") != "ACCOUNT" or not _ACCOUNT.fullmatch(account):
        return _refuse("InvalidInputException", "Target: the laptop cloud invites an ACCOUNT by its twelve digits")
    if account == current_account() or find_management(account) is not None:
        return _refuse(
            "HandshakeConstraintViolationException",
            f"{account} is in an organization",
            Reason="ALREADY_IN_AN_ORGANIZATION",
        )
    if any(
        one.account == account and one.management == current_account() for one in _invitations.values() if one.is_open
    ):
        return _refuse("DuplicateHandshakeException", f"{account} has been invited already")
    handshake = f"h-{uuid.uuid4().hex[:12]}"
    _invitations[handshake] = Invitation(current_account(), account, time.time())
    return _answer({"Handshake": _describe(handshake)})


def _accept(request: dict[str, Any]) -> Response:
    handshake = request.get("HandshakeId", "")
    invitation = _invitations.get(handshake)
    if invitation is None or invitation.account != current_account():
        return _refuse("HandshakeNotFoundException", f"there is no handshake {handshake} for this account")
    if not invitation.is_open:
        return _refuse("InvalidHandshakeTransitionException", f"the handshake {handshake} is open no more")
    if find_management(invitation.account) is not None:
        return _refuse(
            "HandshakeConstraintViolationException",
            f"{invitation.account} is in an organization",
            Reason="ALREADY_IN_AN_ORGANIZATION",
        )
    invitation.state = "ACCEPTED"
    with in_scope(invitation.management, current_region()):
        _add(invitation.account)
        return _answer({"Handshake": _describe(handshake)})


def _add(account: str) -> None:
    organization = reach(Seam.ORGANIZATIONS)["self"]
    here = f"arn:aws:organizations::{organization['MasterAccountId']}"
    reach(Seam.ORGANIZATION_ACCOUNTS)[account] = {
        "Id": account,
        "Arn": f"{here}:account/{organization['Id']}/{account}",
        "Email": f"account+{account}@ministack.local",
        "Name": account,
        "Status": "ACTIVE",
        "JoinedMethod": "INVITED",
        "JoinedTimestamp": int(time.time()),
        "Path": "/",
        "_ParentId": next(iter(reach(Seam.ORGANIZATION_ROOTS))),
    }
    _allow_everything(account)


def _leave(_request: dict[str, Any]) -> Response:
    account = current_account()
    management = find_management(account)
    if management is None:
        manages = account in reach(Seam.ORGANIZATION_ACCOUNTS)
        code = "MasterCannotLeaveOrganizationException" if manages else "AWSOrganizationsNotInUseException"
        return _refuse(code, f"{account} is no member of an organization")
    with in_scope(management, current_region()):
        reach(Seam.ORGANIZATION_ACCOUNTS).pop(account)
        attachments = reach(Seam.ORGANIZATION_ATTACHMENTS)
        for policy, targets in attachments.items():
            attachments[policy] = [target for target in targets if target != account]
    return _answer({})


def _allow_everything(target: str) -> None:
    attachments, everything = reach(Seam.ORGANIZATION_ATTACHMENTS), reach(Seam.FULL_ACCESS)
    attachments[everything] = [*(attachments.get(everything) or []), target]


def _describe(handshake: str) -> dict[str, Any]:
    """In the account that invited."""
    invitation, organization = _invitations[handshake], reach(Seam.ORGANIZATIONS)["self"]
    parties = [
        {"Id": organization["Id"], "Type": "ORGANIZATION"},
        {"Id": invitation.account, "Type": "ACCOUNT"},
    ]
    return {
        "Id": handshake,
        "Arn": f"arn:aws:organizations::{invitation.management}:handshake/{organization['Id']}/invite/{handshake}",
        "Parties": parties,
        "State": invitation.state,
        "RequestedTimestamp": invitation.requested_s,
        "ExpirationTimestamp": invitation.requested_s + _DAYS_S,
        "Action": "INVITE",
        "Resources": [{"Type": party["Type"], "Value": party["Id"]} for party in parties],
    }


def _answer(document: dict[str, Any], status: int = 200) -> Response:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _refuse(code: str, message: str, **more: str) -> Response:
    return _answer({"__type": code, "Message": message, **more}, 400)
