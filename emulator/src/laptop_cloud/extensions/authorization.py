"""Whoever calls over HTTP may do what the policies of their role allow, and nothing else.

MiniStack does so where it is told to. What it lacks for a deployment whose policies have conditions is added: requests
count as encrypted, since a laptop has no certificate for itself, and those that put events say of what sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, read_request, replace, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function


def install() -> None:
    """Close the gap."""
    replace(Seam.AUTHORIZATION, instead=True)
    wrap(Seam.REQUEST_ORIGIN, _as_encrypted)
    wrap(Seam.REQUEST_CONTEXT, _with_events)
    wrap(Seam.REQUEST_RESOURCE, _with_names)
    wrap(Seam.CONDITION_KEY, _with_roles)


def _as_encrypted(pin: Function) -> Function:
    def pin_origin(source_ip: str, secure_transport: bool) -> None:  # as MiniStack calls it
        del secure_transport
        pin(source_ip, True)

    return pin_origin


def _with_events(read_context: Function) -> Function:
    def read(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = read_context(service, iam_action, body, params)
        if iam_action != "events:PutEvents":
            return context
        # Both keys are typed as arrays there.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        given = read_request(body).get("Entries")
        entries = [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
        sources, kinds = ([entry[name] for entry in entries if name in entry] for name in ("Source", "DetailType"))
        return {**context, "events:source": sources or None, "events:detail-type": kinds or None}

    return read


def _with_roles(resolve: Function) -> Function:
    """Who acts as a role is asked about by the role's ARN, not by their session's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """

    def resolve_key(key: str, context: Any) -> Any:
        who, session, rest = context.principal_arn.partition(":assumed-role/")
        if key.lower() != "aws:principalarn" or not session:
            return resolve(key, context)
        account, name = who.split(":")[4], rest.partition("/")[0]
        role = reach(Seam.ROLES).get_scoped(account, None, name)
        return role["Arn"] if role else f"arn:aws:iam::{account}:role/{name}"

    return resolve_key


def _with_names(find_resource: Function) -> Function:
    """What some requests are about stands elsewhere in them than MiniStack looks."""

    def find(  # noqa: PLR0913, PLR0917  # as MiniStack calls it
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        params: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        found: str = find_resource(service, method, path, headers, body, params, region, account)
        if found != "*" or service not in _FINDERS:
            return found
        return _FINDERS[service](read_request(body), f"arn:aws:{service}:{region}:{account}:") or found

    return find


def _find_repository(request: dict[str, Any], here: str) -> str | None:
    """Each repository of a DescribeRepositories is a resource.

    Of several, one question alone is asked: of all that there are, which lets nobody see more than on AWS.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
    """
    named = request.get("repositoryNames")
    return f"{here}repository/{named[0]}" if isinstance(named, list) and len(named) == 1 else None


def _find_alarm(request: dict[str, Any], here: str) -> str | None:
    """An alarm of a DescribeAlarms is a resource, unless it is a composite one; of several, as repositories.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    named = request.get("AlarmNames")
    if not isinstance(named, list) or len(named) != 1:
        return None
    return f"{here.replace(':monitoring:', ':cloudwatch:')}alarm:{named[0]}"


def _find_workgroup(request: dict[str, Any], here: str) -> str | None:
    """A query is its workgroup's.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
    """
    query = reach(Seam.QUERIES).get(request.get("QueryExecutionId"))
    return f"{here}workgroup/{query['WorkGroup']}" if query else None


def _find_key_alias(request: dict[str, Any], here: str) -> str | None:
    """An alias that is made, moved or deleted is a resource beside its key.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html
    """
    alias = request.get("AliasName")
    return f"{here}{alias}" if isinstance(alias, str) else None


Finder = Callable[[dict[str, Any], str], str | None]
"""Of a request, given how ARNs of its service begin there: the ARN of what it is about."""
_FINDERS: dict[str, Finder] = {
    "ecr": _find_repository,
    "monitoring": _find_alarm,
    "athena": _find_workgroup,
    "kms": _find_key_alias,
}


def find_by(service: str, finder: Finder) -> None:
    """Ask that of a service's requests of which MiniStack cannot tell what they are about."""
    _FINDERS[service] = finder
