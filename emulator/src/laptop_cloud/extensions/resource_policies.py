"""Policies of resources that MiniStack does not ask: of event buses and of tables, which it keeps, and others'.

Whoever belongs to another account needs both: their own policies must allow it, and the resource's. MiniStack's
evaluator knows that, given the policy and its owner.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach, wrap
from laptop_cloud.policies import describe_asking

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

Policy = dict[str, Any] | str
_ACCOUNT = re.compile(r"\d{12}")


class Owned(NamedTuple):
    """A resource as its ARN tells it."""

    region: str
    account: str
    resource: str


PolicyFinder = Callable[[Owned], Policy | None]
"""Of a resource of a service: its policy, None where it has none."""
_FINDERS: dict[str, PolicyFinder] = {}


def install() -> None:
    """Close the gap."""
    wrap(Seam.RESOURCE_POLICY, _with_ours)
    wrap(Seam.ENFORCE, _with_other_accounts)
    ask_policy_by("events", _find_bus_policy)
    ask_policy_by("dynamodb", _find_table_policy)


def ask_policy_by(service: str, finder: PolicyFinder) -> None:
    """Ask the policies of a service's resources too."""
    _FINDERS[service] = finder


def read_owner(service: str, arn: str) -> Owned | None:
    """Whose a resource of a service is; None for what is no ARN of the service's."""
    match arn.split(":", 5):
        case ["arn", _, named, region, account, resource] if named == service and _ACCOUNT.fullmatch(account):
            return Owned(region, account, resource)
    return None


def find_other_account(service: str, arn: Any) -> Owned | None:
    """Whose a resource is, where that is another account than the current one, in the same region."""
    owned = read_owner(service, arn) if isinstance(arn, str) else None
    if owned is None or owned.account == current_account() or owned.region != current_region():
        return None
    return owned


def where_it_is(service: str, arn: Any) -> AbstractContextManager[None]:
    """Act for the account of a resource in a `with` block, where that is another than the current one."""
    owner = find_other_account(service, arn)
    return nullcontext() if owner is None else in_scope(owner.account, owner.region)


def _with_ours(find_policy: Function) -> Function:
    def find(service: str, resource_arn: str) -> tuple[Policy | None, str] | None:
        if service not in _FINDERS:
            found: tuple[Policy | None, str] | None = find_policy(service, resource_arn)
            return found
        owned = read_owner(service, resource_arn)
        return None if owned is None else (_FINDERS[service](owned), owned.account)

    return find


def _with_other_accounts(enforce: Function) -> Function:
    """An account may do everything with what is its own; what is another's, its policy must allow to the account too.

    MiniStack asks no policy at all about who signs with the twelve digits of an account.
    """

    def ask(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = enforce(
            access_key, action, service, region, resource_arn=resource_arn, service_context=service_context
        )
        if denied is not None or not _ACCOUNT.fullmatch(access_key or ""):
            return denied
        owned = read_owner(service, resource_arn)
        found = owned and owned.account != access_key and reach(Seam.RESOURCE_POLICY)(service, resource_arn)
        if not found:
            return None
        who = f"arn:aws:iam::{access_key}:root"
        context = describe_asking(who, "Root", action, resource_arn, service_context or {})
        answer = reach(Seam.EVALUATE_RESOURCE_POLICY)(found[0], context)
        answer.principal_arn = who
        return None if answer.decision == "Allow" else answer

    return ask


# --- event buses -----------------------------------------------------------------------------------------------------


def _find_bus_policy(owned: Owned) -> Policy | None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html ."""
    kind, _, bus = owned.resource.partition("/")
    if kind != "event-bus":
        return None
    policy: dict[str, Any] | None = reach(Seam.EVENT_BUS_POLICIES).get_scoped(owned.account, owned.region, bus)
    return policy and {**policy, "Statement": [_name_account(one) for one in policy["Statement"]]}


def _name_account(statement: dict[str, Any]) -> dict[str, Any]:
    """PutPermission takes an account's digits alone, and means the account.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    """
    principal = statement.get("Principal")
    digits = isinstance(principal, str) and _ACCOUNT.fullmatch(principal)
    return {**statement, "Principal": {"AWS": principal}} if digits else statement


# --- tables ----------------------------------------------------------------------------------------------------------


def _find_table_policy(owned: Owned) -> Policy | None:
    """A table's policy is its indexes' too.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html
    """
    table = owned.resource.partition("/index/")[0]
    arn = f"arn:aws:dynamodb:{owned.region}:{owned.account}:{table}"
    found: dict[str, str] | None = reach(Seam.TABLE_POLICIES).get_scoped(owned.account, owned.region, arn)
    return found and found["Policy"]
