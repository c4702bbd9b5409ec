"""What the stacks of an organisation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Environment

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.topology import Topology


@dataclass(frozen=True)
class Scope:
    """The topology, and the settings of the deployment."""

    topology: Topology
    settings: Settings

    @property
    def prefix(self) -> str:
        """First part of every fixed name."""
        return self.settings.prefix

    @property
    def management(self) -> Environment:
        """Where Organizations, IAM Identity Center, the trail and budgets are managed."""
        return Environment(account=self.topology.organisation.management, region=self.topology.regions.home)

    def find_environment(self, account: str) -> Environment:
        """That of a member account; open, where the file does not know its id yet: credentials then decide."""
        return Environment(account=self.topology.accounts[account].id, region=self.topology.regions.home)
