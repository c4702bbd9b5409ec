"""A key of another account, named by its ARN, serves whom its policy and their own let: to encrypt, to decrypt, to ask.

An alias of it may be named instead; policies speak of the key.
https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html

What was encrypted tells its key, so Decrypt need not name one.
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.resource_policies import find_other_account, where_it_is
from laptop_cloud.ministack_seams import Seam, all_records, in_scope, read_request, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Response

_USES = (Seam.DESCRIBE_KEY, Seam.ENCRYPT, Seam.DECRYPT, Seam.GENERATE_DATA_KEY, Seam.GENERATE_WRAPPED_KEY)
_ID_LENGTH = 36


def install() -> None:
    """Close the gap."""
    for use in _USES:
        wrap(use, _where_the_key_is)
    wrap(Seam.RESOURCE_POLICY, _with_policies_of_others)
    wrap(Seam.REQUEST_RESOURCE, _with_keys)


def _where_the_key_is(use: Function) -> Function:
    def use_there(data: dict[str, Any]) -> Response:
        with where_it_is("kms", data.get("KeyId") or _find_key(data)):
            answer: Response = use(data)
            return answer

    return use_there


def _with_policies_of_others(find_policy: Function) -> Function:
    def find(service: str, resource_arn: str) -> Any:
        owner = find_other_account("kms", resource_arn) if service == "kms" else None
        if owner is None:
            return find_policy(service, resource_arn)
        with in_scope(owner.account, owner.region):
            # Of a key that is not there, nobody else is told so.
            return find_policy(service, resource_arn) or ("", owner.account)

    return find


def _with_keys(find_resource: Function) -> Function:
    """MiniStack takes the key of what is to be decrypted for one of the caller's account, and an alias for a key."""

    def find(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> str:
        request = read_request(body) if service == "kms" else {}
        if "KeyId" not in request and (arn := _find_key(request)):
            return arn
        found: str = find_resource(service, method, path, headers, body, *rest)
        # Of a call about an alias, the alias itself is the resource.
        return ("KeyId" in request and _find_key_of_alias(found)) or found

    return find


def _find_key_of_alias(arn: str) -> str | None:
    """The ARN of the key that an alias stands for; None for any other ARN."""
    if ":alias/" not in arn:
        return None
    named = (key_id for _account, _region, alias, key_id in all_records(Seam.KEY_ALIASES) if alias == arn)
    key_id = next(named, None)
    return next((key["Arn"] for _account, _region, found, key in all_records(Seam.KEYS) if found == key_id), None)


def _find_key(request: dict[str, Any]) -> str | None:
    """The ARN of the key that encrypted what a request has; MiniStack writes its id first."""
    try:
        key_id = base64.b64decode(request.get("CiphertextBlob", ""))[:_ID_LENGTH].decode()
    except (binascii.Error, TypeError, UnicodeDecodeError):
        return None
    return next((key["Arn"] for _account, _region, found, key in all_records(Seam.KEYS) if found == key_id), None)
