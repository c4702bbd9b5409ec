"""A Python function: our code, its layer, a role of its own, a log group with an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, PhysicalName, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.grants import allow, allow_using_key
from infra.constructs.names import to_construct_id
from infra.packages import code_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sqs as sqs

    from infra.constructs.shared import Shared

_LAYER = "Layer"


class PythonFunction(Construct):
    """A function of `functions/<name>`.

    Args:
        scope: the stack.
        name: the folder; also the construct's id, in camel case.
        shared: what all stacks share.
        environment: the variables that the handler's `Settings` read.
        timeout: how long it may take.
        memory_mb: memory, and with it processor: 1769 MB are one core.
        code: the folder of `functions` that it is made of, where that is another's.
        snapshot: whether versions start from a snapshot of the initialised function (SnapStart).
    """

    def __init__(  # noqa: PLR0913  # the options of a function
        self,
        scope: Construct,
        name: str,
        *,
        shared: Shared,
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mb: int,
        code: str | None = None,
        snapshot: bool = False,
    ) -> None:
        super().__init__(scope, to_construct_id(name))
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=shared.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        allow(self.role, ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=PhysicalName.GENERATE_IF_NEEDED,
            description=name.replace("_", " "),
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="handler.handler",
            code=_find_code(code or name, shared),
            layers=[_find_layer(Stack.of(self), code or name, shared)],
            environment={
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": shared.settings.prefix,
                **environment,
            },
            role=self.role,
            timeout=timeout,
            memory_size=memory_mb,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
        )
        if snapshot:
            # Said on the resource: the L2 warns that versions must be published, and the caller does publish them.
            resource = self.function.node.default_child
            assert isinstance(resource, lambda_.CfnFunction)  # noqa: S101  # an L2 function's child
            resource.snap_start = lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions")
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="X-Ray's PutTraceSegments and PutTelemetryRecords know no resources",
        )

        self._name, self._operators = name, shared.operators
        self._watch(
            "Throttles",
            self.function.metric_throttles(period=Duration.minutes(1), statistic=cloudwatch.Stats.SUM),
            meaning=f"{name} had to wait: as many functions run as the account may; ask for a higher quota if it lasts",
        )

    def watch_errors(self) -> None:
        """Make every error an alarm; not for a function that raises on purpose, for who called it to deal with."""
        self._watch(
            "Errors",
            self.function.metric_errors(period=Duration.minutes(1), statistic=cloudwatch.Stats.SUM),
            meaning=f"{self._name} failed; its log says how",
        )

    def _watch(self, what: str, metric: cloudwatch.IMetric, *, meaning: str) -> None:
        OperatorAlarm(self, what, metric=metric, meaning=meaning, operators=self._operators)

    def send_failures_to(self, queue: sqs.IQueue) -> None:
        """Keep events that the function failed on, after two retries.

        The L2's destination grants the key with wildcards in its actions; this spells them out.
        """
        lambda_.CfnEventInvokeConfig(
            self,
            "AsyncInvoke",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
            ),
        )
        allow(self.role, ["sqs:SendMessage"], [queue.queue_arn])
        allow_using_key(self.role, queue.encryption_master_key, writing=True)


def _find_code(name: str, shared: Shared) -> lambda_.Code:
    package = shared.packages.function(name)
    # What the code says, not how its comments word it.
    return lambda_.Code.from_asset(str(package), asset_hash=f"{name}-{code_hash(package)}")


def _find_layer(stack: Stack, name: str, shared: Shared) -> lambda_.ILayerVersion:
    """The stack's layer with a function's dependencies; functions of one stack share it.

    Each stack has its own, made of the same asset: a layer shared through an export could never be updated.
    """
    extras = shared.packages.extras(name)
    layer_id = f"{_LAYER}{''.join(extra.capitalize() for extra in extras)}"
    found = stack.node.try_find_child(layer_id)
    if isinstance(found, lambda_.LayerVersion):
        return found
    return lambda_.LayerVersion(
        stack,
        layer_id,
        description=f"dependencies of noriba[{','.join(extras)}]",
        code=lambda_.Code.from_asset(str(shared.packages.layer(extras))),
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_14],
        compatible_architectures=[lambda_.Architecture.ARM_64],
    )
