"""The model registry: a package group for each use case, and word to the approver of every candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.constructs.bucket import SecureBucket
from infra.constructs.event_rule import EventRule
from infra.constructs.grants import admit_rules
from infra.constructs.package_group import make_package_group
from infra.people.approving import allow_deciding, trust_people
from noriba.events import CandidateRegistered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


class RegistryStack(Stack):
    """Attributes: `groups`, the model package group of each use case, by the use case's name; `approver`, the role."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared, use_cases: Sequence[UseCase]) -> None:
        super().__init__(
            scope, construct_id, description="Noriba: models, their groups and approvers", env=shared.environment
        )
        # Here, and not beside training: who serves a model needs what belongs to it, and not who trained it.
        self.models = SecureBucket(self, "Models", shared=shared).bucket
        self.groups = {use_case.name: make_package_group(self, use_case, shared=shared) for use_case in use_cases}
        approvers = sns.Topic(self, "Approvers", master_key=shared.key, enforce_ssl=True)
        if shared.settings.approver_email:
            approvers.add_subscription(subscriptions.EmailSubscription(shared.settings.approver_email))
        registered = EventRule(
            self,
            "CandidateRegistered",
            shared=shared,
            pattern=CandidateRegistered.pattern(approval_status="PendingManualApproval"),
        )
        admit_rules(approvers)
        registered.tell(approvers, message=events.RuleTargetInput.from_multiline_text(_write_message()))
        self.approver = self._make_approver(shared)
        CfnOutput(self, "ModelsBucket", value=self.models.bucket_name)
        CfnOutput(self, "ApproversTopicArn", value=approvers.topic_arn)
        CfnOutput(self, "ApproverRoleArn", value=self.approver.role_arn)

    def _make_approver(self, shared: Shared) -> iam.Role:
        """The approver's role: read the evidence, approve or reject; neither train nor deploy."""
        settings = shared.settings
        role = iam.Role(
            self,
            "Approver",
            description="Approves or rejects candidates of Noriba",
            assumed_by=trust_people(self, mfa=settings.approver_mfa, permission_set=settings.approver_permission_set),
            max_session_duration=Duration.hours(1),
        )
        allow_deciding(role, self.groups.values())
        return role


def _write_message() -> str:
    def field(name: str) -> str:
        return events.EventField.from_path(f"$.detail.{name}")

    arn = field("model_package_arn")
    return "\n".join(
        (
            f"A candidate of {field('use_case')} waits for approval: version {field('version')}.",
            field("summary"),
            "Approve:",
            f"aws sagemaker update-model-package --model-approval-status Approved --model-package-arn {arn}",
        )
    )
