"""Processing jobs as SageMaker runs them, with a container's own `evaluate`."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from laptop_cloud.sagemaker.scopes import Actor, Scope
from laptop_cloud.sagemaker.storage import Storage

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_reads_computes_and_writes(process: Any, put: Any, get: Any, name: str, bucket: str) -> None:
    put(f"numbers/{name}/a.txt", "1 2")
    prefix = put(f"numbers/{name}/b.txt", "3.5").removesuffix("b.txt")

    job = process(prefix)

    assert job["ProcessingJobStatus"] == "Completed"
    assert json.loads(get(f"s3://{bucket}/sums/{name}/sum.json")) == {"sum": 6.5, "job": name}
    assert job["ExitMessage"] == "added 3 numbers"
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}


def test_a_manifest_names_the_inputs(
    process: Any, processing_request: Any, put: Any, get: Any, name: str, bucket: str
) -> None:
    put(f"numbers/{name}/a", "1")
    put(f"numbers/{name}/b", "2")
    manifest = put(f"manifests/{name}.json", json.dumps([{"prefix": f"s3://{bucket}/numbers/{name}/"}, "b"]))
    (only,) = processing_request(manifest)["ProcessingInputs"]
    only["S3Input"]["S3DataType"] = "ManifestFile"

    process(manifest, ProcessingInputs=[only])

    assert json.loads(get(f"s3://{bucket}/sums/{name}/sum.json"))["sum"] == 2


def test_what_a_manifest_names_is_laid_out_in_either_way_that_was_seen(
    put: Any, name: str, bucket: str, tmp_path: Path, cloud: Any
) -> None:
    """AWS documents none: training jobs here get the one, processing jobs the other."""
    put(f"numbers/{name}/b", "2")
    manifest = put(f"manifests/{name}.json", json.dumps([{"prefix": f"s3://{bucket}/numbers/{name}/"}, "b"]))
    storage, actor = Storage(cloud.endpoint_url), Actor(Scope(cloud.account, cloud.region), "")

    for whole_keys in (False, True):
        storage.fetch_manifest(actor, manifest, tmp_path / str(whole_keys), whole_keys=whole_keys)

    laid_out = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(laid_out) == ["False/b", f"True/numbers/{name}/b"]


def test_a_failed_program_gives_its_own_reason_and_no_output(
    process: Any, put: Any, client: Any, name: str, bucket: str
) -> None:
    job = process(put(f"numbers/{name}", "-1"))

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: negative numbers, exit code: 3"
    assert job["ExitMessage"] == "negative numbers"
    assert "Contents" not in client("s3").list_objects_v2(Bucket=bucket, Prefix=f"sums/{name}")


def test_input_that_is_not_there_fails_the_job(process: Any, bucket: str) -> None:
    job = process(f"s3://{bucket}/nothing/here")

    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_a_job_can_be_stopped(
    sagemaker: Any, processing_request: Any, put: Any, eventually: Any, log: Any, name: str
) -> None:
    request = processing_request(put(f"numbers/{name}", "1"), Environment={"SLEEP_S": "60"})
    sagemaker.create_processing_job(**request)
    eventually(lambda: _sleeps(log, name))

    sagemaker.stop_processing_job(ProcessingJobName=name)

    eventually(lambda: sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped")


def test_a_job_that_runs_too_long_is_stopped(process: Any, put: Any, name: str) -> None:
    limits = {"StoppingCondition": {"MaxRuntimeInSeconds": 1}, "Environment": {"SLEEP_S": "60"}}

    assert process(put(f"numbers/{name}", "1"), **limits)["ProcessingJobStatus"] == "Stopped"


def test_the_end_of_a_job_is_an_event(process: Any, put: Any, watch: Any, name: str) -> None:
    queue = watch({"source": ["aws.sagemaker"], "detail": {"ProcessingJobStatus": ["Completed"]}})

    job = process(put(f"numbers/{name}", "1"))

    event = queue.receive_json()
    assert event["detail-type"] == "SageMaker Processing Job State Change"
    assert event["resources"] == [job["ProcessingJobArn"]]
    assert event["detail"]["ProcessingEndTime"] == int(job["ProcessingEndTime"].timestamp() * 1000)


def test_local_paths_must_be_where_sagemaker_has_them(sagemaker: Any, processing_request: Any) -> None:
    request = copy.deepcopy(processing_request("s3://a/b"))
    request["ProcessingInputs"][0]["S3Input"]["LocalPath"] = "/etc"

    with pytest.raises(ClientError, match="must begin with /opt/ml/processing/"):
        sagemaker.create_processing_job(**request)


def test_an_entry_point_must_be_given_because_no_image_is_built(
    sagemaker: Any, processing_request: Any, image: str
) -> None:
    with pytest.raises(ClientError, match=r"give AppSpecification\.ContainerEntrypoint"):
        sagemaker.create_processing_job(**processing_request("s3://a/b", AppSpecification={"ImageUri": image}))


def _sleeps(log: Any, name: str) -> bool:
    try:
        return "sleeping" in log("/aws/sagemaker/ProcessingJobs", f"{name}/")
    except ClientError:
        return False
