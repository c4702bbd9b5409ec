"""The pipeline: tests, image, synthesis, itself, development, staging and its test, a person, production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.constructs.bucket import AccessLogs
from infra.delivery.builds import BUILD_IMAGE, Builds, describe_runtimes
from infra.delivery.environments import PRODUCTION, STAGING, LoopStage
from infra.delivery.findings import acknowledge_patterns
from infra.delivery.waves import EnvironmentsPipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from infra.delivery.scope import Scope

CDK_ASSETS = "4.7.3"
"""What uploads functions' packages; what deploys the pipeline itself is the checkout's own `cdk`."""
ARTIFACT_DAYS = 90
"""How long a run can be repeated from what its actions handed on."""
_SOURCE = "Repository"


class PipelineStack(Stack):
    """In the account of the images; whoever changes things there changes every environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Scope,
        connection: str,
        topology_file: str,
        cdk_version: str,
        use_cases: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id, env=shared.home, description="Noriba: the pipeline to every environment")
        self._shared, self._use_cases = shared, use_cases
        self._key = kms.Key(
            self,
            "Key",
            description="Noriba: what goes through the pipeline",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._builds = self._make_builds(connection)
        self._pipeline = EnvironmentsPipeline(
            self,
            "Pipeline",
            code_pipeline=self._make_code_pipeline(),
            synth=self._builds.synth(
                topology_file=topology_file, image=self._builds.image(), after=self._builds.test()
            ),
            code_build_defaults=self._describe_builds(),
            # One build for all packages: a stage has fifty actions at most, and each would have three.
            publish_assets_in_parallel=False,
            cli_version=cdk_version,
            cdk_assets_cli_version=CDK_ASSETS,
        )
        # Without an image there is nothing to deploy: the pipeline builds one, and then adds its environments itself.
        if shared.settings.model_image is not None:
            self._add_environments()
        self._pipeline.build_pipeline()
        self._let_connect()
        acknowledge_patterns(self)

    def _make_builds(self, connection: str) -> Builds:
        delivery = self._shared.delivery
        source = pipelines.CodePipelineSource.connection(
            delivery.repository,
            delivery.branch,
            connection_arn=connection,
            action_name=_SOURCE,
            # Builds clone the repository: the archive that CodePipeline makes otherwise is not all of it.
            # https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.pipelines.ConnectionSourceOptions.html
            code_build_clone_output=True,
        )
        return Builds(self._shared, source, connection)

    def _make_code_pipeline(self) -> codepipeline.Pipeline:
        access_logs = AccessLogs(self, "AccessLogs", days=self._shared.settings.access_log_days, keep=True)
        artifacts = s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs.bucket,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(ARTIFACT_DAYS),
                    noncurrent_version_expiration=Duration.days(1),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        return codepipeline.Pipeline(
            self,
            "CodePipeline",
            pipeline_name=self._shared.prefix,
            pipeline_type=codepipeline.PipelineType.V2,
            artifact_bucket=artifacts,
            # Roles of other accounts read what is handed on, so the key has to be one that can let them.
            cross_account_keys=True,
            restart_execution_on_update=True,
        )

    def _describe_builds(self) -> pipelines.CodeBuildOptions:
        group = logs.LogGroup(
            self, "Builds", retention=self._shared.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        return pipelines.CodeBuildOptions(
            build_environment=codebuild.BuildEnvironment(build_image=BUILD_IMAGE),
            partial_build_spec=describe_runtimes(),
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=group)),
        )

    def _add_environments(self) -> None:
        for name in self._shared.delivery.targets:
            stage = LoopStage(self, name, shared=self._shared, use_cases=self._use_cases)
            before = [self._ask_a_person()] if name == PRODUCTION else []
            after = [self._ask_staging(stage)] if name == STAGING else []
            self._pipeline.add_environment(stage, before=before, after=after)

    def _ask_a_person(self) -> pipelines.ManualApprovalStep:
        topic = sns.Topic(self, "Approvals", master_key=self._key, enforce_ssl=True)
        for address in self._shared.delivery.approvers:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return pipelines.ManualApprovalStep(
            "Approve",
            comment="Staging has this change and answers. Let it into production?",
            notification_topic=topic,
        )

    def _ask_staging(self, stage: LoopStage) -> pipelines.CodeBuildStep:
        role = iam.Role(
            self,
            "IntegrationRunner",
            role_name=self._shared.runner_role,
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
            description="Noriba: runs the integration test, as a role of staging's account",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[self._shared.asker_arn]))
        return self._builds.integration_test(role=role, prefix=stage.settings.prefix, use_cases=self._use_cases)

    def _let_connect(self) -> None:
        """Builds are let by their steps; the action that watches the repository has no other way in."""
        action = self._pipeline.pipeline.node.find_child("Source").node.find_child(_SOURCE)
        role = action.node.find_child("CodePipelineActionRole")
        assert isinstance(role, iam.Role)  # noqa: S101  # CDK's own
        role.add_to_policy(
            iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[self._builds.connection])
        )
