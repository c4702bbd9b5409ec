"""A workgroup of Athena: where answers lie, under which key, and how much one query may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_athena as athena
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from infra.constructs.shared import Shared


class QueryWorkgroup(Construct):
    """A workgroup of a deployment; whoever asks cannot choose otherwise. `name` is its name.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        shared: what all stacks share.
        bucket: where answers lie.
        results: the prefix that they lie under.
        called: what the name ends in, where it is not the deployment's alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        bucket: s3.IBucket,
        results: str,
        called: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = f"{shared.settings.prefix}{called}"
        encryption = athena.CfnWorkGroup.EncryptionConfigurationProperty(
            encryption_option="SSE_KMS", kms_key=shared.key.key_arn
        )
        athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=self.name,
            description="Queries over observations",
            # Else a deployment that was used could not be torn down: queries stay in its history for 45 days.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=shared.settings.query_gib * 2**30,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{bucket.bucket_name}/{results}", encryption_configuration=encryption
                ),
            ),
        )
