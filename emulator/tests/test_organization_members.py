"""Accounts that exist join an organisation and leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.tests.conftest import connect
from emulator.tests.organization import Member
from emulator.tests.permissions import refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients
    from laptop_cloud.process import RunningCloud


@pytest.fixture
def member(cloud: RunningCloud, client: Clients) -> Member:
    return Member(cloud, client)


def test_who_accepts_is_a_member_and_may_do_everything(client: Clients, member: Member) -> None:
    organizations = client("organizations")

    [found] = [one for one in organizations.list_accounts()["Accounts"] if one["Id"] == member.id]
    assert (found["JoinedMethod"], found["Status"]) == ("INVITED", "ACTIVE")
    [policy] = organizations.list_policies_for_target(TargetId=member.id, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert policy["Name"] == "FullAWSAccess"
    [root] = organizations.list_roots()["Roots"]
    assert organizations.list_parents(ChildId=member.id)["Parents"] == [{"Id": root["Id"], "Type": "ROOT"}]


def test_a_member_sees_whose_the_organisation_is_and_manages_nothing(client: Clients, member: Member) -> None:
    theirs = member.root("organizations")

    ours = client("organizations").describe_organization()["Organization"]
    assert theirs.describe_organization()["Organization"] == ours
    assert refusal(theirs.list_accounts) == "AccessDeniedException"
    assert refusal(theirs.detach_policy, PolicyId="p-FullAWSAccess", TargetId=member.id) == "AccessDeniedException"


def test_an_account_is_in_one_organisation(cloud: RunningCloud, client: Clients, member: Member) -> None:
    target = {"Id": member.id, "Type": "ACCOUNT"}
    for management in (client, connect(cloud, "999900001111")):
        invite = management("organizations").invite_account_to_organization
        assert refusal(invite, Target=target) == "HandshakeConstraintViolationException"


def test_an_invitation_is_for_one_account_and_once(cloud: RunningCloud, client: Clients, member: Member) -> None:
    organizations, target = client("organizations"), {"Id": "888800001111", "Type": "ACCOUNT"}
    handshake = organizations.invite_account_to_organization(Target=target)["Handshake"]
    invited = connect(cloud, target["Id"])("organizations")

    assert (handshake["State"], handshake["Action"]) == ("OPEN", "INVITE")
    assert refusal(organizations.invite_account_to_organization, Target=target) == "DuplicateHandshakeException"
    stranger = member.root("organizations")
    assert refusal(stranger.accept_handshake, HandshakeId=handshake["Id"]) == "HandshakeNotFoundException"
    assert invited.accept_handshake(HandshakeId=handshake["Id"])["Handshake"]["State"] == "ACCEPTED"
    assert refusal(invited.accept_handshake, HandshakeId=handshake["Id"]) == "InvalidHandshakeTransitionException"


@pytest.mark.parametrize("target", [{"Id": "who@example.com", "Type": "EMAIL"}, {"Id": "12", "Type": "ACCOUNT"}])
def test_whom_the_laptop_cannot_invite_is_told(client: Clients, target: dict[str, str]) -> None:
    assert refusal(client("organizations").invite_account_to_organization, Target=target) == "InvalidInputException"


def test_a_member_leaves_and_the_management_account_does_not(client: Clients, member: Member) -> None:
    member.root("organizations").leave_organization()

    assert member.id not in {one["Id"] for one in client("organizations").list_accounts()["Accounts"]}
    targets = client("organizations").list_targets_for_policy(PolicyId="p-FullAWSAccess")["Targets"]
    assert member.id not in {one["TargetId"] for one in targets}
    assert refusal(client("organizations").leave_organization) == "MasterCannotLeaveOrganizationException"
    assert refusal(member.root("organizations").leave_organization) == "AWSOrganizationsNotInUseException"
