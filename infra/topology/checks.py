"""What no entry of a topology shows by itself: names that lead nowhere, accounts twice, people who are too much."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from infra.topology.parts import PARTS
from infra.topology.personas import CONFLICTS
from noriba.usecase import list_use_cases, to_resource_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infra.topology.model import Topology
    from infra.topology.personas import Persona

MANAGEMENT = "management"
"""What the management account is called; it holds none of the loop's parts."""


def find_faults(topology: Topology) -> Iterator[str]:
    """Every fault, each beginning with the entry that it is about and ending with what to do."""
    yield from _find_use_cases(topology.use_cases)
    yield from _find_twins(topology)
    yield from _find_strangers(topology)
    yield from _find_conflicts(topology)
    yield from _find_lost_groups(topology)


def _find_use_cases(names: Iterable[str]) -> Iterator[str]:
    installed = list_use_cases()
    seen: set[str] = set()
    for name in names:
        entry = f"use_cases.{name}"
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackageGroup.html
        if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", to_resource_name(name)):
            yield f"{entry}: SageMaker takes no such name; take small letters, digits and single underscores between"
        elif name not in installed:
            yield f"{entry}: is not installed (there are {', '.join(installed)}); add its folder or remove the name"
        elif name in seen:
            yield f"{entry}: stands there twice; remove one"
        seen.add(name)


def _find_twins(topology: Topology) -> Iterator[str]:
    owners: dict[str, list[str]] = defaultdict(list, {topology.organisation.management: ["organisation.management"]})
    addresses: dict[str, list[str]] = defaultdict(list)
    for name, account in topology.accounts.items():
        if account.id is not None:
            owners[account.id].append(f"accounts.{name}")
        if account.email is not None:
            # AWS knows an address once. https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
            addresses[account.email.lower()].append(f"accounts.{name}")
    for what, owned in (("id", owners), ("email", addresses)):
        for value, entries in owned.items():
            if len(entries) > 1:
                yield f"{entries[-1]}.{what}: {value} is that of {entries[0]} too; give each account its own"
    if MANAGEMENT in topology.accounts:
        yield f"accounts.{MANAGEMENT}: the management account stands in organisation.management; remove this entry"


def _find_strangers(topology: Topology) -> Iterator[str]:
    """Names of accounts, in parts, grants and delivery, that are none of this organisation."""
    named = [(f"parts.{part}", getattr(topology.parts, part)) for part in PARTS]
    for persona, people in topology.personas.items():
        named += [(f"personas.{persona}.also_in", name) for name in people.also_in]
    if topology.delivery is not None:
        named += topology.delivery.name_accounts()
    for entry, name in named:
        if name not in topology.accounts:
            there = ", ".join(topology.accounts)
            yield f"{entry}: {name} is no account of this organisation (there are {there}); add it under accounts"


def _find_conflicts(topology: Topology) -> Iterator[str]:
    holders: dict[str, list[Persona]] = defaultdict(list)
    for persona, people in topology.personas.items():
        keys = [group.key for group in people.groups]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            yield f"personas.{persona}.groups: {key} stands there twice; remove one"
        for key in dict.fromkeys(keys):
            holders[key].append(persona)
    for key, personas in holders.items():
        for pair, reason in CONFLICTS.items():
            if pair <= set(personas):
                first, second = sorted(pair, key=personas.index)
                yield f"personas.{second}.groups: {key} is {first} already, and {reason}; take another group"


def _find_lost_groups(topology: Topology) -> Iterator[str]:
    if topology.identity_center.store is None:
        for persona, people in topology.personas.items():
            for group in people.groups:
                if group.name is not None:
                    yield (
                        f"personas.{persona}.groups: {group.name} can be made only where identity_center.store is "
                        "given; write it, or the id of a group that exists"
                    )
