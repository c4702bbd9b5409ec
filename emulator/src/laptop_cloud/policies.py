"""Whether somebody may do something, as MiniStack's evaluator of policies says, and acting as a role."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SERVICE = "service"
"""The session of a service that acts as a role."""
_ASSUME = "sts:AssumeRole"
GUARDRAIL = "service control policy"
"""Which kind of policy refuses what an organisation does not want, in the words of a refusal."""


def find_refusal(headers: Mapping[str, str], action: str, resource: str, keys: Mapping[str, Any]) -> str | None:
    """Why who signed a request may not do this; None where they may.

    Args:
        headers: of the request.
        action: as policies name it, `sagemaker:CreateModel`.
        resource: its ARN.
        keys: what conditions may ask about.
    """
    return _find_refusal(reach(Seam.ACCESS_KEY)(headers, {}), action, resource, keys)


def find_role_refusal(role: str, action: str, resource: str, keys: Mapping[str, Any]) -> str | None:
    """Why a role may not do this, asked by a service that acts as it; None where it may."""
    access_key, *_ = assume_role(role, _SERVICE)
    return _find_refusal(access_key, action, resource, keys)


def find_trust_refusal(caller: str, role: str, keys: Mapping[str, Any]) -> str | None:
    """Why one role may not act as another; None where it may: its policies allow it, and the other trusts it.

    Args:
        caller: the ARN of the role that wants to.
        role: the ARN of the other one.
        keys: what conditions may ask about.
    """
    if (why := find_role_refusal(caller, _ASSUME, role, keys)) is not None:
        return why
    record = reach(Seam.ROLES).get_scoped(_read_account(role), None, role.rpartition("/")[2])
    who = _session_arn(caller, _SERVICE)
    context = describe_asking(who, "AssumedRole", _ASSUME, role, keys)
    if record and reach(Seam.EVALUATE_TRUST)(record["AssumeRolePolicyDocument"], who, context):
        return None
    return f"User: {who} is not authorized to perform: {_ASSUME} on resource: {role}, which does not trust it"


def find_guest_refusal(caller: str, action: str, resource: str, keys: Mapping[str, Any], *, owner: str) -> str | None:
    """Why somebody may not do this with another account's resource; None where both sides let them.

    Args:
        caller: the ARN of a role's session, or of an account, which may do everything by itself.
        action: as policies name it.
        resource: its ARN.
        keys: what conditions may ask about.
        owner: the account whose resource it is.
    """
    account, session, rest = caller.partition(":assumed-role/")
    if session:
        role = f"arn:aws:iam::{_read_account(account)}:role/{rest.partition('/')[0]}"
        if (why := find_role_refusal(role, action, resource, keys)) is not None:
            return why
    with in_scope(owner, current_region()):
        policy, _owner = reach(Seam.RESOURCE_POLICY)(action.partition(":")[0], resource) or (None, owner)
    context = describe_asking(caller, "AssumedRole" if session else "Root", action, resource, keys)
    if reach(Seam.EVALUATE_RESOURCE_POLICY)(policy, context).decision == "Allow":
        return None
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource} by the resource's policy"


def find_service_refusal(service: str, action: str, resource: str, *, source: str) -> str | None:
    """Why one of AWS's services may not do this as itself, as nobody's role; None where the resource's policy lets it.

    Args:
        service: that acts, `events`.
        action: as policies name it, `lambda:InvokeFunction`.
        resource: its ARN, of the current account and region.
        source: the ARN on whose behalf it acts, which conditions ask about: a rule, an alarm, an API's method.
    """
    principal, account = f"{service}.amazonaws.com", _read_account(source)
    found = reach(Seam.RESOURCE_POLICY)(action.partition(":")[0], resource)
    # A topic without a policy of its own lets in what the owner's account is the source of, under an older name.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    keys = {"aws:SourceArn": source, "aws:SourceAccount": account, "aws:SourceOwner": account}
    context = describe_asking(principal, "Service", action, resource, keys, account=current_account())
    policy = None if found is None else found[0]
    if reach(Seam.EVALUATE_RESOURCE_POLICY)(policy, context, service=principal).decision == "Allow":
        return None
    return f"{principal} is not authorized to perform: {action} on resource: {resource}, on behalf of {source}"


def describe_asking(  # all that a policy may ask about
    who: str, kind: str, action: str, resource: str, keys: Mapping[str, Any], *, account: str | None = None
) -> Any:
    """Who asks whom for what, as MiniStack's evaluator takes it; the account is that of `who`'s ARN, unless given."""
    return reach(Seam.POLICY_CONTEXT)(
        principal_arn=who,
        principal_type=kind,
        principal_account=account or _read_account(who),
        action=action,
        resource_arn=resource,
        region=current_region(),
        secure_transport=True,
        service_context={key.lower(): value for key, value in keys.items()},
    )


def find_caller(access_key: str) -> str | None:
    """The ARN of whose key it is: of a role's session, a user or the account's root; None for a key that nobody has."""
    caller = reach(Seam.KEY_OWNER)(access_key)
    return None if caller is None else str(caller["userArn"])


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Call MiniStack's services as a role in a `with` block, and not as whoever signed the request that led there."""
    pinned = reach(Seam.PINNED_CALLER)
    token = pinned.set(_session_arn(role, _SERVICE))
    try:
        yield
    finally:
        pinned.reset(token)


def assume_role(role: str, session: str) -> tuple[str, str, str]:
    """Credentials of a service that acts as a role: access key, secret, token. The same each time."""
    name = role.rpartition("/")[2]
    digest = hashlib.sha256(f"{role}/{session}".encode()).hexdigest()
    access_key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:48], digest[48:]
    reach(Seam.SESSIONS)(
        access_key,
        {
            "Arn": _session_arn(role, session),
            "UserId": f"{name}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return access_key, secret, token


def _find_refusal(access_key: str, action: str, resource: str, keys: Mapping[str, Any]) -> str | None:
    service, _, _ = action.partition(":")
    denied = reach(Seam.ENFORCE)(
        access_key, action, service, current_region(), resource_arn=resource, service_context=dict(keys)
    )
    if denied is None:
        return None
    who = getattr(denied, "principal_arn", "")
    if not who:
        return str(denied.message)
    reason = f" {denied.reason}" if GUARDRAIL in denied.reason else ""
    return f"User: {who} is not authorized to perform: {action} on resource: {resource}{reason}"


def _session_arn(role: str, session: str) -> str:
    return f"arn:aws:sts::{_read_account(role)}:assumed-role/{role.rpartition('/')[2]}/{session}"


def _read_account(role: str) -> str:
    return role.split(":")[4]
