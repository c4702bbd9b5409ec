"""What every call begins with: clients, the deployment they find, and the entries of a use case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from noriba.aws.clients import Clients
from noriba.aws.deployment import DEFAULT_PREFIX, Deployment, read_deployment, read_stacks
from noriba.aws.executions import MachineHistory
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.aws.registry import ModelRegistry
from noriba.records.names import name_package_group
from noriba.usecase import UseCase, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping


def name_caller(session: Session) -> str:
    """The ARN of whoever acts, for the record."""
    return session.clients.sts.get_caller_identity()["Arn"]


@dataclass(frozen=True)
class Session:
    """A deployment, and one of its use cases.

    Attributes:
        prefix: which deployment.
        use_case_name: which use case; its code need not be installed here, but for its examples.
        environment: where clients go, as AWS's own variables would say it; the process's environment does when None.
    """

    prefix: str = DEFAULT_PREFIX
    use_case_name: str = ""
    environment: Mapping[str, str] | None = None

    @cached_property
    def clients(self) -> Clients:
        """Clients as the environment says."""
        return Clients() if self.environment is None else Clients.to(self.environment)

    @cached_property
    def use_case(self) -> UseCase:
        """The use case as this checkout declares it.

        Raises:
            UnknownUseCaseError: it is not installed here.
        """
        return load_use_case(self.use_case_name)

    @cached_property
    def deployment(self) -> Deployment:
        """What was deployed.

        Raises:
            NotDeployedError: a stack is missing; the message says what to do.
        """
        return read_deployment(self.clients.cloudformation, prefix=self.prefix)

    @property
    def stacks(self) -> dict[str, str]:
        """The status of each stack that is there."""
        return read_stacks(self.clients.cloudformation, prefix=self.prefix)

    @cached_property
    def ledger(self) -> Ledger:
        """The use case's ledger."""
        return Ledger(self.clients.dynamodb.Table(self.deployment.ledger_table), self.use_case_name)

    @cached_property
    def registry(self) -> ModelRegistry:
        """The use case's models."""
        return ModelRegistry(self.clients.sagemaker, self._package_group)

    @cached_property
    def datasets(self) -> ObjectStore:
        """Snapshots."""
        return ObjectStore(self.clients.s3, self.deployment.datasets_bucket)

    def as_approver(self) -> ModelRegistry:
        """The use case's models, through the approver's role and not one's own."""
        role = self.deployment.approver_role_arn
        clients = self.clients.acting_as(role, session_name="noriba-approve")
        return ModelRegistry(clients.sagemaker, self._package_group)

    def history(self, machine_arn: str) -> MachineHistory:
        """The executions of a machine."""
        return MachineHistory(self.clients.stepfunctions, machine_arn)

    def describe_place(self) -> str:
        """Account and region, for whoever is about to do harm."""
        account = self.clients.sts.get_caller_identity()["Account"]
        return f"account {account}, region {self.clients.sts.meta.region_name}"

    @property
    def _package_group(self) -> str:
        return name_package_group(self.use_case_name, prefix=self.prefix)
