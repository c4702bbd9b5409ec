"""Where the parts of the loop stand: all in the account of whoever deploys, or each in that of a topology."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aws_cdk import Environment

from infra.constructs.bus_policy import Neighbours
from infra.constructs.names import to_construct_id
from infra.settings_file import SettingsError
from infra.stacks.events import EventsStack, Place
from infra.stacks.forwarding import ForwardingStack
from infra.topology import PERSONAS, TopologyError
from infra.topology.parts import OF_THE_LOOP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from aws_cdk import App

    from infra.constructs.shared import Shared
    from infra.packages import Packages
    from infra.settings import Settings
    from infra.topology import Topology

HUB = "events"
"""The part whose account has the bus that everybody tells."""
SERVING = "serving"
BESIDE_SERVING = ("rollout", "observations", "monitoring", "operators")
"""Parts that stand in one account with it."""


class Places(ABC):
    """An events stack for each account of the loop."""

    @abstractmethod
    def find(self, part: str) -> Shared:
        """What stacks share in a part's account."""

    @abstractmethod
    def list_accounts(self) -> Mapping[str, Shared]:
        """The accounts, by the names of the topology."""

    @abstractmethod
    def list_personas(self, account: str) -> Collection[str] | None:
        """Who works in an account; None for everybody."""

    @abstractmethod
    def connect(self) -> None:
        """Bring events to those who wait for them; when all stacks are made."""


class OneAccount(Places):
    """Everything where whoever deploys has credentials."""

    def __init__(self, app: App, *, settings: Settings, packages: Packages) -> None:
        self._shared = EventsStack(app, f"{settings.prefix}-events", settings=settings, packages=packages).shared

    def find(self, part: str) -> Shared:  # noqa: ARG002  # all are there
        """The same for all."""
        return self._shared

    def list_accounts(self) -> Mapping[str, Shared]:
        """The only one has no name."""
        return {"": self._shared}

    def list_personas(self, account: str) -> Collection[str] | None:  # noqa: ARG002  # the only one
        """Everybody."""
        return None

    def connect(self) -> None:
        """Nothing is to be brought anywhere."""


class ManyAccounts(Places):
    """Each part in its own account.

    Raises:
        TopologyError: the id of an account is not known, or parts are asunder that ask each other's tables.
        SettingsError: what an earlier deployment kept is to be used again, which one account alone can do.
    """

    def __init__(self, app: App, *, settings: Settings, packages: Packages, topology: Topology) -> None:
        if settings.kept is not None:
            raise SettingsError("kept: what one account kept cannot be used again by several; remove it")
        _check_neighbours(topology)
        self._app, self._topology = app, topology
        self._hub = getattr(topology.parts, HUB)
        ids = _find_ids(topology)
        region, prefix = topology.regions.home, settings.prefix
        neighbours = Neighbours({part: ids[getattr(topology.parts, part)] for part in OF_THE_LOOP}, ids[self._hub])
        hub_arn = f"arn:{topology.partition}:events:{region}:{ids[self._hub]}:event-bus/{prefix}"
        self._accounts = {
            name: EventsStack(
                app,
                f"{prefix}-events-{name}",
                settings=settings,
                packages=packages,
                place=Place(
                    environment=Environment(account=ids[name], region=region),
                    neighbours=neighbours,
                    hub_arn=None if name == self._hub else hub_arn,
                ),
            ).shared
            for name in ids
        }

    def find(self, part: str) -> Shared:
        """Those of the account that the topology names."""
        return self._accounts[getattr(self._topology.parts, part)]

    def list_accounts(self) -> Mapping[str, Shared]:
        """Those that hold a part of the loop."""
        return self._accounts

    def list_personas(self, account: str) -> Collection[str] | None:
        """Those whom IAM Identity Center gives access, and finds a policy for."""
        return [persona for persona in PERSONAS if account in self._topology.list_workplaces(persona)]

    def connect(self) -> None:
        """From the hub to each account, what its rules wait for; and what AWS tells, from where it does."""
        hub, stacks = self._accounts[self._hub], dict[str, ForwardingStack]()
        for name, shared in self._accounts.items():
            told = [wanted.pattern for wanted in shared.wanted if wanted.told_in is None]
            if told and shared is not hub:
                construct_id = f"For{to_construct_id(name.replace('-', '_'))}"
                self._stand(stacks, hub).bring(shared, pattern=_join(told), construct_id=construct_id)
            for wanted in shared.wanted:
                if wanted.told_in is not None:
                    self._stand(stacks, wanted.told_in).bring(
                        shared, pattern=wanted.pattern, construct_id=wanted.rule, from_aws=True
                    )

    def _stand(self, stacks: dict[str, ForwardingStack], shared: Shared) -> ForwardingStack:
        """The stack of an account that brings events to others."""
        [name] = [name for name, one in self._accounts.items() if one is shared]
        if name not in stacks:
            stacks[name] = ForwardingStack(self._app, f"{shared.settings.prefix}-forwarding-{name}", shared=shared)
        return stacks[name]


def see_use_cases(topology: Topology, installed: Collection[str]) -> None:
    """See that guardrails let every use case be deployed that is.

    Raises:
        TopologyError: one is not named.
    """
    if unnamed := sorted(set(installed) - set(topology.use_cases)):
        raise TopologyError(
            f"use_cases: {', '.join(unnamed)} would be deployed, and guardrails let it have neither endpoint nor "
            "package group; name it, or remove its folder under usecases/"
        )


def _check_neighbours(topology: Topology) -> None:
    """Of what serves production, no part does without what is beside it: endpoints, tables and queries of one account.

    https://docs.aws.amazon.com/athena/latest/ug/security-iam-cross-account-glue-catalog-access.html
    """
    home = getattr(topology.parts, SERVING)
    faults = [
        f"parts.{part}: what watches and explains production stands beside it; write {home}, as parts.{SERVING} has it"
        for part in BESIDE_SERVING
        if getattr(topology.parts, part) != home
    ]
    if faults:
        raise TopologyError("\n".join(faults))


def _find_ids(topology: Topology) -> dict[str, str]:
    """The accounts of the loop, by name, in the order of the file."""
    used = {getattr(topology.parts, part) for part in OF_THE_LOOP}
    unknown = [name for name in topology.accounts if name in used and topology.accounts[name].id is None]
    if unknown:
        entries = ", ".join(f"accounts.{name}.id" for name in unknown)
        raise TopologyError(f"{entries}: the loop's stacks need it; write the id that noriba-organisation printed")
    return {name: account.id for name, account in topology.accounts.items() if name in used and account.id}


def _join(patterns: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of these kinds; what they are about, the rules there say."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for pattern in patterns:
        for name in ("source", "detail-type"):
            kinds[name] |= set(pattern[name])
    return {name: sorted(values) for name, values in kinds.items()}
