"""Staging in an account of its own: a model's first endpoint, which ROLLOUT makes from where production is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.golden_checker import make_golden_checker
from infra.constructs.grants import allow, allow_key, allow_reading, format_arn, write_arn
from infra.constructs.sagemaker_role import SageMakerRole, allow_passing
from infra.constructs.sharing import name_roles
from infra.machines.rollout.props import StagingProps
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.model_image import ModelImage
    from infra.constructs.package_group import PackageGroup
    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


@dataclass(frozen=True, kw_only=True)
class StagingData:
    """What stands elsewhere.

    Attributes:
        models: the bucket.
        groups: of packages.
        production: the account of ROLLOUT.
    """

    models: s3.IBucket
    groups: Sequence[PackageGroup]
    production: Shared


class StagingStack(Stack):
    """Attributes: `props`, what ROLLOUT has to know; `role`, as which it acts here."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        data: StagingData,
        image: ModelImage,
        use_cases: Sequence[UseCase],
    ) -> None:
        super().__init__(scope, construct_id, description="Noriba: staging, in its own account", env=shared.environment)
        self._shared, self._data = shared, data
        self._endpoints = [name_endpoint(use_case.name, prefix=shared.settings.prefix) for use_case in use_cases]
        checker = make_golden_checker(self, shared=shared, models=data.models, endpoints=self._endpoints)
        model_role = SageMakerRole(self, "Models", image=image, name=self._name_role("models")).role
        allow_reading(model_role, data.models)
        self.role = self._make_role(model_role)
        allow(self.role, ["lambda:InvokeFunction"], [checker.function.function_arn])
        self.props = StagingProps(
            role_arn=self.role.role_arn,
            model_role_arn=model_role.role_arn,
            golden_arn=checker.function.function_arn,
            key_arn=shared.key_address,
        )

    def _make_role(self, model_role: iam.Role) -> iam.Role:
        """What ROLLOUT and TIDY are here: whoever makes staging endpoints, and removes them."""
        production = Stack.of(self._data.production.bus)
        stack_name = f"{self._shared.settings.prefix}-rollout"
        roles = name_roles(self.partition, production.account, stack_name)
        role = iam.Role(
            self,
            "Stage",
            role_name=self._name_role("stage"),
            description="Makes and removes staging endpoints for rollouts",
            # Made before theirs, it knows them by how CloudFormation names them.
            assumed_by=iam.AccountPrincipal(production.account).with_conditions(
                {"ArnLike": {"aws:PrincipalArn": [roles]}}
            ),
        )
        for group in self._data.groups:
            # AWS's example has both. https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
            group.allow(role, ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"])
        names = self._endpoints
        self._allow(role, ["CreateModel", "DeleteModel"], "model", names)
        configuring = ["CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig", "CreateEndpoint"]
        self._allow(role, configuring, "endpoint-config", [f"{name}-staging" for name in names])
        serving = ["CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint"]
        self._allow(role, serving, "endpoint", [f"{name}-staging" for name in names])
        # What TIDY looks for: lists know no resources, and production's name is none here.
        allow(role, ["sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], ["*"])
        acknowledge_wildcard(role, "*", reason="SageMaker's lists know no resources")
        allow(
            role, ["sagemaker:DescribeEndpoint"], [format_arn(self, "sagemaker", f"endpoint/{name}") for name in names]
        )
        allow_passing(role, model_role)
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html#sagemaker-CreateEndpointConfig-request-KmsKeyId
        allow_key(role, self._shared.key, ["kms:Decrypt", "kms:GenerateDataKey"])
        allow(role, ["kms:CreateGrant"], [self._shared.key.key_arn], Bool={"kms:GrantIsForAWSResource": True})
        return role

    def _name_role(self, name: str) -> str:
        """As CloudFormation would begin it, for so the stack's roles are known; names are those of all regions."""
        return f"{self.stack_name}-{name}-{self.region}"

    def _allow(self, role: iam.Role, actions: Sequence[str], kind: str, names: Sequence[str]) -> None:
        arns = [format_arn(self, "sagemaker", f"{kind}/{name}-*") for name in names]
        allow(role, [f"sagemaker:{action}" for action in actions], arns)
        reason = "named after the endpoint and the attempt"
        acknowledge_wildcard(role, *(write_arn(arn) for arn in arns), reason=reason)
