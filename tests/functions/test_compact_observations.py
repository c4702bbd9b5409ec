"""Hours of lines become files, once, and again when more lines have come."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest

from functions.compact_observations.handler import NotCompactedError, handler
from noriba.events import OutcomeObserved
from noriba.features import as_column
from noriba.records.compaction import CompactionReport, CompactionTask
from noriba.records.explanations import Doubt
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.records.observations import ANSWERS, OUTCOMES, PREDICTIONS, ObservationTable, name_file
from noriba.timestamps import begin_hour, to_microseconds
from tests.functions.conftest import read_counts

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.functions.conftest import Cloud

ENDPOINT, USE_CASE = "noriba-taxi-eta", "taxi_eta"
HOUR = begin_hour(datetime.now(UTC)) - timedelta(hours=3)
AT = HOUR + timedelta(minutes=10, microseconds=7)


def capture(
    cloud: Cloud,
    prediction_id: str,
    *,
    endpoint: str = ENDPOINT,
    variant: str = "v7",
    at: datetime = AT,
    name: str = "a",
    inputs: bool = True,
) -> None:
    """What SageMaker writes of an answer of two rows, beside a line that is cut off."""
    asked = encode_columns(
        {"x@1": as_column([1.5, float("nan")]), "y@2": as_column([3.0, 4.0])},
        inputs={"y": as_column([3.0, 4.0]), "at": as_column([9.0, 9.0])} if inputs else None,
        candidate_ids=["near", None],
        slices={"part of day": ["day", "night"]},
        group=417,
    )
    doubts = ((), (Doubt(kind="wide", value=2.0, bound=1.0), Doubt(kind="unknown", column="x")))
    answer = ModelAnswer((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), 0.8, "digest", doubts=doubts)
    sides = (("endpointInput", asked), ("endpointOutput", encode_answer(answer)))
    body = {side: {"encoding": "JSON", "data": data.decode()} for side, data in sides}
    metadata = {"inferenceId": prediction_id, "inferenceTime": at.isoformat()}
    line = json.dumps({"captureData": body, "eventMetadata": metadata})
    key = f"{endpoint}/{variant}/{at:%Y/%m/%d/%H}/{name}.jsonl"
    cloud.store("captures").write(key, f"{line}\n{line[:-9]}".encode())


def report(cloud: Cloud, *prediction_ids: str, at: datetime = AT, name: str = "a", use_case: str = USE_CASE) -> None:
    """What the archive of outcomes writes."""
    lines = [
        {
            "time": at.isoformat(timespec="seconds"),
            "detail": OutcomeObserved(
                use_case=use_case, prediction_id=prediction_id, value=61.5, observed_at=at
            ).model_dump(mode="json"),
        }
        for prediction_id in prediction_ids
    ]
    key = f"outcomes/date={at:%Y-%m-%d}/hour={at:%H}/{name}"
    cloud.store("outcomes").write(key, "\n".join(map(json.dumps, lines)).encode())


def compact(context: LambdaContext, **task: Any) -> CompactionReport:
    """What the function answers: to the clock, unless a task is given."""
    event = CompactionTask(**task).model_dump(mode="json") if task else {"source": "aws.events", "detail": {}}
    return CompactionReport.model_validate(handler(event, context))


def read(cloud: Cloud, table: ObservationTable, hour: datetime = HOUR) -> list[dict[str, Any]]:
    content = cloud.store("observations").read(name_file(table, USE_CASE, hour))
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def count_versions(cloud: Cloud, table: ObservationTable) -> int:
    """How often an hour's file was written."""
    key = name_file(table, USE_CASE, HOUR)
    return len(cloud.clients.s3.list_object_versions(Bucket="observations", Prefix=key)["Versions"])


def test_a_row_holds_what_was_answered_and_what_was_asked(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, "p")

    found = compact(context)

    assert (found.done, found.files, found.predictions, found.unreadable) == (True, 1, 2, 1)
    near, other, unreadable = read(cloud, PREDICTIONS)
    assert near == {
        "endpoint": ENDPOINT,
        "variant": "v7",
        "model_version": 7,
        "prediction_id": "p",
        "candidate_id": "near",
        "answered_at_us": to_microseconds(AT),
        "low": 1.0,
        "value": 3.0,
        "high": 5.0,
        "claimed_coverage": 0.8,
        "doubts": 0,
        "subject_group": 417,
        "slices": [("part of day", "day")],
        "features": [("x@1", 1.5), ("y@2", 3.0)],
        "inputs": [("y", 3.0), ("at", 9.0)],
    }
    assert (other["candidate_id"], other["value"], other["features"]) == (None, 4.0, [("x@1", None), ("y@2", 4.0)])
    assert (unreadable["prediction_id"], unreadable["value"]) == (None, None)


def test_answers_are_the_same_rows_without_what_was_asked(cloud: Cloud, context: LambdaContext) -> None:
    """Whoever may read them learns nothing of a rider."""
    capture(cloud, "p")

    compact(context)

    hidden = {"subject_group", "features", "inputs"}
    shown = [{name: value for name, value in row.items() if name not in hidden} for row in read(cloud, PREDICTIONS)]
    assert read(cloud, ANSWERS) == shown
    assert count_versions(cloud, ANSWERS) == 1


def test_captures_of_earlier_versions_have_no_inputs(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, "p", inputs=False)

    assert compact(context).predictions == 2

    assert [row["inputs"] for row in read(cloud, PREDICTIONS)] == [[], [], []]


def test_outcomes_are_a_use_case_s_own(cloud: Cloud, context: LambdaContext) -> None:
    report(cloud, "p", "p")
    report(cloud, "q", name="b", use_case="scooter_energy")

    assert compact(context, use_case=USE_CASE, since=HOUR).outcomes == 2

    one, again = read(cloud, OUTCOMES)
    assert one == again
    assert one == {
        "prediction_id": "p",
        "candidate_id": None,
        "value": 61.5,
        "observed_at_us": to_microseconds(AT),
        "reported_at_us": to_microseconds(AT.replace(microsecond=0)),
    }


def test_what_is_compacted_is_left_alone_until_more_lines_come(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, "p")
    report(cloud, "p")
    assert compact(context, use_case=USE_CASE, since=HOUR).files == 2
    assert compact(context, use_case=USE_CASE, since=HOUR).files == 0

    capture(cloud, "q", variant="v8", name="late")

    assert compact(context).files == 2  # the other use case's outcomes, of which there are none
    assert {row["prediction_id"] for row in read(cloud, PREDICTIONS)} == {"p", "q", None}
    assert count_versions(cloud, OUTCOMES) == 1
    assert count_versions(cloud, PREDICTIONS) == 2


def test_however_late_lines_come_whoever_asks_about_their_hour_has_them(cloud: Cloud, context: LambdaContext) -> None:
    long_ago = {"use_case": USE_CASE, "since": AT - timedelta(days=30)}
    capture(cloud, "p", at=AT - timedelta(days=29))
    assert compact(context, **long_ago).files == 1

    capture(cloud, "q", at=AT - timedelta(days=29), name="late")

    assert compact(context).files == 0
    assert compact(context, **long_ago).files == 1


def test_the_same_lines_make_the_same_file(cloud: Cloud, context: LambdaContext) -> None:
    capture(cloud, "p")
    capture(cloud, "q", variant="v8")
    store, key = cloud.store("observations"), name_file(PREDICTIONS, USE_CASE, HOUR)

    compact(context)
    once = store.read(key)
    store.delete_versions(key)
    compact(context)

    assert store.read(key) == once


def test_the_clock_asks_for_hours_that_are_over_and_not_long_ago(cloud: Cloud, context: LambdaContext) -> None:
    for hours in (0, 25, 28):
        capture(cloud, str(hours), at=datetime.now(UTC) - timedelta(hours=hours))

    assert compact(context).files == 1
    # Whoever is about to query wants all of them, and asks for their own.
    assert compact(context, use_case=USE_CASE, since=datetime.now(UTC) - timedelta(hours=31)).files == 2


def test_when_its_time_is_over_it_says_so_and_goes_on_when_asked_again(cloud: Cloud, context: LambdaContext) -> None:
    for hours in range(3):
        capture(cloud, str(hours), at=AT - timedelta(hours=hours))
    asked = {"use_case": USE_CASE, "since": AT - timedelta(hours=9), "at_most_s": 1e-9}

    reports = [compact(context, **asked) for _ in range(3)]

    assert [one.files for one in reports] == [1, 1, 1]
    assert [one.done for one in reports] == [False, False, True]


def test_what_lies_elsewhere_in_the_buckets_is_left_alone(cloud: Cloud, context: LambdaContext) -> None:
    captures = cloud.store("captures")
    for key in (f"{ENDPOINT}/v7/notes.txt", f"{ENDPOINT}/elsewhere/2026/07/01/10/a.jsonl", "comparisons/a.json"):
        captures.write(key, b"{}")
    cloud.store("outcomes").write(f"outcomes/date={HOUR:%Y-%m-%d}/a", b"{}")

    assert compact(context, use_case=USE_CASE, since=HOUR - timedelta(days=90)) == CompactionReport(done=True)


def test_what_is_wrong_with_one_use_case_holds_up_no_other(cloud: Cloud, context: LambdaContext) -> None:
    no_version = f"v{10**10}"
    capture(cloud, "p")
    capture(cloud, "p", endpoint="noriba-scooter-energy", variant=no_version)

    with pytest.raises(NotCompactedError, match="scooter_energy"):
        compact(context)
    assert len(read(cloud, PREDICTIONS)) == 3


def test_it_counts_what_it_wrote(cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]) -> None:
    capture(cloud, "p")
    report(cloud, "p")

    compact(context, use_case=USE_CASE, since=HOUR)

    assert read_counts(capsys) == {USE_CASE: {"PredictionsCompacted": 2, "OutcomesCompacted": 1, "LinesUnreadable": 1}}
    compact(context, use_case=USE_CASE, since=HOUR)
    assert read_counts(capsys) == {}
