"""The model registry: a package group for each use case, and word to the approver of every candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.event_rule import EventRule
from infra.constructs.grants import allow, format_arn
from infra.constructs.names import to_construct_id
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
        registered.tell(
            self._admit_rules(approvers), message=events.RuleTargetInput.from_multiline_text(_write_message())
        )
        approver = self._make_approver()
        CfnOutput(self, "ApproversTopicArn", value=approvers.topic_arn)
        CfnOutput(self, "ApproverRoleArn", value=approver.role_arn)

    def _admit_rules(self, topic: sns.Topic) -> sns.ITopic:
        """The topic as rules are handed it; CDK's own grant would open the key with a wildcard in its actions."""
        topic.add_to_resource_policy(
            # EventBridge cannot meet conditions here.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
            )
        )
        return sns.Topic.from_topic_arn(self, "ApproversForRules", topic.topic_arn)

    def _make_approver(self) -> iam.Role:
        """The approver's role: read the evidence, approve or reject; neither train nor deploy."""
        role = iam.Role(
            self,
            "Approver",
            description="Approves or rejects candidates of Noriba",
            assumed_by=iam.AccountRootPrincipal(),
            max_session_duration=Duration.hours(1),
        )
        packages = [f"model-package/{group.model_package_group_name}/*" for group in self.groups.values()]
        # Lists are judged on packages, not on their group.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
        allow(
            role,
            ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:UpdateModelPackage"],
            [format_arn(self, "sagemaker", package) for package in packages],
        )
        allow(
            role,
            ["sagemaker:DescribeModelPackageGroup"],
            [group.attr_model_package_group_arn for group in self.groups.values()],
        )
        acknowledge_wildcard(
            role,
            *(f"arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:{package}" for package in packages),
            reason="versions of one group get their numbers from the registry",
        )
        return role

    def _make_group(self, use_case: UseCase, shared: Shared) -> sagemaker.CfnModelPackageGroup:
        # The name is fixed: the approver types it, and the rollout's rule waits for it.
        group = sagemaker.CfnModelPackageGroup(
            self,
            f"Group{to_construct_id(use_case.name)}",
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
