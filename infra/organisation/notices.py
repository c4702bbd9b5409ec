"""When a budget tells somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_budgets as budgets

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTICES = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""At how many per cent, of what was spent or of what the month will have cost."""


def describe_notices(addresses: Sequence[str]) -> list[budgets.CfnBudget.NotificationWithSubscribersProperty]:
    """What a budget tells, to whom."""
    return [
        budgets.CfnBudget.NotificationWithSubscribersProperty(
            notification=budgets.CfnBudget.NotificationProperty(
                notification_type=kind,
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
            ),
            subscribers=[
                budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=address)
                for address in addresses
            ],
        )
        for kind, percent in NOTICES
    ]
