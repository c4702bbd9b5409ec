"""Permission sets: which policy a persona has, in which accounts, from where, and for how long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.application import build_app
from infra.topology import PERSONAS, TopologyError
from tests.infra.topology.example import EXAMPLE, read_example

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


def list_assignments(found: Assembly) -> set[tuple[str, str, str]]:
    """Permission set, group, account."""
    names = {f"<{p.name}.PermissionSetArn>": p.properties["Name"] for p in found.find("AWS::SSO::PermissionSet")}
    groups = {f"<{g.name}.GroupId>": g.properties["DisplayName"] for g in found.find("AWS::IdentityStore::Group")}
    assignments = found.find("AWS::SSO::Assignment")
    assert {(a.properties["PrincipalType"], a.properties["TargetType"]) for a in assignments} == {
        ("GROUP", "AWS_ACCOUNT")
    }
    return {
        (
            names[a.properties["PermissionSetArn"]],
            groups.get(a.properties["PrincipalId"], a.properties["PrincipalId"]),
            a.properties["TargetId"],
        )
        for a in assignments
    }


def test_each_persona_has_one_policy_of_its_own_and_no_other(organisation: Assembly) -> None:
    sets = {p.properties["Name"]: p.properties for p in organisation.find("AWS::SSO::PermissionSet")}
    catalogue = sets.pop("noriba-catalogue")

    assert sets.keys() == {f"noriba-{persona}" for persona in PERSONAS}
    for name, found in sets.items():
        assert found["CustomerManagedPolicyReferences"] == [{"Name": f"{name}-ap-northeast-1"}]
        assert "ManagedPolicies" not in found
    assert catalogue["ManagedPolicies"] == ["arn:aws:iam::aws:policy/AWSServiceCatalogEndUserFullAccess"]
    assert "CustomerManagedPolicyReferences" not in catalogue


def test_people_have_access_where_they_work_and_nowhere_else(organisation: Assembly) -> None:
    topology = read_example()

    def find_id(account: str) -> str:
        found = topology.accounts[account]
        return f"<{account.capitalize()}Account.AccountId>" if found.email else found.id or ""

    expected = {
        (f"noriba-{persona}", group.name or group.id, find_id(account))
        for persona, people in topology.personas.items()
        for group in people.groups
        for account in topology.list_workplaces(persona)
    }
    assert list_assignments(organisation) == {*expected, ("noriba-catalogue", "Noriba administrators", "111111111111")}


def test_one_group_that_is_two_personas_is_made_once(changed: Assembly) -> None:
    groups = [g.properties["DisplayName"] for g in changed.find("AWS::IdentityStore::Group")]
    scientists = {(name, account) for name, group, account in list_assignments(changed) if group == "Other scientists"}

    assert sorted(groups) == ["Other approvers", "Other data engineers", "Other scientists"]
    # Data, training, registry; these and staging, rollout, monitoring; and the account that the file adds.
    assert scientists == {
        *(("trial-data-scientist", f"90000000000{number}") for number in (1, 3, 5)),
        *(("trial-ml-engineer", f"9000000000{number}") for number in ("01", "03", "05", "07", "09", "10")),
        ("trial-ml-engineer", "<MadeAccount.AccountId>"),
    }


def test_a_persona_may_have_several_groups(changed: Assembly) -> None:
    engineers = {(group, account) for name, group, account in list_assignments(changed) if "data-engineer" in name}

    assert engineers == {
        (group, account)
        for group in ("Other data engineers", "00000000-0000-4000-8000-000000000001")
        for account in ("900000000001", "900000000002", "900000000005")
    }


def test_a_persona_without_groups_has_no_permission_set(changed: Assembly) -> None:
    names = {p.properties["Name"] for p in changed.find("AWS::SSO::PermissionSet")}

    assert names == {f"trial-{persona}" for persona in ("data-engineer", "data-scientist", "ml-engineer", "approver")}


def test_people_come_from_their_networks(organisation: Assembly, changed: Assembly) -> None:
    for found, networks in (
        (organisation, ["203.0.113.0/24"]),
        (changed, ["198.51.100.0/25", "2001:db8::/48"]),
    ):
        for permission_set in found.find("AWS::SSO::PermissionSet"):
            [statement] = permission_set.properties["InlinePolicy"]["Statement"]
            assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")
            # What AWS asks in one's name comes from AWS.
            assert statement["Condition"] == {
                "NotIpAddress": {"aws:SourceIp": networks},
                "Bool": {"aws:ViaAWSService": "false"},
            }


def test_sessions_that_can_do_most_are_shortest(organisation: Assembly) -> None:
    hours = {
        p.properties["Name"]: int(re.fullmatch(r"PT(\d+)H", p.properties["SessionDuration"])[1])  # type: ignore[index]
        for p in organisation.find("AWS::SSO::PermissionSet")
    }

    assert {name for name, length in hours.items() if length == 1} == {
        *("noriba-approver", "noriba-administrator", "noriba-catalogue")
    }
    # https://docs.aws.amazon.com/singlesignon/latest/userguide/howtosessionduration.html
    assert max(hours.values()) <= 12


def test_a_prefix_that_is_too_long_for_permission_sets_is_refused() -> None:
    with pytest.raises(TopologyError, match=r"^prefix: much-too-long-business-stakeholder has 34 characters"):
        build_app(context={"topology": str(EXAMPLE), "prefix": "much-too-long"})
