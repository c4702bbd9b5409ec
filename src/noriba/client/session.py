"""What every call begins with: clients, the deployment they find, and the entries of a use case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from noriba.aws.deployment import DEFAULT_PREFIX, MACHINES, Deployment, read_deployment, read_stacks
from noriba.aws.executions import MachineHistory
from noriba.aws.ledger import Ledger
from noriba.aws.ledger_endpoints import open_control
from noriba.aws.objects import ObjectStore
from noriba.aws.places import Places
from noriba.aws.registry import ModelRegistry
from noriba.records.names import name_package_group
from noriba.usecase import UseCase, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.aws.clients import Clients
    from noriba.aws.deployment import Machine
    from noriba.aws.ledger_endpoints import EndpointControl
    from noriba.aws.places import Part, Place


def name_caller(session: Session, part: Part) -> str:
    """The ARN of whoever acts upon a part, for the record."""
    return session.at(part).sts.get_caller_identity()["Arn"]


@dataclass(frozen=True)
class Session:
    """A deployment, and one of its use cases.

    Attributes:
        prefix: which deployment.
        use_case_name: which use case; its code need not be installed here, but for its examples.
        environment: where clients go, as AWS's own variables and `NORIBA_PROFILES` would say it; the process's
            environment does when None.
    """

    prefix: str = DEFAULT_PREFIX
    use_case_name: str = ""
    environment: Mapping[str, str] | None = None

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every account of the deployment, each once; mostly there is one."""
        return self._places.all

    @property
    def clients(self) -> Clients:
        """Clients for whatever part, of a deployment in one account alone; `at` is right wherever it is.

        Raises:
            ProfilesError: `NORIBA_PROFILES` spreads it over several.
        """
        return self._places.only

    def at(self, part: Part) -> Clients:
        """Clients in the account of a part.

        Raises:
            ProfilesError: `NORIBA_PROFILES` says something that cannot be followed.
        """
        return self._places.at(part)

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
        return read_deployment(self._places, prefix=self.prefix)

    @property
    def stacks(self) -> dict[str, str]:
        """The status of each stack that is there, in its part's own account."""
        return {
            name: status
            for place in self.places
            for name, status in read_stacks(place.clients.cloudformation, prefix=self.prefix, parts=place.parts).items()
        }

    @cached_property
    def ledger(self) -> Ledger:
        """The use case's ledger."""
        return Ledger(self.at("data").dynamodb.Table(self.deployment.ledger_table), self.use_case_name)

    @cached_property
    def endpoints(self) -> EndpointControl:
        """What says how production stands: SageMaker; the ledger, where functions answer by themselves."""
        clients = self.at("rollout")
        table = self.deployment.ledger_table if self.deployment.serving == "function" else None
        return open_control(clients, use_case=self.use_case_name, ledger_table=table)

    @cached_property
    def registry(self) -> ModelRegistry:
        """The use case's models."""
        return ModelRegistry(self.at("registry").sagemaker, self._package_group)

    @cached_property
    def datasets(self) -> ObjectStore:
        """Snapshots."""
        return ObjectStore(self.at("data").s3, self.deployment.datasets_bucket)

    def as_approver(self) -> ModelRegistry:
        """The use case's models, through the approver's role and not one's own."""
        role = self.deployment.approver_role_arn
        clients = self.at("registry").acting_as(role, session_name="noriba-approve")
        return ModelRegistry(clients.sagemaker, self._package_group)

    def history(self, machine: Machine) -> MachineHistory:
        """The executions of a machine."""
        arn: str = getattr(self.deployment, f"{machine}_machine_arn")
        return MachineHistory(self.at(MACHINES[machine]).stepfunctions, arn)

    def describe_place(self) -> str:
        """Accounts and region, for whoever is about to do harm."""
        accounts = [place.account for place in self.places]
        word = "account" if len(accounts) == 1 else "accounts"
        return f"{word} {', '.join(accounts)}, region {self.places[0].clients.region}"

    @cached_property
    def _places(self) -> Places:
        return Places(self.environment)

    @property
    def _package_group(self) -> str:
        return name_package_group(self.use_case_name, prefix=self.prefix)
