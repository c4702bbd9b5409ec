"""Whoever calls over HTTP may do what the policies of their role allow, and nothing else.

MiniStack does so where it is told to. What it lacks for a deployment whose policies have conditions is added: requests
count as encrypted, since a laptop has no certificate for itself, and those that put events say of what sources.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, replace, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function


def install() -> None:
    """Close the gap."""
    replace(Seam.AUTHORIZATION, instead=True)
    wrap(Seam.REQUEST_ORIGIN, _as_encrypted)
    wrap(Seam.REQUEST_CONTEXT, _with_events)
    wrap(Seam.REQUEST_RESOURCE, _with_repositories)


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
        entries = [entry for entry in _read(body, "Entries") if isinstance(entry, dict)]
        sources, kinds = ([entry[name] for entry in entries if name in entry] for name in ("Source", "DetailType"))
        return {**context, "events:source": sources or None, "events:detail-type": kinds or None}

    return read


def _with_repositories(find_resource: Function) -> Function:
    """Each repository of a DescribeRepositories is a resource.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
    """

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
        if service != "ecr" or found != "*":
            return found
        named = _read(body, "repositoryNames")
        # Of several, one question alone is asked: of all that there are, which lets nobody see more than on AWS.
        return f"arn:aws:ecr:{region}:{account}:repository/{named[0]}" if len(named) == 1 else found

    return find


def _read(body: bytes, name: str) -> list[Any]:
    """A list in a request; empty where the request has none, and the service will refuse it."""
    try:
        return list(json.loads(body)[name])
    except (ValueError, KeyError, TypeError):
        return []
