"""Who works with a deployment: what each persona may do, as its commands need it, and what it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from aws_cdk import DefaultStackSynthesizer, Stack

from infra.constructs.grants import (
    allow,
    allow_deleting_versions,
    allow_reading,
    allow_writing,
    format_arn,
)
from infra.people import guards, rights
from noriba.records.ledger_entries import KEY_ATTRIBUTES
from noriba.records.monitoring import REPORTS
from noriba.records.rollout import COMPARISONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_cdk import aws_iam as iam

    from infra.people.estate import Estate

    Persona: TypeAlias = Callable[[iam.ManagedPolicy, Estate], None]


def allow_data_engineer(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Land data, repair it, erase it; read all of it up to the snapshots."""
    buckets = estate.buckets
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger):
        see(policy, estate)
    for bucket in (buckets.raw, buckets.datasets, buckets.quarantine):
        rights.read_bucket(policy, bucket, versions=True)
        rights.list_versions(policy, bucket)
        allow_deleting_versions(policy, bucket, prefix="")
    allow_writing(policy, buckets.raw)
    rights.break_off_uploads(policy, buckets.raw)
    # An erasure is kept in the ledger, and takes the object out of the snapshots to come.
    erased = (*KEY_ATTRIBUTES, "record", "open", "status", "reason")
    rights.write_ledger(policy, estate, ["PutItem", "UpdateItem"], erased)
    rights.allow_machines(policy, ["StartExecution"], estate.machines.settle)
    rights.allow_executions(policy, ["DescribeExecution"], estate.machines.settle)
    rights.allow_invoking(policy, estate.compactor, estate.gatherer)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_data_scientist(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Explore snapshots, ask for training, compare what comes of it."""
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger, rights.ask_for_training):
        see(policy, estate)
    rights.read_bucket(policy, estate.buckets.datasets, versions=True)
    rights.read_bucket(policy, estate.buckets.models)
    rights.see_executions(policy, estate.machines.train)
    rights.read_log_groups(policy, *rights.TRAINING_LOGS)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_deploying(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_ml_engineer(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Look after pipelines: executions, logs, another try for what failed; data and models are told of, not read."""
    machines = estate.machines
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger, rights.see_state, rights.ask_for_training):
        see(policy, estate)
    rights.see_snapshots(policy, estate)
    rights.read_logs(policy, estate)
    loop = (machines.ingest, machines.settle, machines.train, machines.tidy, machines.monitor)
    rights.see_executions(policy, *loop, machines.rollout)
    # Not ROLLOUT: what comes into production is the operator's.
    rights.allow_executions(policy, ["GetExecutionHistory", "RedriveExecution"], *loop)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_approver(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Read the evidence, and decide through the approver's role; see `approving`."""
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger, rights.see_snapshots):
        see(policy, estate)
    rights.see_executions(policy, estate.machines.rollout)
    if rights.are_here(policy, estate.approver):
        allow(policy, ["sts:AssumeRole"], [estate.approver.role_arn])
    guards.keep_from_training(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_operator(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Watch production, go back, hold or end a rollout, ask why."""
    machines = estate.machines
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger, rights.see_snapshots):
        see(policy, estate)
    rights.see_state(policy, estate)
    rights.read_logs(policy, estate)
    rights.allow_executions(policy, ["DescribeExecution"], machines.rollout, machines.monitor)
    rights.allow_machines(policy, ["StartExecution"], machines.rollout, machines.monitor)
    rights.allow_executions(policy, ["StopExecution"], machines.rollout)
    rights.allow_machines(policy, ["SendTaskSuccess"], machines.rollout)
    # Of the lock: whether it is paused, and the token that was answered.
    rights.write_ledger(policy, estate, ["UpdateItem"], [*KEY_ATTRIBUTES, "execution", "paused", "token"])
    rights.see_configurations(policy, estate)
    # Sums and verdicts, without the places that captures hold.
    allow_reading(policy, estate.buckets.captures, prefix=COMPARISONS)
    allow_reading(policy, estate.observations.bucket, prefix=REPORTS)
    if rights.are_here(policy, estate.why.api):
        estate.why.let_ask(policy)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_business_stakeholder(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """SQL and dashboards over answers and outcomes; nothing of riders."""
    buckets = estate.buckets
    rights.query_observations(policy, estate.shown)
    rights.see_dashboards(policy, estate)
    guards.keep_from_reading(
        policy, buckets.raw, buckets.datasets, buckets.quarantine, buckets.captures, buckets.outcomes
    )
    guards.keep_from_places(policy, estate.observations.bucket)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_auditor(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Read who did what to a model, and on what evidence; change nothing."""
    for see in (rights.see_stacks, rights.see_models, rights.read_ledger, rights.see_snapshots):
        see(policy, estate)
    rights.see_executions(policy, estate.machines.rollout)
    rights.see_jobs(policy, estate)
    allow(policy, ["cloudtrail:LookupEvents"], ["*"])
    rights.acknowledge_everything(policy)
    guards.keep_from_approving(policy, estate)
    guards.keep_from_passing_roles(policy)


def allow_administrator(policy: iam.ManagedPolicy, estate: Estate) -> None:
    """Deploy through the roles of the CDK bootstrap, and look at the account; read no trip.

    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """
    stack, buckets, prefix = Stack.of(policy), estate.buckets, estate.shared.settings.prefix
    qualifier = stack.synthesizer.bootstrap_qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER
    kinds = ("deploy", "file-publishing", "image-publishing", "lookup")
    roles = [f"cdk-{qualifier}-{kind}-role-{stack.account}-{stack.region}" for kind in kinds]
    here = f"arn:{stack.partition}:iam::{stack.account}:role"
    allow(policy, ["sts:AssumeRole"], [f"{here}/{role}" for role in roles])
    rights.see_stacks(policy, estate)
    allow(policy, ["ssm:GetParameter"], [format_arn(stack, "ssm", f"parameter/cdk-bootstrap/{qualifier}/version")])
    topics = [f"{prefix}-*"]
    reason = "CloudFormation names topics after their stacks"
    rights.allow_patterns(policy, "sns", ["ListSubscriptionsByTopic"], topics, reason=reason)
    actions = ("lambda:GetAccountSettings", "servicequotas:ListServiceQuotas", "tag:GetResources")
    allow(policy, [*actions, "logs:DescribeLogGroups"], ["*"])
    rights.acknowledge_everything(policy)
    guards.keep_from_reading(
        policy,
        *(buckets.raw, buckets.datasets, buckets.quarantine, buckets.captures, buckets.outcomes),
        estate.observations.bucket,
    )
    guards.keep_from_approving(policy, estate)
    # Whatever else an administrator does in the account may pass roles; ours read trips.
    guards.deny(policy, ["iam:PassRole"], [f"{here}/{prefix}-*"])


PERSONAS: Mapping[str, tuple[str, Persona]] = {
    "data-engineer": ("Lands, repairs and erases the data of Noriba", allow_data_engineer),
    "data-scientist": ("Explores snapshots of Noriba, asks for training, compares models", allow_data_scientist),
    "ml-engineer": ("Looks after the pipelines of Noriba", allow_ml_engineer),
    "approver": ("Reads evidence on candidates of Noriba, and decides through the role for that", allow_approver),
    "operator": ("Watches production of Noriba, holds and ends rollouts, goes back", allow_operator),
    "business-stakeholder": ("Asks what models of Noriba answered and what happened", allow_business_stakeholder),
    "auditor": ("Reads who did what to models of Noriba", allow_auditor),
    "administrator": ("Deploys Noriba, and reads no trip", allow_administrator),
}
"""Persona → what it is for, and what it is allowed.

CloudFormation makes a policy anew when its description changes, and could not under its name: they stay as they are.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html
"""
