"""Units, accounts and budgets: what is made, in which order, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infra.topology.example import read_example

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource


def list_budgets(found: Assembly) -> list[Resource]:
    """Those of the file; a product makes another."""
    return found.find("AWS::Budgets::Budget", stack="budgets")


def test_units_stand_under_the_root(organisation: Assembly) -> None:
    units = organisation.find("AWS::Organizations::OrganizationalUnit")

    assert {(u.properties["Name"], u.properties["ParentId"]) for u in units} == {
        ("governance", "r-ab12"),
        ("workloads", "r-ab12"),
    }


def test_accounts_with_an_email_are_made_in_their_unit_and_others_are_not(organisation: Assembly) -> None:
    made = {
        a.properties["AccountName"]: a for a in organisation.find("AWS::Organizations::Account", stack="organisation")
    }

    assert {name: a.properties["ParentIds"] for name, a in made.items()} == {
        "noriba-governance": ["<GovernanceUnit.Id>"],
        "noriba-data": ["<WorkloadsUnit.Id>"],
        "noriba-development": ["<WorkloadsUnit.Id>"],
        "noriba-staging": ["<WorkloadsUnit.Id>"],
        "noriba-production": ["<WorkloadsUnit.Id>"],
    }
    assert made["noriba-data"].properties["Email"] == "aws+data@example.com"


@pytest.mark.parametrize(
    ("kind", "stack"),
    [
        ("Organizations::OrganizationalUnit", "organisation"),
        ("Organizations::Account", "organisation"),
        ("Organizations::Policy", "guardrails"),
        ("SSO::Assignment", "access"),
    ],
)
def test_what_aws_makes_one_at_a_time_waits_in_one_chain(organisation: Assembly, kind: str, stack: str) -> None:
    made = organisation.find(f"AWS::{kind}", stack=stack)
    ids = {one.logical_id for one in made}
    waits = [set(one.attributes.get("DependsOn", [])) & ids for one in made]

    assert len(made) > 1
    assert sorted(len(before) for before in waits) == [0, *[1] * (len(made) - 1)]
    assert len(set().union(*waits)) == len(made) - 1


def test_neither_accounts_nor_units_nor_groups_go_with_a_stack(organisation: Assembly) -> None:
    """A group that was just made is empty, and would be in the way of the next deployment."""
    for kind, policy in (
        ("Organizations::Account", "Retain"),
        ("Organizations::OrganizationalUnit", "Retain"),
        ("IdentityStore::Group", "RetainExceptOnCreate"),
    ):
        for resource in organisation.find(f"AWS::{kind}"):
            assert resource.attributes["DeletionPolicy"] == policy, resource.name


def test_the_governance_account_sees_the_organisation_and_changes_nothing(organisation: Assembly) -> None:
    [policy] = organisation.find("AWS::Organizations::ResourcePolicy")
    [statement] = policy.properties["Content"]["Statement"]

    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::<GovernanceAccount.AccountId>:root"}
    assert "organizations:ListAccounts" in statement["Action"]
    assert all(action.startswith(("organizations:Describe", "organizations:List")) for action in statement["Action"])


def test_every_account_has_its_budget(organisation: Assembly) -> None:
    budgets = {b.properties["Budget"]["BudgetName"]: b.properties for b in list_budgets(organisation)}
    accounts = read_example().accounts

    assert budgets.keys() == {f"noriba-{name}" for name in accounts}
    for name, account in accounts.items():
        budget = budgets[f"noriba-{name}"]["Budget"]
        assert budget["BudgetLimit"] == {"Amount": account.budget_usd, "Unit": "USD"}
        assert (budget["BudgetType"], budget["TimeUnit"]) == ("COST", "MONTHLY")
        expected = f"<{name.capitalize()}Account.AccountId>" if account.email else account.id
        assert budget["CostFilters"] == {"LinkedAccount": [expected]}


def test_somebody_is_told_before_and_when_a_budget_is_spent(organisation: Assembly) -> None:
    for budget in list_budgets(organisation):
        notices = budget.properties["NotificationsWithSubscribers"]
        told = {(n["Notification"]["NotificationType"], n["Notification"]["Threshold"]) for n in notices}

        assert told == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
        for notice in notices:
            assert notice["Notification"]["ThresholdType"] == "PERCENTAGE"
            assert notice["Notification"]["ComparisonOperator"] == "GREATER_THAN"
            assert notice["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "finops@example.com"}]
