"""What people are refused, whatever else is attached to them: the duties that are kept apart.

A refusal holds over every permission, so an owner who gives a data scientist all of SageMaker gives no approval away.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.grants import format_arn
from infra.constructs.sharing import is_elsewhere
from noriba.records.observations import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_s3 as s3

    from infra.people.estate import Estate


def deny(
    policy: iam.ManagedPolicy, actions: Sequence[str], resources: Sequence[str], **conditions: dict[str, object]
) -> None:
    """Refuse actions on resources."""
    policy.add_statements(
        iam.PolicyStatement(
            effect=iam.Effect.DENY, actions=list(actions), resources=list(resources), conditions=conditions or None
        )
    )


def keep_from_approving(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Neither decide on a candidate nor edit its record, nor register one as approved, nor become the approver."""
    # Where packages are, which may be another account.
    stack = Stack.of(estate.approver)
    groups = f"{estate.shared.settings.prefix}-*"
    if not is_elsewhere(policy, estate.approver):
        deny(policy, ["sts:AssumeRole"], [estate.approver.role_arn])
    packages, group = f"model-package/{groups}", f"model-package-group/{groups}"
    deny(policy, ["sagemaker:UpdateModelPackage"], [format_arn(stack, "sagemaker", packages)])
    deny(
        policy,
        ["sagemaker:CreateModelPackage"],
        [format_arn(stack, "sagemaker", name) for name in (packages, group)],
        StringEquals={"sagemaker:ModelApprovalStatus": "Approved"},
    )


def keep_from_passing_roles(policy: iam.ManagedPolicy) -> None:
    """Hand no role to a service: code of one's own would run by it."""
    deny(policy, ["iam:PassRole"], ["*"])


def keep_from_training(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Neither train, nor ask for it, nor change what a decision rests upon."""
    deny(policy, ["sagemaker:CreateTrainingJob", "sagemaker:CreateProcessingJob"], ["*"])
    if not is_elsewhere(policy, estate.machines.train):
        deny(policy, ["states:StartExecution"], [estate.machines.train.state_machine_arn])
    deny(policy, ["events:PutEvents"], [estate.shared.hub.event_bus_arn])
    deny_objects(policy, ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"], estate.buckets.models)


def keep_from_deploying(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Leave endpoints alone, and begin no rollout."""
    actions = ("CreateEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "DeleteEndpoint")
    endpoints = f"endpoint/{estate.shared.settings.prefix}-*"
    deny(policy, [f"sagemaker:{action}" for action in actions], [format_arn(Stack.of(policy), "sagemaker", endpoints)])
    if not is_elsewhere(policy, estate.machines.rollout):
        deny(policy, ["states:StartExecution"], [estate.machines.rollout.state_machine_arn])


def keep_from_reading(policy: iam.ManagedPolicy, *buckets: s3.IBucket) -> None:
    """Read no object of these buckets."""
    deny_objects(policy, ["s3:GetObject", "s3:GetObjectVersion"], *buckets)


def keep_from_places(policy: iam.ManagedPolicy, observations: s3.IBucket) -> None:
    """Read no row that says what a model was asked."""
    if not is_elsewhere(policy, observations):
        rows = observations.arn_for_objects(f"{PREDICTIONS.name}/*")
        deny(policy, ["s3:GetObject", "s3:GetObjectVersion"], [rows])


def deny_objects(policy: iam.ManagedPolicy, actions: Sequence[str], *buckets: s3.IBucket) -> None:
    """Refuse actions on all objects of buckets."""
    if here := [bucket for bucket in buckets if not is_elsewhere(policy, bucket)]:
        deny(policy, actions, [bucket.arn_for_objects("*") for bucket in here])
