"""Training jobs as SageMaker runs them, with a container's own `train`."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

MODEL = "S3ModelArtifacts"


def channel(uri: str, *, name: str = "train", data_type: str = "S3Prefix", **more: Any) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": data_type, "S3Uri": uri}}, **more}


def unpack(archive: bytes, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        file = tar.extractfile(member)
        assert file is not None
        return file.read()


def test_a_job_trains_and_leaves_its_model_in_s3(train: Any, get: Any, name: str, bucket: str) -> None:
    job = train({"epochs": "3"})

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert job["ModelArtifacts"][MODEL] == f"s3://{bucket}/models/{name}/output/model.tar.gz"
    assert json.loads(unpack(get(job["ModelArtifacts"][MODEL]), "model.json"))["note"] == "trained"
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1


def test_the_container_finds_its_files_and_its_environment(train: Any, put: Any, get: Any, cloud: Any) -> None:
    put("data/train/a.csv", "1")
    put("data/train/deep/b.csv", "2")
    prefix = put("data/one.csv", "3").removesuffix("one.csv")

    job = train(
        InputDataConfig=[channel(f"{prefix}train"), channel(f"{prefix}one.csv", name="single", ContentType="text/csv")],
        Environment={"COLOUR": "yellow", "CACHE": "/opt/ml/cache"},
    )

    seen = json.loads(unpack(get(job["ModelArtifacts"][MODEL]), "model.json"))
    assert {"input/data/train/a.csv", "input/data/train/deep/b.csv", "input/data/single/one.csv"} < set(seen["files"])
    assert {f"input/config/{one}.json" for one in ("hyperparameters", "inputdataconfig", "resourceconfig")} < set(
        seen["files"]
    )
    environment = seen["environment"]
    assert environment["COLOUR"] == "yellow"
    assert environment["CACHE"] == f"{environment['SAGEMAKER_BASE_DIR']}/cache"
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["AWS_ENDPOINT_URL"] == cloud.endpoint_url
    assert environment["TZ"] == "UTC"
    assert "PYTHONDONTWRITEBYTECODE" not in environment


def test_a_manifest_names_the_objects_of_a_channel(train: Any, put: Any, get: Any, bucket: str) -> None:
    for key in ("parts/2024/a", "parts/2025/b", "parts/2025/not-named"):
        put(key, key)
    manifest = put("manifests/m.json", json.dumps([{"prefix": f"s3://{bucket}/parts/"}, "2024/a", "2025/b"]))

    job = train(InputDataConfig=[channel(manifest, data_type="ManifestFile")])

    files = json.loads(unpack(get(job["ModelArtifacts"][MODEL]), "model.json"))["files"]
    assert [file for file in files if file.startswith("input/data/")] == [
        "input/data/train/2024/a",
        "input/data/train/2025/b",
    ]


def test_network_isolation_takes_aws_away_from_the_container(train: Any, get: Any) -> None:
    job = train(EnableNetworkIsolation=True)

    environment = json.loads(unpack(get(job["ModelArtifacts"][MODEL]), "model.json"))["environment"]
    assert [variable for variable in environment if variable.startswith("AWS_")] == ["AWS_EC2_METADATA_DISABLED"]
    # The laptop's user may have credentials of real accounts at home.
    assert environment["HOME"] == environment["SAGEMAKER_BASE_DIR"]


def test_output_goes_to_cloudwatch_logs_and_metrics_are_read_from_it(
    train: Any, log: Any, name: str, training_request: Any
) -> None:
    algorithm = training_request()["AlgorithmSpecification"]
    metrics = [{"Name": "validation:rmse", "Regex": r"rmse=([0-9.]+);"}]

    job = train(AlgorithmSpecification={**algorithm, "MetricDefinitions": metrics})

    assert set(log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-")) >= {"epoch 1: rmse=2.5;", "epoch 2: rmse=1.25;"}
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("validation:rmse", 1.25)


def test_what_is_left_in_output_data_is_packed_too(train: Any, get: Any, name: str, bucket: str) -> None:
    train({"side_output": "a report"})

    assert unpack(get(f"s3://{bucket}/models/{name}/output/output.tar.gz"), "report.txt") == b"a report"


def test_a_failed_program_gives_its_own_reason(train: Any) -> None:
    job = train({"fail_with": "too few rows: 3", "exit_code": "9"})

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: too few rows: 3, exit code: 9"
    assert "ModelArtifacts" not in job


def test_a_long_reason_is_cut_as_sagemaker_cuts_it(train: Any) -> None:
    assert len(train({"fail_with": "x" * 2000})["FailureReason"]) == 1024


def test_input_that_is_not_there_fails_the_job(train: Any, bucket: str) -> None:
    job = train(InputDataConfig=[channel(f"s3://{bucket}/nothing/here")])

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f'ClientError: No S3 objects found under S3 URL "s3://{bucket}/nothing/here"'
    )


def test_an_object_that_a_manifest_promises_in_vain_fails_the_job(train: Any, put: Any, bucket: str) -> None:
    manifest = put("manifests/vain.json", json.dumps([{"prefix": f"s3://{bucket}/"}, "not-there"]))

    job = train(InputDataConfig=[channel(manifest, data_type="ManifestFile")])

    assert "Data download failed" in job["FailureReason"]
    assert "not-there" in job["FailureReason"]


def test_an_image_that_no_assembly_knows_fails_the_job_with_a_remedy(
    train: Any, training_request: Any, image: str
) -> None:
    algorithm = training_request()["AlgorithmSpecification"]

    job = train(AlgorithmSpecification={**algorithm, "TrainingImage": image + "0"})

    assert job["TrainingJobStatus"] == "Failed"
    assert "Cannot find image" in job["FailureReason"]
    assert "synthesize" in job["FailureReason"]


def test_a_program_that_the_container_has_not_fails_the_job(train: Any, training_request: Any) -> None:
    algorithm = training_request()["AlgorithmSpecification"]

    job = train(AlgorithmSpecification={**algorithm, "ContainerEntrypoint": ["no-such-program"]})

    assert "no-such-program: no such executable" in job["FailureReason"]


def test_a_stopped_job_may_save_its_model(
    sagemaker: Any, training_request: Any, log: Any, eventually: Any, name: str, get: Any
) -> None:
    sagemaker.create_training_job(**training_request({"run_s": "60"}))
    eventually(lambda: "ready to be stopped" in _lines(log, name))

    sagemaker.stop_training_job(TrainingJobName=name)

    assert sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] in {"Stopping", "Stopped"}
    job = eventually(lambda: _ended(sagemaker, name))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    saved = json.loads(unpack(get(job["ModelArtifacts"][MODEL]), "model.json"))
    assert saved["note"] == "saved when asked to stop"
    with pytest.raises(ClientError, match="is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(train: Any) -> None:
    job = train({"run_s": "60"}, StoppingCondition={"MaxRuntimeInSeconds": 1})

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_processes_that_a_program_leaves_behind_are_ended(train: Any, get: Any, is_running: Any) -> None:
    job = train({"leave_child": "yes"})

    child = int(unpack(get(job["ModelArtifacts"][MODEL]), "child"))
    assert not is_running(child)


def test_a_name_is_taken_for_good(sagemaker: Any, train: Any, training_request: Any) -> None:
    train()

    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="Job name must be unique"):
        sagemaker.create_training_job(**training_request())


def test_every_change_of_state_is_an_event(train: Any, watch: Any, name: str, eventually: Any) -> None:
    queue = watch({"source": ["aws.sagemaker"], "detail": {"TrainingJobName": [name]}})

    job = train({"epochs": "3"}, Tags=[{"Key": "use-case", "Value": "eta"}])

    seen: list[dict[str, Any]] = []
    eventually(lambda: seen.append(queue.receive_json()) or seen[-1]["detail"]["TrainingJobStatus"] == "Completed")  # type: ignore[func-returns-value, redundant-expr]
    last = seen[-1]
    assert last["detail-type"] == "SageMaker Training Job State Change"
    assert last["resources"] == [job["TrainingJobArn"]]
    assert last["detail"]["HyperParameters"] == {"epochs": "3"}
    assert last["detail"]["Tags"] == {"use-case": "eta"}
    assert last["detail"]["TrainingEndTime"] == int(job["TrainingEndTime"].timestamp() * 1000)
    assert {one["detail"]["SecondaryStatus"] for one in seen} > {"Starting", "Training", "Uploading"}


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://checkpoints"}}, "CheckpointConfig"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}}, "InstanceCount"),
        ({"InputDataConfig": [channel("s3://a/b", InputMode="Pipe")]}, "Pipe"),
    ],
)
def test_what_the_laptop_cannot_do_is_refused(sagemaker: Any, training_request: Any, changes: Any, member: str) -> None:
    with pytest.raises(ClientError, match=member) as refusal:
        sagemaker.create_training_job(**training_request(**changes))
    assert refusal.value.response["Error"]["Code"] == "UnsupportedOperation"


def test_jobs_are_listed_by_name_status_and_time(sagemaker: Any, train: Any, name: str) -> None:
    train()
    train(TrainingJobName=f"{name}-bad", HyperParameters={"fail_with": "x"})

    found = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    failed = sagemaker.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=name, SortOrder="Descending", PaginationConfig={"PageSize": 1}
    )

    assert [one["TrainingJobName"] for one in found] == [name, f"{name}-bad"]
    assert [one["TrainingJobName"] for one in failed] == [f"{name}-bad"]
    assert [page["TrainingJobSummaries"][0]["TrainingJobName"] for page in pages] == [f"{name}-bad", name]


def _lines(log: Any, name: str) -> list[str]:
    try:
        lines: list[str] = log("/aws/sagemaker/TrainingJobs", f"{name}/")
    except ClientError:
        return []
    return lines


def _ended(sagemaker: Any, name: str) -> dict[str, Any] | None:
    job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    return job if job["TrainingJobStatus"] == "Stopped" else None
