"""What every command begins with: clients, the deployment they find, and the ledger of a use case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.aws.clients import Clients
from noriba.aws.deployment import DEFAULT_PREFIX, Deployment, read_deployment
from noriba.aws.executions import MachineHistory
from noriba.aws.ledger import Ledger
from noriba.aws.objects import ObjectStore
from noriba.aws.registry import ModelRegistry
from noriba.records.snapshot import SnapshotManifest, name_manifest
from noriba.registry.candidates import name_package_group
from noriba.usecase import UseCase, find_default_use_case, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping

Prefix = Annotated[str, typer.Option("--prefix", help="Which deployment, by its prefix.", envvar="NORIBA_PREFIX")]
UseCaseName = Annotated[str, typer.Option("--use-case", "-u", help="Which use case.", envvar="NORIBA_USE_CASE")]
THE_PREFIX = DEFAULT_PREFIX
THE_USE_CASE: Any = find_default_use_case() or ...  # `...`: it must be named


@dataclass(frozen=True)
class Session:
    """A deployment and one of its use cases.

    `environment` says where clients go, as AWS's own variables would; the process's environment does when it is None.
    """

    prefix: str
    use_case_name: str = THE_USE_CASE
    environment: Mapping[str, str] | None = None

    @cached_property
    def clients(self) -> Clients:
        """Clients as the environment says."""
        return Clients() if self.environment is None else Clients.to(self.environment)

    @cached_property
    def use_case(self) -> UseCase:
        """The use case."""
        return load_use_case(self.use_case_name)

    @cached_property
    def deployment(self) -> Deployment:
        """What was deployed."""
        return read_deployment(self.clients.cloudformation, prefix=self.prefix)

    @cached_property
    def ledger(self) -> Ledger:
        """The use case's ledger."""
        return Ledger(self.clients.dynamodb.Table(self.deployment.ledger_table), self.use_case.name)

    @cached_property
    def registry(self) -> ModelRegistry:
        """The use case's models."""
        return ModelRegistry(self.clients.sagemaker, name_package_group(self.use_case, prefix=self.prefix))

    @cached_property
    def datasets(self) -> ObjectStore:
        """Snapshots."""
        return ObjectStore(self.clients.s3, self.deployment.datasets_bucket)

    def as_approver(self) -> ModelRegistry:
        """The use case's models, through the approver's role and not one's own."""
        role = self.deployment.approver_role_arn
        clients = self.clients.acting_as(role, session_name="noriba-approve")
        return ModelRegistry(clients.sagemaker, name_package_group(self.use_case, prefix=self.prefix))

    def history(self, machine_arn: str) -> MachineHistory:
        """The executions of a machine."""
        return MachineHistory(self.clients.stepfunctions, machine_arn)

    def read_manifest(self, snapshot_id: str) -> SnapshotManifest:
        """A snapshot's manifest."""
        content = self.datasets.read(name_manifest(self.use_case.name, snapshot_id))
        return SnapshotManifest.model_validate_json(content)
