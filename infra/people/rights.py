"""What people may be allowed, right by right, as commands need it; who needs which stands in `personas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aws_cdk import Stack

from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcard
from infra.constructs.grants import (
    allow,
    allow_listing,
    allow_publishing,
    allow_reading,
    allow_reading_versions,
    allow_using_key,
    format_arn,
    write_arn,
    write_reference,
)
from infra.constructs.sharing import is_elsewhere
from noriba.events import RetrainingRequested
from noriba.records.names import name_endpoint, name_package_group
from noriba.records.snapshot import SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import IResource
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_stepfunctions as sfn

    from infra.constructs.query_access import QueryAccess
    from infra.people.estate import Estate

_STACKS = "a stack's id is its own, and ten ARNs would fill a policy"
Thing = TypeVar("Thing", bound="IResource")
TRAINING_LOGS = ("/aws/sagemaker/TrainingJobs",)


def see_stacks(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Find the deployment, which every command begins with."""
    allow_patterns(policy, "cloudformation", ["DescribeStacks"], [name_stacks(estate)], reason=_STACKS)


def see_models(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """List and read candidates and champions, their cards and their evidence."""
    if not are_here(policy, estate.approver):
        return
    packages = [f"model-package/{group}/*" for group in name_groups(estate)]
    actions = ["DescribeModelPackage", "ListModelPackages"]
    allow_patterns(policy, "sagemaker", actions, packages, reason="the registry numbers versions")


def read_ledger(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Read what was decided and done."""
    if not are_here(policy, estate.ledger):
        return
    allow(policy, ["dynamodb:GetItem", "dynamodb:Query"], [estate.ledger.table_arn])
    allow_using_key(policy, estate.ledger.encryption_key, writing=False)


def write_ledger(policy: iam.ManagedPolicy, estate: Estate, actions: Sequence[str], attributes: Sequence[str]) -> None:
    """Write entries by these attributes alone; IAM knows a table's attributes, and no more of its entries than the key.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    if not are_here(policy, estate.ledger):
        return
    only: dict[str, dict[str, object]] = {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": list(attributes)},
        "Null": {"dynamodb:Attributes": "false"},
    }
    allow(policy, [f"dynamodb:{action}" for action in actions], [estate.ledger.table_arn], **only)
    allow_using_key(policy, estate.ledger.encryption_key, writing=True)


def see_snapshots(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Read what a snapshot holds, without its rows."""
    allow_reading(policy, estate.buckets.datasets, prefix=f"*/{SNAPSHOTS}")


def read_bucket(policy: iam.ManagedPolicy, bucket: s3.IBucket, *, prefix: str = "", versions: bool = False) -> None:
    """Read a bucket, and list it; with versions, what is older than the latest, too."""
    allow_reading(policy, bucket, prefix=prefix)
    if versions:
        allow_reading_versions(policy, bucket)
    allow_listing(policy, bucket)


def list_versions(policy: iam.ManagedPolicy, bucket: s3.IBucket) -> None:
    """List what a bucket held before, too."""
    if are_here(policy, bucket):
        allow(policy, ["s3:ListBucketVersions"], [bucket.bucket_arn])


def break_off_uploads(policy: iam.ManagedPolicy, bucket: s3.IBucket) -> None:
    """Take away again what was broken off: large files go up in parts."""
    if are_here(policy, bucket):
        allow(policy, ["s3:AbortMultipartUpload"], [bucket.arn_for_objects("*")])


def see_jobs(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Look at training jobs."""
    if are_here(policy, estate.machines.train):
        reason = "jobs are named after the decision to train"
        allow_patterns(policy, "sagemaker", ["DescribeTrainingJob"], ["training-job/*"], reason=reason)


def see_configurations(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Look at what endpoints are to serve."""
    if are_here(policy, estate.machines.rollout):
        configurations = [f"endpoint-config/{name}-*" for name in name_endpoints(estate)]
        reason = "a configuration is named after its attempt"
        allow_patterns(policy, "sagemaker", ["DescribeEndpointConfig"], configurations, reason=reason)


def list_executions(policy: iam.ManagedPolicy, *machines: sfn.StateMachine) -> None:
    """List executions, and how they ended."""
    allow_machines(policy, ["ListExecutions"], *machines)


def see_executions(policy: iam.ManagedPolicy, *machines: sfn.StateMachine) -> None:
    """List executions and look at them."""
    list_executions(policy, *machines)
    allow_executions(policy, ["DescribeExecution"], *machines)


def allow_machines(policy: iam.ManagedPolicy, actions: Sequence[str], *machines: sfn.StateMachine) -> None:
    """Do something with machines."""
    if found := find_here(policy, machines):
        allow(policy, [f"states:{action}" for action in actions], [machine.state_machine_arn for machine in found])


def allow_invoking(policy: iam.ManagedPolicy, *functions: lambda_.IFunction) -> None:
    """Call functions."""
    if found := find_here(policy, functions):
        allow(policy, ["lambda:InvokeFunction"], [function.function_arn for function in found])


def allow_executions(policy: iam.ManagedPolicy, actions: Sequence[str], *machines: sfn.StateMachine) -> None:
    """Do something about executions of machines."""
    stack, found = Stack.of(policy), find_here(policy, machines)
    names = [machine.state_machine_name for machine in found]
    if not names:
        return
    executions = [format_arn(stack, "states", f"execution:{name}:*") for name in names]
    allow(policy, [f"states:{action}" for action in actions], executions)
    written = [write_reference(machine, name, stack) for machine, name in zip(found, names, strict=True)]
    acknowledge_wildcard(
        policy,
        *(write_arn(format_arn(stack, "states", f"execution:{name}:*")) for name in written),
        reason="executions get their names at run time",
    )


def see_state(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """See how the deployment stands: alarms, events that could not be delivered, executions and endpoints."""
    # Narrower, composite alarms would be left out.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    allow(policy, ["cloudwatch:DescribeAlarms"], ["*"])
    acknowledge_everything(policy)
    allow(policy, ["sqs:GetQueueAttributes"], [estate.shared.dead_letters.queue_arn])
    if are_here(policy, estate.machines.rollout):
        endpoints = [format_arn(Stack.of(policy), "sagemaker", f"endpoint/{name}") for name in name_endpoints(estate)]
        allow(policy, ["sagemaker:DescribeEndpoint"], endpoints)
    list_executions(policy, estate.machines.ingest, estate.machines.train, estate.machines.rollout)


def read_logs(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Read what functions, machines, jobs and endpoints said."""
    prefix = estate.shared.settings.prefix
    allow_patterns(policy, "cloudformation", ["ListStackResources"], [name_stacks(estate)], reason=_STACKS)
    read_log_groups(
        policy,
        f"{prefix}-*",
        f"/aws/vendedlogs/states/{prefix}-*",
        "/aws/sagemaker/ProcessingJobs",
        *TRAINING_LOGS,
        f"/aws/sagemaker/Endpoints/{prefix}-*",
    )


def read_log_groups(policy: iam.ManagedPolicy, *groups: str) -> None:
    """Read log groups, by name or pattern."""
    named = [f"log-group:{group}:*" for group in groups]
    reason = "CloudFormation names log groups after their stacks; streams are named at run time"
    allow_patterns(policy, "logs", ["FilterLogEvents"], named, reason=reason)


def ask_for_training(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Ask for training, which decides nothing; say nothing else on the bus."""
    kinds = [RetrainingRequested.detail_type()]
    bus = estate.shared.hub.event_bus_arn
    allow_publishing(policy, bus, sources=[RetrainingRequested.source], detail_types=kinds)


def query_observations(policy: iam.ManagedPolicy, observations: QueryAccess) -> None:
    """Ask SQL about what models answered and what really happened."""
    if not are_here(policy, observations.bucket):
        return
    observations.let_ask(policy)
    observations.let_read_answers(policy)
    stack = Stack.of(policy)
    allow(policy, ["athena:GetWorkGroup"], [format_arn(stack, "athena", f"workgroup/{observations.workgroup}")])
    things = ["catalog", f"database/{observations.database}"]
    allow(policy, ["glue:GetDatabases", "glue:GetTables"], [format_arn(stack, "glue", thing) for thing in things])


def see_dashboards(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Look at the dashboards of use cases; a list of dashboards, and metrics, know no resources.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    """
    if not are_here(policy, estate.machines.monitor):
        return
    stack = Stack.of(policy)
    # Dashboards are those of the account; each region's are called after it.
    boards = [
        f"arn:{stack.partition}:cloudwatch::{stack.account}:dashboard/{name}-{stack.region}"
        for name in name_endpoints(estate)
    ]
    allow(policy, ["cloudwatch:GetDashboard"], boards)
    allow(policy, ["cloudwatch:GetMetricData", "cloudwatch:ListDashboards", "cloudwatch:DescribeAlarms"], ["*"])
    acknowledge_everything(policy)


def allow_patterns(
    policy: iam.ManagedPolicy, service: str, actions: Sequence[str], resources: Sequence[str], *, reason: str
) -> None:
    """Allow a service's actions on patterns of this account and region, which hold no reference to other stacks."""
    stack = Stack.of(policy)
    arns = [format_arn(stack, service, resource) for resource in resources]
    allow(policy, [f"{service}:{action}" for action in actions], arns)
    acknowledge_wildcard(policy, *(write_arn(arn) for arn in arns), reason=reason)


def acknowledge_everything(policy: iam.ManagedPolicy) -> None:
    """Say why `*` stands in a policy."""
    reason = "alarms, metrics, lists of an account and the trail are granted on all or on nothing"
    acknowledge(policy, "AwsSolutions-IAM5[Resource::*]", reason=reason)


def find_here(policy: iam.ManagedPolicy, things: Iterable[Thing]) -> list[Thing]:
    """Those in the account of a policy, which speaks of no other: who works in two has one in each."""
    return [thing for thing in things if not is_elsewhere(policy, thing)]


def are_here(policy: iam.ManagedPolicy, thing: IResource) -> bool:
    """Whether something, and what is beside it, is in the account of a policy."""
    return not is_elsewhere(policy, thing)


def name_stacks(estate: Estate) -> str:
    """The pattern of the stacks, each with whatever id it has."""
    return f"stack/{estate.shared.settings.prefix}-*"


def name_groups(estate: Estate) -> list[str]:
    """The model package groups."""
    return [name_package_group(name, prefix=estate.shared.settings.prefix) for name in estate.use_cases]


def name_endpoints(estate: Estate) -> list[str]:
    """The endpoints in production."""
    return [name_endpoint(name, prefix=estate.shared.settings.prefix) for name in estate.use_cases]
