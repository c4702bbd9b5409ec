"""Batch transform jobs as SageMaker runs them, with a container's own `serve`."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.sagemaker.conftest import await_job
from laptop_cloud.sagemaker.batches import BadObjectError, BatchSettings, read_batches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = {"ContentType": "text/csv", "SplitType": "Line"}


@pytest.fixture
def results(client: Any, bucket: str, name: str) -> Callable[[], dict[str, str]]:
    """`results()`: what the job has written, by the rest of its key."""

    def read() -> dict[str, str]:
        s3, prefix = client("s3"), f"transformed/{name}/"
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        return {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}

    return read


# --- what is sent and what is written --------------------------------------------------------------------------------


def test_every_object_under_a_prefix_becomes_one_of_its_own(
    transform: Any, put: Any, results: Any, name: str, bucket: str
) -> None:
    put(f"rows/{name}/a.csv", "1\n2\n")
    put(f"rows/{name}/deep/b.csv", "3")

    job = transform(f"s3://{bucket}/rows/{name}/")

    assert job["TransformJobStatus"] == "Completed"
    assert job["TransformStartTime"] <= job["TransformEndTime"]
    assert results() == {"a.csv.out": "<1\n2\n>", "deep/b.csv.out": "<3>"}


@pytest.mark.parametrize(
    ("strategy", "assemble", "expected"),
    [
        ({}, {"AssembleWith": "Line"}, "<1\n2\n3>\n"),
        ({"BatchStrategy": "SingleRecord"}, {"AssembleWith": "Line"}, "<1>\n<2>\n<3>\n"),
        ({"BatchStrategy": "SingleRecord"}, {}, "<1><2><3>"),
    ],
)
def test_lines_are_sent_by_strategy_and_put_together_in_their_order(
    transform: Any, put: Any, results: Any, name: str, strategy: Any, assemble: Any, expected: str
) -> None:
    transform(put(f"rows/{name}/a.csv", "1\n2\n3\n"), LINES, assemble, MaxConcurrentTransforms=3, **strategy)

    assert results() == {"a.csv.out": expected}


def test_a_manifest_names_the_objects(transform: Any, put: Any, results: Any, name: str, bucket: str) -> None:
    put(f"rows/{name}/a.csv", "1")
    put(f"rows/{name}/deep/b.csv", "2")
    manifest = put(f"manifests/{name}.json", json.dumps([{"prefix": f"s3://{bucket}/rows/{name}/"}, "deep/b.csv"]))
    source = {"DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": manifest}}}

    transform("", source)

    assert results() == {"deep/b.csv.out": "<2>"}


def test_compressed_objects_are_sent_as_they_were(transform: Any, put: Any, results: Any, name: str) -> None:
    source = put(f"rows/{name}/a.csv.gz", gzip.compress(b"1\n2"))

    transform(source, {**LINES, "CompressionType": "Gzip"})

    assert results() == {"a.csv.gz.out": "<1\n2>"}


def test_the_container_is_told_what_the_request_says(transform: Any, put: Any, results: Any, name: str) -> None:
    transform(
        put(f"rows/{name}/a.csv", "1"),
        LINES,
        {"Accept": "application/jsonlines"},
        {"transform": {"tell_environment": True}},
        BatchStrategy="SingleRecord",
        MaxPayloadInMB=2,
        Environment={"A": "of the job"},
    )

    told = json.loads(results()["a.csv.out"].strip("<>"))
    assert (told["headers"]["Content-Type"], told["headers"]["Accept"]) == ("text/csv", "application/jsonlines")
    assert told["A"] == "of the job"
    assert told["SAGEMAKER_BATCH"] == "true"
    assert told["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"
    assert told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "2"
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in told


def test_what_the_request_leaves_open_the_container_decides(
    transform: Any, put: Any, results: Any, log: Any, name: str
) -> None:
    wishes = {"MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 3}

    transform(put(f"rows/{name}/a.csv", "1\n2"), LINES, None, {"parameters": wishes}, MaxPayloadInMB=5)

    assert results() == {"a.csv.out": "<1><2>"}
    lines = log("/aws/sagemaker/TransformJobs", f"{name}/")
    assert "serving transforming" in lines
    assert any("MaxConcurrentTransforms=4, MaxPayloadInMB=5, BatchStrategy=SINGLE_RECORD" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "given", "strategy", "expected"),
    [
        (b"a\nb\n", {}, "MultiRecord", [b"a\nb\n"]),
        (b"", {}, "MultiRecord", [b""]),
        (b"a\n\nb\n", LINES, "SingleRecord", [b"a", b"", b"b"]),
        (
            b"a" * 700_000 + b"\n" + b"b" * 700_000,
            {"SplitType": "Line"},
            "MultiRecord",
            [b"a" * 700_000, b"b" * 700_000],
        ),
        (b"a" * 524_287 + b"\n" + b"b" * 524_288, LINES, "MultiRecord", [b"a" * 524_287 + b"\n" + b"b" * 524_288]),
    ],
)
def test_a_request_is_as_full_as_it_may_be(
    tmp_path: Path, content: bytes, given: dict[str, Any], strategy: str, expected: list[bytes]
) -> None:
    file = tmp_path / "object"
    file.write_bytes(content)

    batches = read_batches(file, given, BatchSettings(1, 1, strategy))

    assert batches == expected


@pytest.mark.parametrize(
    ("content", "given", "message"),
    [
        (b"a" * 1_048_577, {}, "too much data for max payload size"),
        (b"a\n" + b"b" * 1_048_577, {"SplitType": "Line"}, "too much data for max payload size"),
        (b"plain", {"CompressionType": "Gzip"}, "not compressed with gzip"),
    ],
)
def test_what_cannot_be_cut_is_refused(tmp_path: Path, content: bytes, given: dict[str, Any], message: str) -> None:
    file = tmp_path / "object"
    file.write_bytes(content)

    with pytest.raises(BadObjectError, match=message):
        read_batches(file, given, BatchSettings(1, 1, "MultiRecord"))


# --- how jobs end ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data_log(log: Any, name: str) -> Callable[[], list[str]]:
    """`data_log()`: what SageMaker itself has logged of the job."""
    return lambda: [line.partition("[sagemaker logs]: ")[2] for line in log("/aws/sagemaker/TransformJobs", f"{name}/")]


@pytest.mark.parametrize(("record", "fault"), [("bad", "ClientError: 400"), ("worse", "AlgorithmError: 500")])
def test_an_object_that_fails_fails_the_job_and_not_the_other_objects(
    transform: Any, put: Any, results: Any, data_log: Any, name: str, record: str, fault: str
) -> None:
    put(f"rows/{name}/b.csv", "3")
    source = put(f"rows/{name}/a.csv", f"1\n{record}\n2").removesuffix("a.csv")
    retries = {"InvocationsMaxRetries": 0}

    job = transform(source, LINES, BatchStrategy="SingleRecord", ModelClientConfig=retries)

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{fault.partition(':')[0]}: See job logs for more information"
    assert results() == {"b.csv.out": "<3>"}
    assert f"a.csv: {fault}" in data_log()
    assert "a.csv: the model says no" in data_log()


def test_a_server_that_does_not_come_up_fails_the_job(transform: Any, put: Any, name: str) -> None:
    job = transform(put(f"rows/{name}/a.csv", "1"), model={"broken": True})

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: Model container failed to respond to ping")


def test_a_prefix_without_objects_fails_the_job(transform: Any, bucket: str, name: str) -> None:
    job = transform(f"s3://{bucket}/nothing/{name}")

    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_a_stopped_job_leaves_no_output(
    sagemaker: Any, transform_request: Any, put: Any, results: Any, eventually: Any, watch: Any, name: str
) -> None:
    events = watch({"detail-type": ["SageMaker Transform Job State Change"], "detail": {"TransformJobName": [name]}})
    slow = {"transform": {"sleep_s": 1.5}}
    request = transform_request(put(f"rows/{name}/a.csv", "1\n" * 50), LINES, None, slow, BatchStrategy="SingleRecord")
    sagemaker.create_transform_job(**request)
    eventually(lambda: "TransformStartTime" in sagemaker.describe_transform_job(TransformJobName=name))

    sagemaker.stop_transform_job(TransformJobName=name)
    job = await_job(sagemaker, eventually, "Transform", name)

    assert job["TransformJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert results() == {}
    seen = {events.receive_json()["detail"]["TransformJobStatus"] for _ in range(3)}
    assert seen == {"InProgress", "Stopping", "Stopped"}
    with pytest.raises(ClientError, match="transform job is in status Stopped"):
        sagemaker.stop_transform_job(TransformJobName=name)


def test_every_change_of_status_is_an_event(transform: Any, put: Any, watch: Any, name: str) -> None:
    events = watch({"detail-type": ["SageMaker Transform Job State Change"], "detail": {"TransformJobName": [name]}})

    transform(put(f"rows/{name}/a.csv", "1"), Tags=[{"Key": "use-case", "Value": "eta"}])
    seen = sorted((events.receive_json() for _ in range(2)), key=lambda event: "TransformEndTime" in event["detail"])

    assert [event["detail"]["TransformJobStatus"] for event in seen] == ["InProgress", "Completed"]
    assert seen[1]["detail"]["Tags"] == {"use-case": "eta"}
    assert seen[1]["resources"] == [seen[1]["detail"]["TransformJobArn"]]


def test_jobs_are_listed_latest_first(sagemaker: Any, transform: Any, put: Any, name: str) -> None:
    source = put(f"rows/{name}/a.csv", "1")
    model = transform(source)["ModelName"]
    request = sagemaker.describe_transform_job(TransformJobName=name)
    again = {key: request[key] for key in ("TransformInput", "TransformOutput", "TransformResources")}
    sagemaker.create_transform_job(TransformJobName=f"{name}-b", ModelName=model, **again)

    listed = sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]

    assert [one["TransformJobName"] for one in listed] == [f"{name}-b", name]
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_transform_job(TransformJobName=name, ModelName=model, **again)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"MaxPayloadInMB": 101}, "ValidationException", "cannot exceed 100 MB"),
        ({"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}, "ValidationException", "cannot exceed 100 MB"),
        ({"ModelName": "nobody"}, "ValidationException", "Could not find model"),
        ({"MaxPayloadInMB": 0}, "UnsupportedOperation", "sends no chunked requests"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, "UnsupportedOperation", "DataProcessing.InputFilter"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "UnsupportedOperation", "DataProcessing.JoinSource"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "UnsupportedOperation", "DataCaptureConfig"),
        (
            {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2}},
            "UnsupportedOperation",
            "InstanceCount must be 1",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    sagemaker: Any, transform_request: Any, changes: Any, code: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message) as refusal:
        sagemaker.create_transform_job(**transform_request("s3://bucket/prefix", **changes))

    assert refusal.value.response["Error"]["Code"] == code


def test_ways_of_splitting_that_the_laptop_has_not_are_refused(sagemaker: Any, transform_request: Any) -> None:
    with pytest.raises(ClientError, match="no SplitType RecordIO"):
        sagemaker.create_transform_job(**transform_request("s3://bucket/prefix", {"SplitType": "RecordIO"}))


def test_processing_that_changes_nothing_is_none(transform: Any, put: Any, results: Any, name: str) -> None:
    nothing = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}

    transform(put(f"rows/{name}/a.csv", "1"), DataProcessing=nothing)

    assert results() == {"a.csv.out": "<1>"}
