"""A laptop cloud with a clock of its own: everything in it tells that time, and what falls due happens by it."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import act_as, allow
from laptop_cloud.driving import (
    BUSY,
    MomentIsOverError,
    StillBusyError,
    find_work,
    move_clock,
    pass_time,
    read_clock,
    wait_until_idle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Functions, Queue, Role
    from laptop_cloud.process import RunningCloud

    Now = Callable[[], datetime]
    Move = Callable[..., Any]
    Execute = Callable[..., str]
    Status = Callable[[str], str]

ROLE = "arn:aws:iam::123456789012:role/laptop"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TELL_TIME = """
import os, time
from datetime import datetime, timezone

def handler(event, context):
    now = datetime.now(timezone.utc)
    left_ms = context.get_remaining_time_in_millis()
    return {"now": now.isoformat(), "epoch_s": time.time(), "pid": os.getpid(), "left_ms": left_ms}
"""


def test_it_begins_at_the_time_that_it_is_given_and_ticks(now: Now) -> None:
    first = now()

    assert (first.year, first.month) == (2026, 3)
    assert first < now() < first + MINUTE


def test_it_only_moves_forward(cloud: RunningCloud, now: Now) -> None:
    with pytest.raises(MomentIsOverError, match=r"only moves forward: not to 2026-02-28T00:00:00\+00:00"):
        move_clock(cloud, datetime.fromisoformat("2026-02-28T00:00:00+00:00"))
    with pytest.raises(MomentIsOverError, match="only moves forward"):
        pass_time(cloud, now() - MINUTE)


def test_the_date_of_its_answers_is_real_for_programs_that_sign_by_it(cloud: RunningCloud) -> None:
    with urllib.request.urlopen(f"{cloud.endpoint_url}/_ministack/health") as answer:  # noqa: S310 -- ours
        dates = answer.headers.get_all("Date")

    assert len(dates) == 1
    assert abs(parsedate_to_datetime(dates[0]) - datetime.now(UTC)) < MINUTE


# --- who tells the time ----------------------------------------------------------------------------------------------


def test_a_person_who_signs_by_the_time_of_the_world_is_let_in(
    cloud: RunningCloud, client: Clients, role: Role, name: str
) -> None:
    client("s3").create_bucket(Bucket=name)
    session = act_as(cloud, client, role(allow(["s3:ListBucket"], f"arn:aws:s3:::{name}")))

    answer = session.client("s3", endpoint_url=cloud.endpoint_url).list_objects_v2(Bucket=name)

    assert answer["KeyCount"] == 0


def test_objects_and_data_points_carry_it(client: Clients, now: Now, move: Move, name: str) -> None:
    move(hours=5)
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="a", Body=b"")
    client("cloudwatch").put_metric_data(Namespace=name, MetricData=[{"MetricName": "Trips", "Value": 1}])

    found = client("cloudwatch").get_metric_statistics(
        Namespace=name,
        MetricName="Trips",
        StartTime=now() - MINUTE,
        EndTime=now() + MINUTE,
        Period=60,
        Statistics=["Sum"],
    )
    assert abs(client("s3").head_object(Bucket=name, Key="a")["LastModified"] - now()) < MINUTE
    assert [point["Sum"] for point in found["Datapoints"]] == [1]


def test_a_warm_function_sees_that_it_moved_and_has_as_much_time_left(
    client: Clients, function: Functions, now: Now, move: Move
) -> None:
    arn = function(TELL_TIME, Timeout=20)
    first = json.loads(client("lambda").invoke(FunctionName=arn)["Payload"].read())
    move(hours=7)
    second = json.loads(client("lambda").invoke(FunctionName=arn)["Payload"].read())

    assert first["pid"] == second["pid"]
    assert timedelta(hours=7) <= datetime.fromisoformat(second["now"]) - datetime.fromisoformat(first["now"])
    assert abs(datetime.fromisoformat(second["now"]) - now()) < MINUTE
    assert abs(datetime.fromisoformat(second["now"]).timestamp() - second["epoch_s"]) < 1
    assert 19_000 < second["left_ms"] <= 20_000


@pytest.mark.parametrize("patience", ["soon", "nan", "inf"])
def test_whoever_waits_for_it_says_how_many_seconds(cloud: RunningCloud, patience: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{cloud.endpoint_url}{BUSY}?until_idle_s={patience}", timeout=10)  # noqa: S310  # the laptop cloud

    with refused.value as answer:
        assert answer.code == 400
        assert b"until_idle_s" in answer.read()


def test_a_function_that_runs_sees_it_move_and_is_not_timed_out(
    cloud: RunningCloud, client: Clients, function: Functions, queue: Queue, move: Move, now: Now
) -> None:
    source = """
import time

def handler(event, context):
    while time.time() < event["until_s"]:
        time.sleep(0.01)
    raise RuntimeError(f"has time left: {context.get_remaining_time_in_millis() > 1000}")
"""
    arn = function(source, Timeout=20, DeadLetterConfig={"TargetArn": queue.arn})
    client("lambda").put_function_event_invoke_config(FunctionName=arn, MaximumRetryAttempts=0)
    event = {"until_s": (now() + 9 * HOUR).timestamp()}
    client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=json.dumps(event).encode())
    with pytest.raises(StillBusyError, match="asynchronous invocation, function "):
        wait_until_idle(cloud, limit_s=0.5)

    move(hours=9)

    assert "has time left: True" in queue.receive()["Body"]


def test_a_job_sees_that_it_moved(
    cloud: RunningCloud, client: Clients, image: str, name: str, now: Now, move: Move, eventually: Eventually
) -> None:
    client("s3").create_bucket(Bucket=name)
    until = now() + 11 * HOUR
    client("sagemaker").create_training_job(
        TrainingJobName=name,
        HyperParameters={"until": until.isoformat()},
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{name}/models"},
        ResourceConfig={"InstanceType": "ml.c7i.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    eventually(lambda: _training_log(client, name))
    assert find_work(cloud) == [f"training-job {name}"]

    move(hours=11)
    wait_until_idle(cloud, limit_s=20)

    job = client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "Completed"
    assert until - 12 * HOUR < job["CreationTime"] < until - 10 * HOUR
    assert until <= _ended_at(client, name, job["ModelArtifacts"]["S3ModelArtifacts"]) <= job["TrainingEndTime"]


def _training_log(client: Clients, name: str) -> list[Any]:
    logs, group = client("logs"), "/aws/sagemaker/TrainingJobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [
        event
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        if "it is" in event["message"]
    ]


def _ended_at(client: Clients, bucket: str, uri: str) -> datetime:
    archive = client("s3").get_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        member = opened.extractfile("ended")
        assert member is not None
        return datetime.fromisoformat(member.read().decode())


# --- what falls due --------------------------------------------------------------------------------------------------


def test_a_wait_ends_when_the_clock_has_moved_past_it(
    cloud: RunningCloud, execute: Execute, status: Status, move: Move, now: Now, eventually: Eventually
) -> None:
    began = now()
    arn = execute({"Type": "Wait", "Seconds": 3 * 3600})
    wait_until_idle(cloud, limit_s=10)
    due = read_clock(cloud).next_due

    assert due is not None
    assert began + 3 * HOUR <= due <= now() + 3 * HOUR
    move(hours=2)
    wait_until_idle(cloud, limit_s=10)
    assert status(arn) == "RUNNING"
    move(hours=1)
    eventually(lambda: status(arn) == "SUCCEEDED")


def test_an_answer_that_did_not_come_in_time_is_a_timeout_and_one_that_did_is_not(
    cloud: RunningCloud, client: Clients, execute: Execute, status: Status, queue: Queue, move: Move
) -> None:
    asked = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue.url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 7200,
        "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1, "IntervalSeconds": 600}],
    }
    arn = execute(asked)
    queue.receive()
    move(hours=2)
    wait_until_idle(cloud, limit_s=10)
    assert status(arn) == "RUNNING", "it waits ten minutes before it asks again"
    move(minutes=10)
    token = queue.receive_json()["token"]
    client("stepfunctions").send_task_success(taskToken=token, output='"answered"')
    wait_until_idle(cloud, limit_s=10)
    assert status(arn) == "SUCCEEDED"


def test_a_machine_of_another_account_waits_as_long_for_an_answer(
    cloud: RunningCloud, neighbour: Clients, their_role: Role, move: Move, name: str
) -> None:
    url = neighbour("sqs").create_queue(QueueName=name)["QueueUrl"]
    queue = f"arn:aws:sqs:{cloud.region}:{NEIGHBOUR}:{name}"
    asked = {
        "Type": "Task",
        "End": True,
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 7200,
    }
    states = neighbour("stepfunctions")
    definition = json.dumps({"StartAt": "Only", "States": {"Only": asked}})
    role = their_role(allow(["sqs:SendMessage"], queue))
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    wait_until_idle(cloud, limit_s=10)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"

    move(hours=2)
    wait_until_idle(cloud, limit_s=10)

    assert states.describe_execution(executionArn=arn)["error"] == "States.Timeout"


def test_an_execution_that_takes_longer_than_its_machine_allows_is_ended(
    cloud: RunningCloud, execute: Execute, status: Status, move: Move
) -> None:
    arn = execute({"Type": "Wait", "Seconds": 9 * 3600}, TimeoutSeconds=3600)
    wait_until_idle(cloud, limit_s=10)
    assert status(arn) == "RUNNING"

    move(hours=1, seconds=1)

    assert status(arn) == "TIMED_OUT"


@pytest.fixture
def hourly(client: Clients, queue: Queue, name: str) -> Any:
    """A rule that fires every hour into the queue."""
    client("events").put_rule(Name=name, ScheduleExpression="rate(1 hour)")
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    yield queue
    client("events").remove_targets(Rule=name, Ids=["queue"])
    client("events").delete_rule(Name=name)


def receive_times(client: Clients, queue: Queue) -> list[datetime]:
    times = []
    while messages := client("sqs").receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            client("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            times.append(datetime.fromisoformat(json.loads(message["Body"])["time"]))
    return sorted(times)


def test_an_hourly_rule_fires_every_hour_that_passes_and_once_for_all_that_are_jumped_over(
    cloud: RunningCloud, client: Clients, hourly: Queue, now: Now, move: Move
) -> None:
    began = now()
    move(minutes=59)
    assert receive_times(client, hourly) == []

    pass_time(cloud, began + 3.5 * HOUR, limit_s=10)
    passed = receive_times(client, hourly)
    move(hours=5)
    jumped = receive_times(client, hourly)

    assert [round((time - began) / HOUR, 2) for time in passed] == [1, 2, 3]
    assert [round((time - began) / HOUR, 2) for time in jumped] == [8]


def test_a_cron_rule_fires_at_its_very_minute(
    cloud: RunningCloud, client: Clients, queue: Queue, now: Now, name: str
) -> None:
    client("events").put_rule(Name=name, ScheduleExpression="cron(30 4 * * ? *)")
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.arn}])

    pass_time(cloud, now() + timedelta(days=2), limit_s=10)
    times = receive_times(client, queue)

    assert [(time.hour, time.minute, time.second) for time in times] == [(4, 30, 0)] * 2
    assert times[1] - times[0] == timedelta(days=1)
    client("events").remove_targets(Rule=name, Ids=["queue"])
    client("events").delete_rule(Name=name)


def test_an_alarm_with_a_period_of_an_hour_fires_and_calms(
    cloud: RunningCloud, client: Clients, name: str, now: Now
) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Faults",
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=2,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    # Whatever the hour, the next one has the whole of the data.
    pass_time(cloud, (now() + HOUR).replace(minute=5), limit_s=10)
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Faults", "Value": 3}])
    wait_until_idle(cloud, limit_s=10)
    assert _alarm_state(client, name) == "ALARM"

    pass_time(cloud, now() + 30 * MINUTE, limit_s=10)
    assert _alarm_state(client, name) == "ALARM"
    pass_time(cloud, now() + 5 * HOUR, limit_s=10)

    assert _alarm_state(client, name) == "OK"
    assert _alarm_history(client, name)[-2:] == ["ALARM", "OK"]
    assert _alarm_history(client, name).count("ALARM") == 1


def _alarm_state(client: Clients, name: str) -> str:
    return str(client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def _alarm_history(client: Clients, name: str) -> list[str]:
    """The states that an alarm has come into, the first first."""
    items = client("cloudwatch").describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in items["AlarmHistoryItems"]]
    return [summary.rpartition(" to ")[2] for summary in reversed(summaries)]


def test_an_alarm_goes_through_its_states_in_a_jump_and_stays_where_what_it_watches_stays(
    client: Clients, queue: Queue, name: str, now: Now, move: Move, eventually: Eventually
) -> None:
    client("sqs").send_message(QueueUrl=queue.url, MessageBody="nobody takes it")
    settings = {
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    cloudwatch, once, stays = client("cloudwatch"), f"{name}-once", f"{name}-stays"
    visible = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible"}
    dimensions = [{"Name": "QueueName", "Value": queue.arn.rpartition(":")[2]}]
    cloudwatch.put_metric_alarm(AlarmName=stays, Dimensions=dimensions, **visible, **settings)
    cloudwatch.put_metric_alarm(AlarmName=once, Namespace=name, MetricName="Faults", **settings)
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Faults", "Value": 1}])
    eventually(lambda: _alarm_state(client, stays) == _alarm_state(client, once) == "ALARM")

    move(hours=3)

    assert _alarm_history(client, once)[-2:] == ["ALARM", "OK"]
    [calmed] = cloudwatch.describe_alarms(AlarmNames=[once])["MetricAlarms"]
    assert calmed["StateUpdatedTimestamp"] < now() - 2 * HOUR, "at its time, and not at the end of the jump"
    assert _alarm_history(client, stays)[-1] == "ALARM"
    assert _alarm_history(client, stays).count("ALARM") == 1


def test_a_queue_whose_function_has_yet_to_take_a_message_is_work(
    cloud: RunningCloud,
    client: Clients,
    function: Functions,
    queue: Queue,
    now: Now,
    move: Move,
    eventually: Eventually,
) -> None:
    until_s = (now() + HOUR).timestamp()
    arn = function(
        f"import time\n\ndef handler(event, context):\n    while time.time() < {until_s}:\n        time.sleep(0.01)\n",
        Timeout=20,
    )
    for body in ("first", "second", "third"):
        client("sqs").send_message(QueueUrl=queue.url, MessageBody=body)
    client("lambda").create_event_source_mapping(
        EventSourceArn=queue.arn, FunctionName=arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    wanted = [f"function {arn.rpartition(':')[2]}", f"queue {queue.arn.rpartition(':')[2]}"]
    eventually(lambda: find_work(cloud) == wanted)

    move(hours=1)

    wait_until_idle(cloud, limit_s=20)
    assert find_work(cloud) == []
