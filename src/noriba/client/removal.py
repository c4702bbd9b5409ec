"""Removing what the stacks do not own: endpoints, models, all objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.deployment import list_buckets
from noriba.aws.objects import ObjectStore
from noriba.aws.teardown import remove_endpoints, remove_packages
from noriba.client.progress import NO_PROGRESS
from noriba.records.names import name_endpoint, name_package_group
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from noriba.aws.clients import Clients
    from noriba.client.progress import Progress
    from noriba.client.session import Session


def tear_down(session: Session, *, progress: Progress = NO_PROGRESS) -> dict[str, int]:
    """Delete all data and models of a deployment; how many of each. What is left are the stacks, for `cdk destroy`.

    Not of the whole deployment only: after a `cdk destroy` that stopped half-way, what is left goes all the same.
    Every account is looked through for everything: where a part is now, and where it was before it moved. Nothing is
    removed anywhere before every bucket has said that it may be emptied: guardrails keep captures from most.

    Returns:
        What was removed and how many. Where there are several accounts, each thing is named with its own, and what none
        was found of is left out.
    """
    removed = dict[str, int]()
    for place in session.places:
        for bucket in list_buckets(place.clients.cloudformation, prefix=session.prefix):
            ObjectStore(place.clients.s3, bucket).see_that_it_may_be_emptied()
    for place in session.places:
        where = "" if len(session.places) == 1 else f" in {place.account}"
        found = _tear_down(place.clients, session.prefix, where, progress)
        removed |= {f"{what}{where}": count for what, count in found.items() if count or not where}
    return removed


def _tear_down(clients: Clients, prefix: str, where: str, progress: Progress) -> dict[str, int]:
    removed = dict[str, int]()
    buckets = list_buckets(clients.cloudformation, prefix=prefix)
    for name in list_use_cases():
        endpoint = name_endpoint(name, prefix=prefix)
        removed[f"endpoint {endpoint}"] = remove_endpoints(clients.sagemaker, prefix=endpoint, tell=progress.update)
        group = name_package_group(name, prefix=prefix)
        removed[f"models of {name}"] = remove_packages(clients.sagemaker, group)
    for bucket in buckets:
        progress.update(f"emptying {bucket}{where}")
        removed[bucket] = ObjectStore(clients.s3, bucket).empty()
    return removed
