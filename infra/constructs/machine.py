"""A state machine from Amazon States Language: logged, traced, and an alarm when an execution fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcard
from infra.constructs.alarm import OperatorAlarm
from infra.constructs.grants import allow, allow_publishing, format_arn, trust, write_arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aws_cdk import aws_lambda as lambda_

    from infra.constructs.shared import Shared
    from infra.machines.states import State


class Machine(Construct):
    """A state machine.

    Args:
        scope: the stack.
        construct_id: its name in the stack.
        shared: what all stacks share.
        start: the first state.
        states: all states, by name.
        timeout: an execution that takes longer has failed.
        meaning: what a failed execution means, for the operators.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shared: Shared,
        start: str,
        states: Mapping[str, State],
        timeout: Duration,
        meaning: str,
    ) -> None:
        super().__init__(scope, construct_id)
        definition = {"StartAt": start, "TimeoutSeconds": timeout.to_seconds(), "States": dict(states)}
        # /aws/vendedlogs/ keeps the log group's resource policy from growing with every machine.
        # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/states/{Stack.of(self).stack_name}-{construct_id}",
            retention=shared.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(self, "Role", assumed_by=trust("states", self))
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            role=self.role,
            # The input and output of states hold keys of files and ids, never a rider's data.
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
            tracing_enabled=True,
        )
        if sources := _find_sources(states.values()):
            allow_publishing(self.role, shared.hub.event_bus_arn, sources=sources)
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="X-Ray and the delivery of vended logs know no resources",
        )
        # By which EventBridge starts executions; CDK's own trusts the service on behalf of anybody.
        self.starter = iam.Role(self, "EventsRole", assumed_by=trust("events", self))
        allow(self.starter, ["states:StartExecution"], [self.machine.state_machine_arn])
        minute, total = Duration.minutes(1), cloudwatch.Stats.SUM
        for name, metric, what in (
            ("Failed", self.machine.metric_failed(period=minute, statistic=total), meaning),
            ("Aborted", self.machine.metric_aborted(period=minute, statistic=total), f"somebody stopped it: {meaning}"),
            (
                "TimedOut",
                self.machine.metric_timed_out(period=minute, statistic=total),
                f"{meaning} (it took longer than {timeout.to_minutes()} minutes)",
            ),
        ):
            OperatorAlarm(self, name, metric=metric, meaning=what, operators=shared.operators)

    def allow_invoking(self, *functions: lambda_.IFunction) -> None:
        """Let the machine call functions."""
        allow(self.role, ["lambda:InvokeFunction"], [function.function_arn for function in functions])

    def allow_children(self) -> None:
        """Let a distributed map start executions of this machine.

        AWS's page names its executions by `:*`; what it starts carries the map's label, `machine/label:…`.
        https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        """
        starting = iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.machine.state_machine_arn])
        looking = ["states:DescribeExecution", "states:StopExecution"]
        self._allow_executions("Children", ["/*", ":*"], looking, starting)

    def allow_looking_at_itself(self) -> None:
        """Let an execution look at another one of this machine."""
        self._allow_executions("Siblings", [":*"], ["states:DescribeExecution"])

    def let_answer(self, role: iam.IRole, action: str) -> None:
        """Let somebody answer states that wait with a token, by SendTaskSuccess or SendTaskFailure.

        The machine is the resource, as in CDK's own `grantTaskResponse`.
        https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.StateMachine.html
        """
        statement = iam.PolicyStatement(actions=[f"states:{action}"], resources=[self.machine.state_machine_arn])
        iam.Policy(self, f"Answerers{role.node.addr[-8:]}", roles=[role], statements=[statement])

    def let_look_at_executions(self, role: iam.IRole) -> None:
        """Let somebody else look at executions of this machine."""
        self._allow_executions("Onlookers", [":*"], ["states:DescribeExecution"], role=role)

    def _allow_executions(
        self,
        policy_id: str,
        names: Sequence[str],
        actions: list[str],
        *more: iam.PolicyStatement,
        role: iam.IRole | None = None,
    ) -> None:
        """Actions on this machine's executions.

        In a policy of its own: the machine waits for its role's own policy, which therefore cannot name the machine.
        """
        stack = Stack.of(self)
        machine = self.machine.state_machine_name
        executions = [format_arn(stack, "states", f"execution:{machine}{name}") for name in names]
        policy = iam.Policy(
            self,
            policy_id,
            roles=[role or self.role],
            statements=[*more, iam.PolicyStatement(actions=actions, resources=executions)],
        )
        logical = stack.get_logical_id(self.machine.node.default_child)  # type: ignore[arg-type]  # an L2's child
        acknowledge_wildcard(
            policy,
            *(write_arn(format_arn(stack, "states", f"execution:<{logical}.Name>{name}")) for name in names),
            reason="executions get their names at run time",
        )


def _find_sources(states: Iterable[State]) -> list[str]:
    """The sources of the events that states publish."""
    return sorted({entry["Source"] for task in _list_tasks(states) for entry in task["Parameters"].get("Entries", ())})


def _list_tasks(states: Iterable[State]) -> Iterator[State]:
    """All tasks, those inside maps too."""
    for state in states:
        if state["Type"] == "Task":
            yield state
        elif state["Type"] == "Map":
            yield from _list_tasks(state["ItemProcessor"]["States"].values())
