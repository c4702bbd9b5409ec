"""What there is in a deployment that people may be let at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_stepfunctions as sfn

    from infra.constructs.query_access import QueryAccess
    from infra.constructs.shared import Shared
    from infra.constructs.why_access import WhyAccess


@dataclass(frozen=True)
class Machines:
    """The state machines."""

    ingest: sfn.StateMachine
    settle: sfn.StateMachine
    train: sfn.StateMachine
    rollout: sfn.StateMachine
    tidy: sfn.StateMachine
    monitor: sfn.StateMachine


@dataclass(frozen=True)
class Buckets:
    """The buckets, but for observations', which come with what asks about them."""

    raw: s3.IBucket
    datasets: s3.IBucket
    quarantine: s3.IBucket
    models: s3.IBucket
    outcomes: s3.IBucket
    captures: s3.IBucket


@dataclass(frozen=True)
class Estate:
    """All of it.

    Attributes:
        shared: what all stacks share.
        use_cases: names.
        buckets: by what is in them.
        ledger: the table.
        observations: tables, and where they are asked.
        shown: those that tell nothing of riders.
        machines: by name.
        compactor: the function that makes tables of what came since.
        gatherer: the function that makes training rows of traffic.
        approver: the role that decides on candidates.
        why: the route that says why a prediction was made.
    """

    shared: Shared
    use_cases: Sequence[str]
    buckets: Buckets
    ledger: dynamodb.ITable
    observations: QueryAccess
    shown: QueryAccess
    machines: Machines
    compactor: lambda_.IFunction
    gatherer: lambda_.IFunction
    approver: iam.IRole
    why: WhyAccess
