"""Whatever becomes of an ingest, its object is settled: by the ingest, or in its place."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.commit_snapshot.handler import handler as commit_snapshot
from functions.find_unsettled.handler import handler as find_unsettled
from functions.refuse_object.handler import handler as refuse_object
from noriba.errors import RefusedObjectError
from tests.functions.ingest import Ingest, write_trips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.functions.conftest import Cloud

JANUARY, FEBRUARY = write_trips("2023-01"), write_trips("2023-02")
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
EVERYTHING = {"execution": ""}


@pytest.fixture
def machine(cloud: Cloud) -> Iterator[str]:
    """A machine whose executions run until they are stopped."""
    arn = cloud.clients.stepfunctions.create_state_machine(
        name="ingest", definition=json.dumps(MACHINE), roleArn="arn:aws:iam::123456789012:role/ingest"
    )["stateMachineArn"]
    yield arn
    cloud.clients.stepfunctions.delete_state_machine(stateMachineArn=arn)


@pytest.fixture
def start(cloud: Cloud, machine: str, context: LambdaContext) -> Callable[[str, bytes], Ingest]:
    """`start(key, content)`: land a file, and the execution that its event starts."""
    numbers = itertools.count(1)

    def start_execution(key: str, content: bytes) -> Ingest:
        event = cloud.land(key, content)
        started = cloud.clients.stepfunctions.start_execution(
            stateMachineArn=machine, name=f"e{next(numbers)}", input=json.dumps(event)
        )
        return Ingest(event, started["executionArn"], context)

    return start_execution


def stop(cloud: Cloud, ingest: Ingest) -> None:
    cloud.clients.stepfunctions.stop_execution(executionArn=ingest.execution, error="Operator", cause="too slow")


def find(context: LambdaContext, execution: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = find_unsettled({"execution": execution}, context)["unsettled"]
    return found


def settle(found: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What the state machine does with one of them."""
    if not found["settled"]:
        refuse_object({name: found[name] for name in ("execution", "landed", "failure")}, context)
    settled: dict[str, Any] = commit_snapshot({name: found[name] for name in ("execution", "landed")}, context)
    return settled


@pytest.mark.parametrize("by", ["its end", "sweep"])
def test_what_a_stopped_ingest_left_is_refused_and_the_others_of_its_burst_are_committed(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext, by: str
) -> None:
    stopped, good = start("taxi_eta/stopped.parquet", JANUARY), start("taxi_eta/good.parquet", FEBRUARY)
    stopped.plan()
    assert good.run() == {"outcome": "waiting", "pending": 1}
    stop(cloud, stopped)

    (found,) = find(context, stopped.execution if by == "its end" else "")
    settled = settle(found, context)

    assert settled["outcome"] == "created"
    assert settled["snapshot"]["rows_read"] == 40
    reason = cloud.ledger().list_refused()["taxi_eta/stopped.parquet"]
    assert "its ingest ended before it was done (ABORTED" in reason
    assert reason.endswith("land it again")
    assert find(context) == []


def test_while_an_ingest_runs_nobody_settles_in_its_place(
    start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    running = start("taxi_eta/a.parquet", JANUARY)
    running.plan()

    assert find(context) == []
    assert find(context, running.execution) == []


def test_an_ingest_that_was_stopped_before_it_took_its_object_leaves_it_refused(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    """Whoever landed the file waits for an answer."""
    stopped = start("taxi_eta/a.parquet", JANUARY)
    stop(cloud, stopped)

    (found,) = find(context, stopped.execution)
    settle(found, context)

    assert cloud.ledger().list_refused().keys() == {"taxi_eta/a.parquet"}


def test_an_ingest_that_was_stopped_between_keeping_and_the_news_is_finished_in_its_name(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    stopped = start("taxi_eta/a.parquet", JANUARY)
    announced = stopped.run()
    stop(cloud, stopped)

    (found,) = find(context, stopped.execution)

    assert found["settled"]
    assert settle(found, context) == announced
    assert cloud.ledger().list_refused() == {}


def test_a_second_delivery_that_was_stopped_harms_nobody(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], machine: str, context: LambdaContext
) -> None:
    first = start("taxi_eta/a.parquet", JANUARY)
    first.plan()
    second = Ingest(
        first.event,
        cloud.clients.stepfunctions.start_execution(
            stateMachineArn=machine, name="again", input=json.dumps(first.event)
        )["executionArn"],
        context,
    )
    assert second.plan()["claim"] == "taken"
    stop(cloud, second)

    assert find(context, second.execution) == []
    failure = {"Error": "E", "Cause": "throttled"}
    with pytest.raises(RuntimeError, match=f"is not {second.execution}'s to refuse; E: throttled"):
        refuse_object({"execution": second.execution, "event": first.event, "failure": failure}, context)
    first.transform()
    assert first.commit()["outcome"] == "created"


def test_an_ingest_that_goes_on_after_its_object_was_refused_does_not_keep_it(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    """An execution that was stopped can be redriven."""
    stopped = start("taxi_eta/a.parquet", JANUARY)
    stopped.plan()
    stopped.transform()
    stop(cloud, stopped)
    for found in find(context):
        settle(found, context)

    with pytest.raises(RefusedObjectError, match="was refused while it was read; land it again"):
        stopped.commit()
    assert cloud.ledger().list_kept() == []


def test_an_execution_that_is_forgotten_by_now_is_over_too(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], machine: str, context: LambdaContext
) -> None:
    old = start("taxi_eta/a.parquet", JANUARY)
    old.plan()
    cloud.clients.stepfunctions.delete_state_machine(stateMachineArn=machine)

    (found,) = find(context)

    assert "nobody knows how" in found["failure"]["Cause"]


def test_a_key_that_names_no_use_case_is_swept_too(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    stopped = start("/a.csv", b"a,b\n1,2\n")
    with pytest.raises(Exception, match="no use case"):
        stopped.plan()
    stop(cloud, stopped)

    (found,) = find(context)

    assert settle(found, context)["outcome"] == "nothing_kept"
    assert find(context) == []


def test_what_is_found_at_once_fits_a_state(
    cloud: Cloud, start: Callable[[str, bytes], Ingest], context: LambdaContext
) -> None:
    for number in range(60):
        stopped = start(f"taxi_eta/{'日' * 330}{number}.parquet", JANUARY)
        stopped.plan()
        stop(cloud, stopped)

    found = find_unsettled(EVERYTHING, context)

    assert len(found["unsettled"]) == 50
    assert len(json.dumps(found)) < 250_000
