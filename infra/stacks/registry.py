"""The model registry: a package group for each use case, and word to the approver of every candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.constructs.event_rule import EventRule
from noriba.events import CandidateRegistered
from noriba.registry.candidates import name_package_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from infra.constructs.shared import Shared
    from noriba.usecase import UseCase


class RegistryStack(Stack):
    """Attribute: `groups`, the model package group of each use case, by the use case's name."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Shared, use_cases: Sequence[UseCase]) -> None:
        super().__init__(scope, construct_id, description="Noriba: model package groups and approvers")
        self.groups = {use_case.name: self._make_group(use_case, shared) for use_case in use_cases}
        approvers = sns.Topic(self, "Approvers", master_key=shared.key, enforce_ssl=True)
        if shared.settings.approver_email:
            approvers.add_subscription(subscriptions.EmailSubscription(shared.settings.approver_email))
        registered = EventRule(
            self,
            "CandidateRegistered",
            shared=shared,
            pattern=CandidateRegistered.pattern(approval_status="PendingManualApproval"),
        )
        registered.tell(approvers, message=events.RuleTargetInput.from_multiline_text(_write_message()))
        CfnOutput(self, "ApproversTopicArn", value=approvers.topic_arn)

    def _make_group(self, use_case: UseCase, shared: Shared) -> sagemaker.CfnModelPackageGroup:
        # The name is fixed: the approver types it, and the rollout's rule waits for it.
        group = sagemaker.CfnModelPackageGroup(
            self,
            f"Group{use_case.name.title().replace('_', '')}",
            model_package_group_name=name_package_group(use_case, prefix=shared.settings.prefix),
            model_package_group_description=use_case.title,
        )
        group.apply_removal_policy(RemovalPolicy.RETAIN if shared.settings.keep_data else RemovalPolicy.DESTROY)
        return group


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
