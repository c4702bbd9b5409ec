"""The organisation's trail: who did what, in every account and region, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.organisation.names import name_trail, name_trail_bucket, name_trail_key

if TYPE_CHECKING:
    from constructs import Construct

    from infra.organisation.scope import Scope

_CLOUDTRAIL = iam.ServicePrincipal("cloudtrail.amazonaws.com")


class TrailStack(Stack):
    """The bucket and its key are in another account; the last weeks can be searched here, too."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope, logs_account: str) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: the organisation's trail")
        self._shared = shared
        topology = shared.topology
        group = self._make_log_group()
        role, policy = self._make_role(group)
        alias = name_trail_key(shared.prefix)
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name_trail(shared.prefix),
            s3_bucket_name=name_trail_bucket(topology, prefix=shared.prefix),
            # A key of another account goes by its whole name.
            # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
            kms_key_id=f"arn:{topology.partition}:kms:{topology.regions.home}:{logs_account}:{alias}",
            is_logging=True,
            is_organization_trail=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            cloud_watch_logs_log_group_arn=group.log_group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
        )
        trail.node.add_dependency(policy)
        trail.apply_removal_policy(RemovalPolicy.RETAIN)

    def _make_log_group(self) -> logs.LogGroup:
        key = kms.Key(
            self,
            "LogKey",
            description="Noriba: the trail's log group",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],  # in a key's own policy: this key
                conditions={
                    "ArnLike": {"kms:EncryptionContext:aws:logs:arn": self._format_log_group("*")},
                },
            )
        )
        return logs.LogGroup(
            self,
            "Logs",
            encryption_key=key,
            retention=logs.RetentionDays[self._shared.settings.log_retention],
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _make_role(self, group: logs.LogGroup) -> tuple[iam.Role, iam.ManagedPolicy]:
        """Streams are named after the account that they are of, or the organisation.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
        """
        organisation, region = self._shared.topology.organisation, self._shared.topology.regions.home
        role = iam.Role(
            self,
            "LogsRole",
            # Without a condition: CloudTrail says for this role neither its account nor its trail (page above).
            assumed_by=_CLOUDTRAIL,
            description="CloudTrail writes the organisation's trail into its log group",
        )
        streams = [f"{organisation.management}_CloudTrail_{region}*", f"{organisation.id}_*"]
        policy = iam.ManagedPolicy(
            self,
            "LogsPolicy",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[
                        self._format_log_group(f"{group.log_group_name}:log-stream:{stream}") for stream in streams
                    ],
                )
            ],
        )
        logical_id = self.get_logical_id(group.node.default_child)  # type: ignore[arg-type]  # an L2's own resource
        place = f"arn:<AWS::Partition>:logs:{region}:{organisation.management}:log-group:<{logical_id}>"
        acknowledge_wildcard(
            policy,
            *(f"{place}:log-stream:{stream}" for stream in streams),
            reason="CloudTrail names its streams; the beginning is the organisation's own",
        )
        return role, policy

    def _format_log_group(self, name: str) -> str:
        return self.format_arn(
            service="logs", resource="log-group", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
