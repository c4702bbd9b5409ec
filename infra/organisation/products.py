"""The templates behind the catalogue's products: what CloudFormation makes when somebody launches one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnParameter, Fn, RemovalPolicy
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_organizations as organizations
from aws_cdk import aws_servicecatalog as servicecatalog
from aws_cdk import aws_ssm as ssm

from infra.organisation.names import name_unit_export
from infra.organisation.notices import describe_notices
from infra.settings import EMAIL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct


def name_requests(prefix: str) -> str:
    """The path of the parameters that say which use cases were asked for."""
    return f"/{prefix}/use-cases"


class TeamAccount(servicecatalog.ProductStack):
    """An account for a team: in a unit, and so under its guardrails, with a budget. It holds nothing yet."""

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str, units: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        team = CfnParameter(
            self, "Team", allowed_pattern="^[a-z][a-z0-9-]{1,29}$", description="The team's name: small letters, digits"
        )
        email = CfnParameter(
            self, "Email", allowed_pattern=EMAIL, description="An address that no account of AWS has yet"
        )
        owner = CfnParameter(self, "Owner", allowed_pattern=EMAIL, description="Who is told of what the account costs")
        unit = CfnParameter(self, "Unit", allowed_values=list(units), default=units[-1], description="Where it belongs")
        dollars = CfnParameter(self, "BudgetUsd", type="Number", min_value=1, default=100, description="A month")
        account = organizations.CfnAccount(
            self,
            "Account",
            account_name=f"{prefix}-{team.value_as_string}",
            email=email.value_as_string,
            parent_ids=[Fn.import_value(name_unit_export(unit.value_as_string, prefix=prefix))],
        )
        # Whoever ends the product does not close the account.
        account.apply_removal_policy(RemovalPolicy.RETAIN)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{prefix}-team-{team.value_as_string}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=dollars.value_as_number, unit="USD"),
                cost_filters={"LinkedAccount": [account.attr_account_id]},
            ),
            notifications_with_subscribers=describe_notices([owner.value_as_string]),
        )


class UseCaseRequest(servicecatalog.ProductStack):
    """A use case, asked for: a record with a name that fits and who answers for it; administrators are told of it."""

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str) -> None:
        super().__init__(scope, construct_id)
        # As in `usecases/<name>`, and short enough for an endpoint's name with its stage and attempt behind it.
        name = CfnParameter(
            self,
            "UseCase",
            allowed_pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
            max_length=24,
            description="Its name: small letters, digits and single underscores between",
        )
        owner = CfnParameter(self, "Owner", allowed_pattern=EMAIL, description="Who answers for it")
        purpose = CfnParameter(
            self,
            "Purpose",
            allowed_pattern=r'^[^"\\\r\n\t]+$',
            max_length=500,
            description="What is predicted, and for whom",
        )
        ssm.CfnParameter(
            self,
            "Request",
            type="String",
            name=f"{name_requests(prefix)}/{name.value_as_string}",
            description="Noriba: a use case that was asked for",
            value=f'{{"owner":"{owner.value_as_string}","purpose":"{purpose.value_as_string}"}}',
        )
