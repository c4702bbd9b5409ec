"""The repository of the model image: pushed to once a tag, scanned at each push, pulled by the environments alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from constructs import Construct

    from infra.delivery.scope import Scope

# What SageMaker pulls with, and what TRAIN and the registry look at.
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer")


class ImagesStack(Stack):
    """In the account of the pipeline: one image, built and scanned once, is what every environment runs."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope) -> None:
        super().__init__(scope, construct_id, env=shared.home, description="Noriba: the images of a delivery")
        repository = ecr.Repository(
            self,
            "Model",
            repository_name=shared.image_repository,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            # Registered versions of models name the images that they were trained with; see docs/aws.md, going back.
            removal_policy=RemovalPolicy.RETAIN,
        )
        accounts = [shared.find_id(target.account) for target in shared.delivery.targets.values()]
        repository.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EnvironmentsPull",
                principals=[iam.AccountPrincipal(account) for account in accounts],
                actions=list(PULL),
            )
        )
        CfnOutput(self, "ModelRepositoryUri", value=repository.repository_uri)
