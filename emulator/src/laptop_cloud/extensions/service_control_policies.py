"""What an organisation's policies do not let anybody do in its accounts, whatever their own policies say.

They are kept and attached by Organizations: to its root, to units and to accounts. On each of these levels a statement
must allow a request, and none may deny it. Bound is whoever acts in a member account, its root user too; not bound are
the management account, service-linked roles, and services that act as nobody's role.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import (
    Seam,
    all_records,
    current_account,
    current_region,
    in_scope,
    reach,
    records_by_account,
    wrap,
)
from laptop_cloud.policies import GUARDRAIL, describe_asking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from laptop_cloud.ministack_seams import Function

_TYPE = "SERVICE_CONTROL_POLICY"
_READING = ("Describe", "List")
_SERVICE_LINKED = "/aws-service-role/"
_DEEPEST = 7
"""Levels: root, five units within each other, account."""

Levels = list[list[Any]]
"""Of an account, from the root of its organisation down: the policies of each level, as MiniStack's evaluator reads."""


class Guardrails:
    """Which policies bind which account; an account that may do everything is not among them."""

    def __init__(self) -> None:
        self._levels: dict[str, Levels] = {}

    def renew(self) -> None:
        """Look again what is attached where."""
        self._levels = dict(_list_bound_accounts())

    def around_call(self, name: str, call: Function) -> Function:
        """Look again after each call to Organizations that may have changed something."""
        if name.startswith(_READING):
            return call

        def change(request: dict[str, Any]) -> Any:
            try:
                return call(request)
            finally:
                self.renew()

        return change

    def around_reset(self, forget: Function) -> Function:
        """The same after all was forgotten."""

        def forget_all() -> None:
            forget()
            self.renew()

        return forget_all

    def around(self, enforce: Function) -> Function:
        """Ask an account's guardrails before anything else."""

        def ask(
            access_key: str,
            action: str,
            service: str,
            region: str,
            resource_arn: str = "*",
            service_context: Mapping[str, Any] | None = None,
        ) -> Any:
            if self._levels and (levels := self._levels.get(_find_account(access_key))) is not None:
                denied = _ask(levels, access_key, action, resource_arn, service_context or {}, region=region)
                if denied is not None:
                    return denied
            return enforce(
                access_key, action, service, region, resource_arn=resource_arn, service_context=service_context
            )

        return ask


def install() -> None:
    """Close the gap."""
    guardrails = Guardrails()
    calls = reach(Seam.ORGANIZATION_CALLS)
    for name, call in list(calls.items()):
        calls[name] = guardrails.around_call(name, call)
    wrap(Seam.FORGET_ORGANIZATIONS, guardrails.around_reset)
    wrap(Seam.ENFORCE, guardrails.around)
    wrap(Seam.DENIAL_MESSAGE, _with_reason)


# --- who is asked about -----------------------------------------------------------------------------------------------


def _find_account(access_key: str) -> str:
    """Whose account a key acts in; a key of twelve digits is the account."""
    if len(access_key or "") == 12 and access_key.isdigit():  # noqa: PLR2004 -- as above
        return access_key
    return reach(Seam.SESSION_ACCOUNT)(access_key) or current_account()


def _ask(
    levels: Levels, access_key: str, action: str, resource: str, keys: Mapping[str, Any], *, region: str
) -> Any | None:
    """The refusal of a request; None where every level allows it, or where they do not bind whoever asks."""
    if not access_key or action in reach(Seam.NEVER_DENIED):
        return None
    account = _find_account(access_key)
    found = reach(Seam.CREDENTIAL)(access_key, account)
    who = getattr(found, "principal_arn", "")
    # Of a key that nobody has, MiniStack says so.
    if not who or _is_service_linked(who, account):
        return None
    # As in MiniStack's own question: a request that names no tags has no such key.
    known = {"aws:TagKeys": None, **keys, **_find_key_aliases(action, resource)}
    context = describe_asking(who, found.principal_type, action, resource, known, account=account)
    context.region, context.principal_keys = region, reach(Seam.PRINCIPAL_KEYS)(found)
    answer = reach(Seam.EVALUATE)(context, *levels)
    if answer.decision == "Allow":
        return None
    if answer.decision == "Deny":
        answer.reason = f"with an explicit deny in a {GUARDRAIL}: {answer.matched_sid}"
    else:
        answer.reason = f"because no {GUARDRAIL} allows the {action} action"
    # MiniStack's answers have words for a policy that is not the caller's, where it is named here.
    answer.decision, answer.principal_arn, answer.resource_policy_arn = "Deny", who, answer.reason
    return answer


def _is_service_linked(who: str, account: str) -> bool:
    _, session, rest = who.partition(":assumed-role/")
    role = reach(Seam.ROLES).get_scoped(account, None, rest.partition("/")[0]) if session else None
    return role is not None and str(role.get("Path", "/")).startswith(_SERVICE_LINKED)


def _find_key_aliases(action: str, resource: str) -> dict[str, list[str]]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases ."""
    match resource.split(":", 5):
        case [_, _, "kms", region, account, named] if action.startswith("kms:"):
            aliases = [
                (alias.rpartition(":")[2], key)
                for owner, place, alias, key in all_records(Seam.KEY_ALIASES)
                if (owner, place) == (account, region)
            ]
            key = dict(aliases).get(named, named.removeprefix("key/"))
            found = [alias for alias, its_key in aliases if its_key == key]
            return {"kms:ResourceAliases": found} if found else {}
    return {}


def _with_reason(describe: Function) -> Function:
    def tell(service: str, action: str, principal_arn: str, resource_arn: str) -> str:
        if GUARDRAIL in resource_arn:
            return f"User: {principal_arn} is not authorized to perform: {action} {resource_arn}"
        told: str = describe(service, action, principal_arn, resource_arn)
        return told

    return tell


# --- what is attached where -------------------------------------------------------------------------------------------


def _list_bound_accounts() -> Iterator[tuple[str, Levels]]:
    for management, account, _record in records_by_account(Seam.ORGANIZATION_ACCOUNTS):
        if account != management:
            with in_scope(management, current_region()):
                levels = [level for target in _list_targets(account) if (level := _read_level(target)) is not None]
            if levels:
                yield account, levels


def _list_targets(account: str) -> list[str]:
    """The root, units and the account itself; nothing where such policies are not in use."""
    accounts, units, roots = (
        reach(store) for store in (Seam.ORGANIZATION_ACCOUNTS, Seam.ORGANIZATION_UNITS, Seam.ORGANIZATION_ROOTS)
    )
    path, record = [account], accounts[account]
    while (parent := record["_ParentId"]) in units and len(path) < _DEEPEST:
        path.append(parent)
        record = units[parent]
    kinds = (roots.get(parent) or {}).get("PolicyTypes") or []
    in_use = any((kind["Type"], kind["Status"]) == (_TYPE, "ENABLED") for kind in kinds)
    return [parent, *reversed(path)] if in_use else []


def _read_level(target: str) -> list[Any] | None:
    """The policies of a level; None where it allows everything."""
    attachments, policies = reach(Seam.ORGANIZATION_ATTACHMENTS), reach(Seam.ORGANIZATION_POLICIES)
    attached = [policies[name] for name, targets in attachments.items() if target in targets]
    of_this_type = [policy for policy in attached if policy["Type"] == _TYPE]
    if [policy["Id"] for policy in of_this_type] == [reach(Seam.FULL_ACCESS)]:
        return None
    return [read_policy(policy) for policy in of_this_type]


def read_policy(policy: Mapping[str, Any]) -> list[Any]:
    """A document's statements, each by a name that says where it stands."""
    statements: list[Any] = reach(Seam.PARSE_POLICY)(policy["_Content"])
    for number, statement in enumerate(statements, start=1):
        statement.sid = f"{policy['Name']}, statement {statement.sid or number}"
    return statements
