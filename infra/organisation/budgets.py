"""A budget for each account, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_budgets as budgets

from infra.organisation.names import to_words
from infra.organisation.notices import describe_notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from infra.organisation.scope import Scope


class BudgetsStack(Stack):
    """The management account sees what each member costs."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, accounts: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: budgets")
        for name, account in shared.topology.accounts.items():
            budgets.CfnBudget(
                self,
                f"{to_words(name)}Budget",
                budget=budgets.CfnBudget.BudgetDataProperty(
                    budget_name=f"{shared.prefix}-{name}",
                    budget_type="COST",
                    time_unit="MONTHLY",
                    budget_limit=budgets.CfnBudget.SpendProperty(amount=account.budget_usd, unit="USD"),
                    cost_filters={"LinkedAccount": [accounts[name]]},
                ),
                notifications_with_subscribers=describe_notices(shared.topology.budgets.addresses),
            )
