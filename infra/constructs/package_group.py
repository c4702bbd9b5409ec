"""A use case's group in the model registry, or the one that an earlier deployment kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.grants import allow, format_arn, write_arn
from infra.constructs.names import to_construct_id
from infra.constructs.sharing import let_stack
from noriba.records.names import name_package_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from constructs import Construct, IConstruct

    from infra.constructs.grants import Grantee
    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True)
class PackageGroup:
    """What others need to know of a group.

    Attributes:
        name: its name.
        arn: its ARN, in its own account.
        home: the registry's stack.
        resource: in the template; None when it was kept.
    """

    name: str
    arn: str
    home: Stack
    resource: sagemaker.CfnModelPackageGroup | None
    _policy: iam.PolicyDocument = field(default_factory=iam.PolicyDocument)

    def find(self, where: IConstruct) -> str:
        """The group's ARN, for policies."""
        return (
            format_arn(self.home, "sagemaker", f"model-package-group/{self.name}")
            if self.is_elsewhere(where)
            else self.arn
        )

    def name_packages(self) -> str:
        """The ARNs of its packages, as a pattern."""
        return format_arn(self.home, "sagemaker", f"model-package/{self.name}/*")

    def allow(self, role: Grantee, actions: Sequence[str], **conditions: dict[str, object]) -> None:
        """Allow actions on its packages."""
        packages = self.name_packages()
        allow(role, actions, [packages], **conditions)
        acknowledge_wildcard(role, write_arn(packages), reason="versions of a model get their numbers at run time")
        self.admit(role, actions, packages, **conditions)

    def admit(
        self, grantee: IConstruct, actions: Sequence[str], *resources: str, **conditions: dict[str, object]
    ) -> None:
        """Let a role of another account in, by the group's own policy.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
        """
        if not self.is_elsewhere(grantee):
            return
        assert self.resource is not None  # noqa: S101  # nothing is kept where accounts are several
        self._policy.add_statements(let_stack(Stack.of(grantee), actions, resources, **conditions))
        self.resource.model_package_group_policy = self._policy

    def is_elsewhere(self, where: IConstruct) -> bool:
        """Whether the registry is another account's."""
        return Stack.of(where).environment != self.home.environment


def find_registry(groups: Iterable[PackageGroup], where: Stack, kind: str) -> str:
    """How the ARNs of the registry's groups or packages begin; the kind says of which."""
    home = next((group.home for group in groups if group.is_elsewhere(where)), where)
    return format_arn(home, "sagemaker", kind)


def make_package_group(scope: Construct, use_case: UseCase, *, shared: Shared) -> PackageGroup:
    """The group. Its name is fixed: the approver types it, and the rollout's rule waits for it."""
    name, stack = name_package_group(use_case.name, prefix=shared.settings.prefix), Stack.of(scope)
    if shared.settings.kept is not None:
        return PackageGroup(name, format_arn(stack, "sagemaker", f"model-package-group/{name}"), stack, None)
    group = sagemaker.CfnModelPackageGroup(
        scope,
        f"Group{to_construct_id(use_case.name)}",
        model_package_group_name=name,
        model_package_group_description=use_case.title,
    )
    group.apply_removal_policy(RemovalPolicy.RETAIN if shared.settings.keep_data else RemovalPolicy.DESTROY)
    return PackageGroup(name, group.attr_model_package_group_arn, stack, group)
