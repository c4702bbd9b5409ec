"""How a deployment stands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.deployment import MACHINES, read_outputs, read_stacks
from noriba.aws.endpoints import describe_endpoint
from noriba.client.production import find_obstacle, read_weights, serves_champion_alone
from noriba.client.rollout_history import list_under_way
from noriba.records.approvals import PENDING_APPROVAL
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.aws.clients import Clients
    from noriba.aws.deployment import Machine
    from noriba.aws.places import Place
    from noriba.client.session import Session


_COUNTED: tuple[Machine, ...] = ("ingest", "train", "rollout")


class UseCaseStatus(BaseModel):
    """Data, models and production of a use case."""

    model_config = ConfigDict(frozen=True)

    api_url: str
    operators_api_url: str
    use_case: str
    snapshot: str | None = Field(description="the newest")
    waiting_for_approval: tuple[int, ...] = Field(description="model versions")
    champion: str | None = Field(description="ARN of the model package in production")
    endpoint: str | None = Field(description="SageMaker's status; None when there is no endpoint")
    model_version: int | None = Field(description="the one that answers")
    under_way: tuple[str, ...] = Field(description="rollouts and experiments that run, the newest first")
    variants: dict[str, float] | None = Field(
        description="weights of production's variants, by name; None where it is the champion's alone"
    )
    remedy: str | None = Field(description="what makes it so again, where nothing is under way that will")
    alarms: tuple[str, ...] = Field(description="those that ring")
    dead_letters: int = Field(description="events that could not be delivered")
    executions: dict[str, dict[str, int]] = Field(
        description="of INGEST, TRAIN and ROLLOUT the latest hundred, by status"
    )


class AccountStatus(BaseModel):
    """One account of a deployment."""

    model_config = ConfigDict(frozen=True)

    account: str
    parts: tuple[str, ...] = Field(description="of the loop, that stand in it")
    stacks: dict[str, str] = Field(description="those of its parts, and those that every account has")
    alarms: tuple[str, ...] = Field(description="those that ring")
    dead_letters: int | None = Field(description="events that could not be delivered; None where there is no queue")


class DeploymentStatus(BaseModel):
    """Where it is, which stacks there are, and how its use case stands when they are all there."""

    model_config = ConfigDict(frozen=True)

    endpoint_url: str | None = Field(description="None on AWS itself")
    region: str | None
    stacks: dict[str, str] = Field(description="each in the account of its part")
    accounts: tuple[AccountStatus, ...] = Field(description="in the order of the parts; mostly there is one")
    state: UseCaseStatus | None


def read_status(session: Session) -> DeploymentStatus:
    """The deployment as it is now."""
    environment = os.environ if session.environment is None else session.environment
    stacks = session.stacks
    accounts = tuple(_read_account(place, prefix=session.prefix) for place in session.places)
    return DeploymentStatus(
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        region=session.places[0].clients.region,
        stacks=stacks,
        accounts=accounts,
        state=_read_state(session, accounts) if stacks else None,
    )


def _read_account(place: Place, *, prefix: str) -> AccountStatus:
    clients = place.clients
    # CloudWatch tells of metric alarms alone, unless asked for others.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    alarms = clients.cloudwatch.describe_alarms(
        StateValue="ALARM", AlarmNamePrefix=f"{prefix}-", AlarmTypes=["CompositeAlarm", "MetricAlarm"]
    )
    queue = read_outputs(clients.cloudformation, prefix=prefix, parts=["events"]).get("DeadLetterQueueUrl")
    return AccountStatus(
        account=place.account,
        parts=place.parts,
        stacks=read_stacks(clients.cloudformation, prefix=prefix, parts=(*place.parts, *place.guests)),
        alarms=(
            *(alarm["AlarmName"] for alarm in alarms["CompositeAlarms"]),
            *(alarm["AlarmName"] for alarm in alarms["MetricAlarms"]),
        ),
        dead_letters=None if queue is None else _count_messages(clients, queue),
    )


def _count_messages(clients: Clients, queue: str) -> int:
    found = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def _read_state(session: Session, accounts: Sequence[AccountStatus]) -> UseCaseStatus:
    deployment = session.deployment
    looked_at = {part for account in accounts for part in account.parts}
    champion = session.ledger.read_champion()
    endpoint = describe_endpoint(session.endpoints, name_endpoint(session.use_case_name, prefix=session.prefix))
    under_way = tuple(
        f"{'experiment' if one.is_experiment else 'rollout'} of version {one.version}"
        for one in list_under_way(session)
    )
    variants, remedy = read_production(session, settled=not under_way)
    return UseCaseStatus(
        api_url=deployment.api_url,
        operators_api_url=deployment.operators_api_url,
        use_case=session.use_case_name,
        snapshot=session.ledger.latest_snapshot(),
        waiting_for_approval=tuple(p.version for p in session.registry.list_packages() if p.status == PENDING_APPROVAL),
        champion=champion and champion.model_package_arn,
        endpoint=endpoint and endpoint.status,
        model_version=endpoint and endpoint.model_version,
        under_way=under_way,
        variants=variants,
        remedy=remedy,
        alarms=tuple(alarm for account in accounts for alarm in account.alarms),
        dead_letters=sum(account.dead_letters or 0 for account in accounts),
        executions={name: session.history(name).count() for name in _COUNTED if MACHINES[name] in looked_at},
    )


def read_production(session: Session, *, settled: bool) -> tuple[dict[str, float] | None, str | None]:
    """The weights of production's variants where they are not the champion's alone, and what makes them so.

    Args:
        session: whose production.
        settled: whether no rollout or experiment is under way, so that nothing should be but the champion.
    """
    if serves_champion_alone(session):
        return None, None
    weights = read_weights(session)
    if not settled:
        return weights, None
    tidied = "TIDY gives production back to the champion within the hour; if not: noriba logs tidy-rollouts"
    return weights, find_obstacle(session) or tidied
