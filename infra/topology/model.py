"""A topology: everything about an organisation that templates have to know, checked as a whole."""

from __future__ import annotations

from typing import Self

from aws_cdk.region_info import RegionInfo
from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.topology.checks import find_faults
from infra.topology.delivery import Delivery
from infra.topology.fields import (  # pydantic reads them
    AccountId,
    AccountName,
    Email,
    GroupId,
    InstanceArn,
    Network,
    OrganisationId,
    Region,
    RoleName,
    RootId,
    StoreId,
)
from infra.topology.parts import PARTS, Parts
from infra.topology.personas import PERSONAS, Persona


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Organisation(_Entry):
    """What is there before anything is deployed: AWS Organizations with all features, and its management account."""

    id: OrganisationId
    root: RootId
    management: AccountId


class Regions(_Entry):
    """Where things may be. IAM Identity Center and the trail are at home, and so is everything that is deployed."""

    home: Region
    allowed: tuple[Region, ...] = ()


class Account(_Entry):
    """A member account: made, when it has an `email` of its own, or one that exists, by its `id`.

    The id of an account that was made may be written down later; nothing changes by it but what is checked.
    """

    unit: AccountName
    id: AccountId | None = None
    email: Email | None = None
    budget_usd: int = Field(gt=0)

    @model_validator(mode="after")
    def _see_that_it_exists(self) -> Self:
        if self.id is None and self.email is None:
            raise ValueError("has neither id nor email; write the id of an account that exists, or an email to make it")
        return self


class Group(_Entry):
    """A group of people: one that IAM Identity Center knows by `id`, or one to be made there, by `name`."""

    id: GroupId | None = None
    name: str | None = Field(default=None, min_length=1, max_length=128)

    @model_validator(mode="after")
    def _see_which(self) -> Self:
        if (self.id is None) == (self.name is None):
            raise ValueError("write either the id of a group that exists, or a name to make one")
        return self

    @property
    def key(self) -> str:
        """What tells groups apart."""
        return (self.id or self.name or "").lower()


class People(_Entry):
    """Who is a persona, and where they work besides the accounts of their parts."""

    groups: tuple[Group, ...] = Field(min_length=1)
    also_in: tuple[str, ...] = ()


class IdentityCenter(_Entry):
    """The instance, which no template can make, and the store of its groups, where groups are to be made."""

    instance: InstanceArn
    store: StoreId | None = None


class Trail(_Entry):
    """How long nobody, not even an administrator, can delete what the trail wrote."""

    lock_days: int = Field(default=365, gt=0, le=36_500)


class Guardrails(_Entry):
    """The one role that guardrails spare, in every account; who may assume it is up to you."""

    break_glass_role: RoleName


class Budgets(_Entry):
    """Who is told when an account spends too much."""

    # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_NotificationWithSubscribers.html
    addresses: tuple[Email, ...] = Field(min_length=1, max_length=10)


class Topology(_Entry):
    """One organisation."""

    use_cases: tuple[str, ...] = Field(min_length=1)
    networks: tuple[Network, ...] = ()
    organisation: Organisation
    regions: Regions
    accounts: dict[AccountName, Account] = Field(min_length=1)
    parts: Parts
    identity_center: IdentityCenter
    personas: dict[Persona, People]
    trail: Trail = Trail()
    guardrails: Guardrails
    budgets: Budgets
    delivery: Delivery | None = None

    @model_validator(mode="after")
    def _check_as_a_whole(self) -> Self:
        faults = list(find_faults(self))
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def partition(self) -> str:
        """`aws`, or where the home region is, in China or GovCloud, theirs."""
        return RegionInfo.get(self.regions.home).partition or "aws"

    @property
    def all_regions(self) -> list[str]:
        """Those in which anything may be, home among them."""
        return sorted({self.regions.home, *self.regions.allowed})

    @property
    def units(self) -> list[str]:
        """The organizational units, sorted."""
        return sorted({account.unit for account in self.accounts.values()})

    def list_parts(self, account: str) -> list[str]:
        """The parts of the loop that stand in an account."""
        return [part for part in PARTS if getattr(self.parts, part) == account]

    def list_workplaces(self, persona: Persona) -> list[str]:
        """The accounts in which a persona works, in the order of the file."""
        needed = {getattr(self.parts, part) for part in PERSONAS[persona].parts}
        needed |= set(self.personas[persona].also_in) if persona in self.personas else set()
        return [name for name in self.accounts if name in needed]
