"""Roles around SageMaker: what jobs and models run as, and what a state machine needs to run jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcard
from infra.constructs.grants import allow, format_arn, trust, write_arn

if TYPE_CHECKING:
    from infra.constructs.model_image import ModelImage


class SageMakerRole(Construct):
    """A role for containers of one image: pull it, write logs and metrics, nothing more.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        image: of the containers.
        name: of the role, where another account has to know it; CloudFormation's choice when None.
    """

    def __init__(self, scope: Construct, construct_id: str, *, image: ModelImage, name: str | None = None) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "Role", role_name=name, assumed_by=trust("sagemaker", self))
        stack = Stack.of(self)
        allow(
            self.role,
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            [image.repository_arn],
        )
        allow(self.role, ["ecr:GetAuthorizationToken"], ["*"])
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="a registry token and metrics know no resources; metrics are held to SageMaker's namespaces",
        )
        allow(
            self.role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            StringLike={"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]},
        )
        groups = format_arn(stack, "logs", "log-group:/aws/sagemaker/*")
        allow(
            self.role,
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [groups],
        )
        acknowledge_wildcard(
            self.role,
            write_arn(groups),
            reason="SageMaker names a log group after each kind of job and each endpoint",
        )


def allow_jobs(machine_role: iam.IRole, job_role: iam.IRole) -> None:
    """Let a state machine run training and processing jobs to their end, as that role.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html#sagemaker-iam-createtrainingjob-sync
    """
    stack = Stack.of(machine_role)
    for kind, create in (("training-job", "TrainingJob"), ("processing-job", "ProcessingJob")):
        allow(
            machine_role,
            [
                f"sagemaker:Create{create}",
                f"sagemaker:Describe{create}",
                f"sagemaker:Stop{create}",
                # Step Functions tags what it waits for, and reads the tags.
                # https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
                "sagemaker:AddTags",
                "sagemaker:ListTags",
            ],
            [format_arn(stack, "sagemaker", f"{kind}/*")],
        )
        acknowledge_wildcard(
            machine_role,
            write_arn(format_arn(stack, "sagemaker", f"{kind}/*")),
            reason="jobs are named after the decision to train",
        )
    allow_passing(machine_role, job_role)
    # The rules through which Step Functions hears that a job has ended; it makes them itself, under these names.
    rules = (
        "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
        "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    )
    allow(
        machine_role,
        ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
        [format_arn(stack, "events", f"rule/{rule}") for rule in rules],
    )


def allow_passing(machine_role: iam.IRole, role: iam.IRole) -> None:
    """Let a state machine hand a role to SageMaker, and to nobody else."""
    allow(
        machine_role,
        ["iam:PassRole"],
        [role.role_arn],
        StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"},
    )
