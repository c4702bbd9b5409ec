"""What a service control policy denies: enough of IAM's rules for ours, and an error for all that is not.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.infra.assembly import as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Context = dict[str, "str | list[str]"]


def find_denials(document: Mapping[str, Any], action: str, resource: str, context: Context) -> list[str]:
    """The statements by which a request is denied, by their names."""
    found = []
    for statement in document["Statement"]:
        assert statement["Effect"] == "Deny", "these policies allow nothing"
        known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
        assert statement.keys() <= known, statement
        meant = _names(statement, "Action", action, ignore_case=True) and _names(statement, "Resource", resource)
        if meant and _holds(statement.get("Condition", {}), context):
            found.append(statement["Sid"])
    return found


def _names(statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool = False) -> bool:
    assert (element in statement) != (f"Not{element}" in statement), statement
    if element in statement:
        return _matches(as_list(statement[element]), value, ignore_case=ignore_case)
    return not _matches(as_list(statement[f"Not{element}"]), value, ignore_case=ignore_case)


def _matches(patterns: Sequence[str], value: str, *, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE if ignore_case else 0
    return any(re.fullmatch(_to_regex(pattern), value, flags) for pattern in patterns)


def _to_regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)


def _like_arn(patterns: Sequence[str], value: str) -> bool:
    """Each of the six parts by itself."""
    return any(
        len(parts := pattern.split(":", 5)) == len(found := value.split(":", 5))
        and all(_matches([part], one) for part, one in zip(parts, found, strict=True))
        for pattern in patterns
    )


# A key that a request does not have: negated operators hold, the others do not.
_OPERATORS: dict[str, Callable[[Sequence[str], list[str]], bool]] = {
    "StringNotEquals": lambda wanted, found: not any(value in wanted for value in found),
    "ArnLike": lambda wanted, found: any(_like_arn(wanted, value) for value in found),
    "ArnNotLike": lambda wanted, found: not any(_like_arn(wanted, value) for value in found),
    "ForAnyValue:StringEquals": lambda wanted, found: any(value in wanted for value in found),
}


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    lower = {key.lower(): as_list(value) for key, value in context.items()}
    return all(
        _OPERATORS[operator](as_list(wanted), lower.get(key.lower(), []))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )
