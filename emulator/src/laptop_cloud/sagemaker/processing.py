"""Processing jobs: a program of a container that reads and writes folders under `/opt/ml/processing`.

Layout and contract: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.errors import UnsupportedError, ValidationError
from laptop_cloud.sagemaker.host import log_output
from laptop_cloud.sagemaker.jobs import TEXT_LIMIT, Job, Jobs, algorithm_error
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import PROCESSING_JOB
from laptop_cloud.sagemaker.scopes import Actor

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.host import Root
    from laptop_cloud.sagemaker.programs import Outcome

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_DEFAULT_MAX_RUNTIME_S = 86_400
_CONTAINER_FOLDER = "/opt/ml/processing/"


class ProcessingJobs(Jobs):
    """The processing jobs, and the API operations on them."""

    kind = PROCESSING_JOB

    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        refuse("CreateProcessingJob", params, ["ProcessingResources.ClusterConfig.InstancePreferences"])
        if not params["AppSpecification"].get("ContainerEntrypoint"):
            raise UnsupportedError(
                "The laptop cloud builds no image and so knows no ENTRYPOINT: give "
                "AppSpecification.ContainerEntrypoint, the name of a program in the container folder."
            )
        if params["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
            raise UnsupportedError("The laptop cloud processes on one instance; InstanceCount must be 1.")
        for one in params.get("ProcessingInputs", []):
            _check_input(one)
        for one in params.get("ProcessingOutputConfig", {}).get("Outputs", []):
            _check_output(one)
        return {"StoppingCondition": {"MaxRuntimeInSeconds": _DEFAULT_MAX_RUNTIME_S}, **params}

    def _first_state(self) -> dict[str, Any]:
        return {"processing_job_status": "InProgress"}

    def _tell(self, job: Job) -> None:
        events.processing_job_changed(job.scope, self._describe(job), job.record.tags)

    def _enter_stopping(self, job: Job) -> None:
        self._change(job, processing_job_status="Stopping")

    def _work(self, job: Job, root: Root) -> None:
        application = job.spec["AppSpecification"]
        image = self._image(application["ImageUri"])
        self._prepare(job, root)
        self._platform.records(job.scope).change(job.record, processing_start_time=datetime.now(UTC))
        outcome = job.program.run(
            lambda: self._platform.host.start(
                image,
                [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])],
                actor=_act(job),
                root=root,
                environment={
                    "PROCESSING_JOB_NAME": job.name,
                    "PROCESSING_JOB_ARN": job.record.arn,
                    **job.spec.get("Environment", {}),
                },
                on_output=log_output(job.scope, _LOG_GROUP, f"{job.name}/algo-1-{int(time.time())}"),
                isolated=job.spec.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
            ),
            max_runtime_s=job.spec["StoppingCondition"]["MaxRuntimeInSeconds"],
        )
        self._finish(job, root, outcome)

    def _prepare(self, job: Job, root: Root) -> None:
        for folder in ("config", "output", "processing"):
            (root / folder).mkdir(parents=True)
        for name, content in _configuration(job).items():
            (root / f"config/{name}.json").write_text(json.dumps(content), encoding="utf-8")
        for one in job.spec.get("ProcessingInputs", []):
            source = one["S3Input"]
            target = Path(root.rebase(source["LocalPath"]))
            self._platform.storage.fetch(_act(job), source, target, whole_keys=True)
        for one in _outputs(job):
            Path(root.rebase(one["LocalPath"])).mkdir(parents=True, exist_ok=True)

    def _finish(self, job: Job, root: Root, outcome: Outcome) -> None:
        message = root.read_text("output/message", limit=TEXT_LIMIT)
        self._platform.records(job.scope).change(job.record, exit_message=message or None)
        if outcome.stopped or outcome.timed_out:
            self._end(job, "Stopped")
        elif outcome.exit_code != 0:
            raise algorithm_error(message, outcome.exit_code)
        else:
            for one in _outputs(job):
                self._platform.storage.store_folder(_act(job), Path(root.rebase(one["LocalPath"])), one["S3Uri"])
            self._end(job, "Completed")

    def _fail(self, job: Job, reason: str) -> None:
        self._end(job, "Failed", failure_reason=reason)

    def _end(self, job: Job, status: str, **live: Any) -> None:
        with job.lock:
            ended = "Stopped" if self._status(job) == "Stopping" and status == "Completed" else status
            self._change(job, processing_job_status=ended, processing_end_time=datetime.now(UTC), **live)


def _act(job: Job) -> Actor:
    return Actor(job.scope, job.spec["RoleArn"])


def _outputs(job: Job) -> list[dict[str, Any]]:
    return [one["S3Output"] for one in job.spec.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _configuration(job: Job) -> dict[str, Any]:
    # The request, as SageMaker leaves it for the program to read.
    job_config = {name: value for name, value in job.spec.items() if name != "Tags"}
    return {
        "processingjobconfig": {"ProcessingJobArn": job.record.arn, **job_config},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }


def _check_input(one: dict[str, Any]) -> None:
    name, source = one["InputName"], one.get("S3Input")
    if source is None or one.get("AppManaged"):
        raise UnsupportedError(f"Processing input {name}: the laptop cloud reads S3Input only.")
    if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
        raise UnsupportedError(f"Processing input {name}: the laptop cloud has S3InputMode File only.")
    _check_path(name, source)


def _check_output(one: dict[str, Any]) -> None:
    name, target = one["OutputName"], one.get("S3Output")
    if target is None or one.get("AppManaged"):
        raise UnsupportedError(f"Processing output {name}: the laptop cloud writes S3Output only.")
    if target["S3UploadMode"] != "EndOfJob":
        raise UnsupportedError(f"Processing output {name}: the laptop cloud has S3UploadMode EndOfJob only.")
    _check_path(name, target)


def _check_path(name: str, place: dict[str, Any]) -> None:
    path = place.get("LocalPath", "")
    if not path.startswith(_CONTAINER_FOLDER) or ".." in Path(path).parts:
        raise ValidationError(f"LocalPath of {name} must begin with {_CONTAINER_FOLDER}, not {path!r}.")
