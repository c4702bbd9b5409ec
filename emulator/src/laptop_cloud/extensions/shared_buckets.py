"""A bucket's policy is asked about who really calls from another account, and not about that account alone.

So it may name a role of another account, or let in an account under conditions on who of it calls. What the caller's
own policies say, MiniStack asks itself.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example2.html
"""

from __future__ import annotations

import dataclasses
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_caller: ContextVar[str] = ContextVar("caller", default="")
"""Who asks for something in a bucket of another account, while its policy is asked."""


def install() -> None:
    """Close the gap."""
    wrap(Seam.FOREIGN_BUCKET_ALLOWS, _about_the_caller)
    wrap(Seam.EVALUATE_RESOURCE_POLICY, _as_the_caller)
    wrap(Seam.CONDITION_KEY, _with_owner)


def _about_the_caller(allows: Function) -> Function:
    def allow(  # as MiniStack calls it
        owner: str, bucket: str, key: str, method: str, params: dict[str, Any], caller: str, *headers: Any
    ) -> bool:
        # Nobody in particular calls without a signature.
        token = _caller.set(reach(Seam.CALLER)() if caller else "")
        try:
            return bool(allows(owner, bucket, key, method, params, caller, *headers))
        finally:
            _caller.reset(token)

    return allow


def _as_the_caller(evaluate: Function) -> Function:
    def evaluate_policy(policy: Any, context: Any, *rest: Any, **how: Any) -> Any:
        if caller := _caller.get():
            kind = "AssumedRole" if ":assumed-role/" in caller else context.principal_type
            context = dataclasses.replace(context, principal_arn=caller, principal_type=kind)
        return evaluate(policy, context, *rest, **how)

    return evaluate_policy


def _with_owner(resolve: Function) -> Function:
    """A bucket's ARN does not say whose it is, as `aws:ResourceAccount` does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount
    """

    def resolve_key(key: str, context: Any) -> Any:
        if key.lower() in {"aws:resourceaccount", "s3:resourceaccount"} and context.action.startswith("s3:"):
            bucket = context.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]
            if owner := reach(Seam.BUCKET_OWNER)(bucket):
                return owner
        return resolve(key, context)

    return resolve_key
