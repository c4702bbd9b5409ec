"""What a topology is made into: the stacks of the management account, and the locked bucket of the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Tags, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from infra.organisation.access import AccessStack
from infra.organisation.budgets import BudgetsStack
from infra.organisation.catalogue import CatalogueStack
from infra.organisation.delegation import DelegationStack
from infra.organisation.guardrails import GuardrailsStack
from infra.organisation.organisation import OrganisationStack
from infra.organisation.scope import Scope
from infra.organisation.trail import TrailStack
from infra.organisation.trail_logs import TrailLogsStack

if TYPE_CHECKING:
    from aws_cdk import App

    from infra.settings import Settings
    from infra.topology import Topology


def add_organisation(app: App, *, topology: Topology, settings: Settings) -> None:
    """The organisation's stacks, in the order of their deployment.

    Raises:
        TopologyError: a name or a policy becomes longer than AWS takes.
    """
    prefix = settings.prefix
    shared = Scope(topology, settings)
    organisation = OrganisationStack(app, f"{prefix}-organisation", shared=shared)
    if (logs_id := topology.accounts[topology.parts.trail_logs].id) is not None:
        # Not before its id is known: the bucket would be made wherever one has credentials, under the only name it has.
        logs = TrailLogsStack(app, f"{prefix}-trail-logs", shared=shared)
        logs.add_stack_dependency(organisation)
        TrailStack(app, f"{prefix}-trail", shared=shared, logs_account=logs_id).add_stack_dependency(logs)
    DelegationStack(app, f"{prefix}-delegation", shared=shared, accounts=organisation.accounts)
    GuardrailsStack(app, f"{prefix}-guardrails", shared=shared, units=organisation.units)
    BudgetsStack(app, f"{prefix}-budgets", shared=shared, accounts=organisation.accounts)
    AccessStack(app, f"{prefix}-access", shared=shared, accounts=organisation.accounts)
    catalogue = CatalogueStack(app, f"{prefix}-catalogue", shared=shared)
    # Products find units by what that stack exports.
    catalogue.add_stack_dependency(organisation)
    Tags.of(app).add("application", prefix)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
