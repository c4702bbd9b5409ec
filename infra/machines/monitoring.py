"""MONITOR: plan ▸ compact what came since ▸ ask Athena ▸ measure, and say what has changed."""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import TRANSIENT, State, call, choose, invoke_function, is_true, present, put, succeed


@dataclass(frozen=True)
class MonitoringProps:
    """What the states name.

    Attributes:
        plan_arn, compact_arn, measure_arn: functions.
        workgroup, database: of Athena.
    """

    plan_arn: str
    compact_arn: str
    measure_arn: str
    workgroup: str
    database: str


def describe_monitoring(props: MonitoringProps) -> dict[str, State]:
    """The states; the input names the `use_case`."""
    return {
        "Plan": invoke_function(
            props.plan_arn, {"use_case.$": "$.use_case"}, result="$.planned", follow="Is there a model?"
        ),
        "Is there a model?": choose((present("$.planned.answer.version"), "Compact"), otherwise="No model yet"),
        "No model yet": succeed(),
        "Compact": invoke_function(
            props.compact_arn,
            {"use_case.$": "$.use_case", "since.$": "$.planned.answer.compact_since"},
            result="$.compacted",
            follow="Is all compacted?",
        ),
        "Is all compacted?": choose((is_true("$.compacted.answer.done"), "Ask"), otherwise="Compact"),
        "Ask": {
            "Type": "Map",
            "ItemsPath": "$.planned.answer.queries",
            "ItemProcessor": {"StartAt": "Query", "States": _ask(props)},
            "ResultPath": "$.asked",
            "Next": "Measure",
        },
        "Measure": invoke_function(
            props.measure_arn,
            {
                "use_case.$": "$.use_case",
                "version.$": "$.planned.answer.version",
                "since.$": "$.planned.answer.since",
                "until.$": "$.planned.answer.until",
                "asked.$": "$.asked",
            },
            result="$.report",
            follow="Measured",
        ),
        "Measured": succeed(),
    }


def _ask(props: MonitoringProps) -> dict[str, State]:
    return {
        # A state that waits for the query, and costs nothing meanwhile.
        # https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html
        "Query": call(
            "arn:aws:states:::athena:startQueryExecution.sync",
            {
                "QueryString.$": "$.text",
                "ExecutionParameters.$": "$.values",
                "QueryExecutionContext": {"Database": props.database},
                "WorkGroup": props.workgroup,
            },
            follow="Name the answer",
            ResultSelector={"id.$": "$.QueryExecution.QueryExecutionId"},
            ResultPath="$.execution",
            # A query fails when a file is written over while it reads; compaction does that.
            # https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html
            # Once: a query that is cancelled because it reads too much fails, too, and costs as much each time.
            # https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
            Retry=[
                TRANSIENT,
                {**TRANSIENT, "ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 20, "MaxAttempts": 1},
            ],
        ),
        "Name the answer": put("$.answer", {"name.$": "$.name", "query.$": "$.execution.id"}, follow="Answered"),
        "Answered": {"Type": "Pass", "OutputPath": "$.answer", "End": True},
    }
