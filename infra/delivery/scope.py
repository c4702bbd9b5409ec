"""What the stacks of a delivery share: the topology, the settings, and names by which accounts agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Environment
from aws_cdk import aws_logs as logs

from infra.topology import TopologyError

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.topology import Delivery, Topology


@dataclass(frozen=True)
class Scope:
    """One delivery.

    Attributes:
        topology: the organisation.
        delivery: its `[delivery]`.
        settings: those of the pipeline itself: `prefix` and `log_retention`. Environments have files of their own.
    """

    topology: Topology
    delivery: Delivery
    settings: Settings

    @property
    def prefix(self) -> str:
        """First part of every fixed name."""
        return self.settings.prefix

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long logs are kept."""
        return logs.RetentionDays[self.settings.log_retention]

    @property
    def home(self) -> Environment:
        """Where the pipeline and the images are."""
        return self.find_environment(self.delivery.account)

    def find_environment(self, account: str) -> Environment:
        """The account and region of a name.

        Raises:
            TopologyError: the account is made by the organisation, and its id is not written down yet.
        """
        return Environment(account=self.find_id(account), region=self.topology.regions.home)

    def find_id(self, account: str) -> str:
        """The id of an account; roles and addresses of other accounts are made of it.

        Raises:
            TopologyError: as above.
        """
        found = self.topology.accounts[account].id
        if found is None:
            raise TopologyError(
                f"accounts.{account}.id: is missing, and delivery has to know it; write what the stack "
                f"{self.prefix}-organisation printed as its id, beside the email"
            )
        return found

    @property
    def image_repository(self) -> str:
        """The repository of the model image."""
        return f"{self.prefix}-model"

    @property
    def image_uri(self) -> str:
        """Where images are pushed to and pulled from, without tag or digest."""
        domain = "amazonaws.com.cn" if self.topology.partition == "aws-cn" else "amazonaws.com"
        host = f"{self.find_id(self.delivery.account)}.dkr.ecr.{self.topology.regions.home}.{domain}"
        return f"{host}/{self.image_repository}"

    @property
    def asker_role(self) -> str:
        """The role in staging's account that asks its API; other accounts know it by this name."""
        return f"{self.prefix}-integration-test"

    @property
    def asker_arn(self) -> str:
        """The ARN of that role."""
        return self._format_role(self.delivery.staging.account, self.asker_role)

    @property
    def runner_role(self) -> str:
        """Whom that role trusts: the pipeline's build that takes it."""
        return f"{self.prefix}-integration-runner"

    @property
    def runner_arn(self) -> str:
        """The ARN of the build's role."""
        return self._format_role(self.delivery.account, self.runner_role)

    def _format_role(self, account: str, name: str) -> str:
        return f"arn:{self.topology.partition}:iam::{self.find_id(account)}:role/{name}"
