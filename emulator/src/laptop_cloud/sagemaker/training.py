"""Training jobs: a container's `train` in the folders that SageMaker gives it.

Layout and contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.errors import UnsupportedError, ValidationError
from laptop_cloud.sagemaker.host import log_output
from laptop_cloud.sagemaker.jobs import TEXT_LIMIT, Job, Jobs, algorithm_error
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import TRAINING_JOB
from laptop_cloud.sagemaker.scopes import Actor

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.host import Root
    from laptop_cloud.sagemaker.programs import Outcome

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_DEFAULT_MAX_RUNTIME_S = 86_400
_FOLDERS = ("input/config", "input/data", "model", "output/data", "code")
_REFUSED = (
    *("AlgorithmSpecification.AlgorithmName", "AlgorithmSpecification.TrainingImageConfig", "CheckpointConfig"),
    *("DebugRuleConfigurations", "ProfilerRuleConfigurations", "TensorBoardOutputConfig", "ServerlessJobConfig"),
    *("MlflowConfig", "ModelPackageConfig", "SessionChainingConfig", "RemoteDebugConfig.EnableRemoteDebug"),
    *("ResourceConfig.InstanceGroups", "ResourceConfig.KeepAlivePeriodInSeconds", "ResourceConfig.TrainingPlanArn"),
)


class TrainingJobs(Jobs):
    """The training jobs, and the API operations on them."""

    kind = TRAINING_JOB

    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        refuse("CreateTrainingJob", params, _REFUSED)
        for member in ("AlgorithmSpecification", "ResourceConfig"):
            if member not in params:
                raise ValidationError(f"{member} is required to create a training job.")
        if params["ResourceConfig"].get("InstanceCount", 1) != 1:
            raise UnsupportedError("The laptop cloud trains on one instance; InstanceCount must be 1.")
        if params["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
            raise UnsupportedError("The laptop cloud stores model artifacts as model.tar.gz only.")
        for channel in params.get("InputDataConfig", []):
            _refuse_channel(channel, params["AlgorithmSpecification"])
        _compile_metrics(params)
        return {"StoppingCondition": {"MaxRuntimeInSeconds": _DEFAULT_MAX_RUNTIME_S}, **params}

    def _first_state(self) -> dict[str, Any]:
        message = "Preparing the instances for training"
        return {
            "training_job_status": "InProgress",
            "secondary_status": "Starting",
            "model_artifacts": None,
            "secondary_status_transitions": [_transition("Starting", message, datetime.now(UTC))],
        }

    def _tell(self, job: Job) -> None:
        events.training_job_changed(job.scope, self._describe(job), job.record.tags)

    def _enter_stopping(self, job: Job) -> None:
        self._enter(job, "Stopping", "Stopping the training job", training_job_status="Stopping")

    def _enter(self, job: Job, secondary_status: str, message: str, **live: Any) -> None:
        now = datetime.now(UTC)
        with job.lock:
            *earlier, last = job.record.secondary_status_transitions
            transitions = [*earlier, {**last, "EndTime": now}, _transition(secondary_status, message, now)]
            if "training_end_time" in live:
                transitions[-1]["EndTime"] = now
            self._change(job, secondary_status=secondary_status, secondary_status_transitions=transitions, **live)

    def _work(self, job: Job, root: Root) -> None:
        image = self._image(job.spec["AlgorithmSpecification"]["TrainingImage"])
        self._enter(job, "Downloading", "Downloading input data", training_start_time=datetime.now(UTC))
        self._prepare(job, root)
        with job.lock:
            if self._status(job) != "Stopping":
                self._enter(job, "Training", "Training image download completed. Training in progress.")
        metrics = _Metrics(job.spec)
        write_log = log_output(job.scope, _LOG_GROUP, f"{job.name}/algo-1-{int(time.time())}")

        def on_output(lines: list[str]) -> None:
            write_log(lines)
            metrics.read(lines)

        outcome = job.program.run(
            lambda: self._platform.host.start(
                image,
                _command(job.spec),
                actor=_act(job),
                root=root,
                environment=_environment(job),
                on_output=on_output,
                isolated=job.spec.get("EnableNetworkIsolation", False),
            ),
            max_runtime_s=job.spec["StoppingCondition"].get("MaxRuntimeInSeconds", _DEFAULT_MAX_RUNTIME_S),
        )
        self._platform.records(job.scope).change(job.record, final_metric_data_list=metrics.final())
        self._finish(job, root, outcome)

    def _prepare(self, job: Job, root: Root) -> None:
        for folder in _FOLDERS:
            (root / folder).mkdir(parents=True)
        for name, content in _configuration(job.spec).items():
            (root / f"input/config/{name}.json").write_text(json.dumps(content), encoding="utf-8")
        for channel in job.spec.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            target = root / f"input/data/{channel['ChannelName']}"
            self._platform.storage.fetch(_act(job), source, target)

    def _finish(self, job: Job, root: Root, outcome: Outcome) -> None:
        if not outcome.started:
            self._end(job, "Stopped", "Stopped", "Training job stopped")
            return
        if outcome.exit_code != 0 and not outcome.stopped and not outcome.timed_out:
            raise algorithm_error(root.read_text("output/failure", limit=TEXT_LIMIT), outcome.exit_code)
        self._enter(job, "Uploading", "Uploading generated training model")
        prefix = f"{job.spec['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        self._platform.storage.store_archive(_act(job), root / "model", f"{prefix}/model.tar.gz")
        if any((root / "output/data").iterdir()):
            self._platform.storage.store_archive(_act(job), root / "output/data", f"{prefix}/output.tar.gz")
        artifacts = {"S3ModelArtifacts": f"{prefix}/model.tar.gz"}
        with job.lock:
            if outcome.timed_out:
                message = "Training job runtime exceeded MaxRuntimeInSeconds provided"
                self._end(job, "Stopped", "MaxRuntimeExceeded", message, artifacts)
            elif self._status(job) == "Stopping":
                self._end(job, "Stopped", "Stopped", "Training job stopped", artifacts)
            else:
                self._end(job, "Completed", "Completed", "Training job completed", artifacts)

    def _fail(self, job: Job, reason: str) -> None:
        self._platform.records(job.scope).change(job.record, failure_reason=reason)
        self._end(job, "Failed", "Failed", "Training job failed")

    def _end(
        self, job: Job, status: str, secondary_status: str, message: str, artifacts: dict[str, str] | None = None
    ) -> None:
        now = datetime.now(UTC)
        started = job.record.training_start_time
        # A job that ended before it began has trained no second, and no number says so.
        seconds = ceil((now - started).total_seconds()) if started else None
        self._enter(
            job,
            secondary_status,
            message,
            training_job_status=status,
            training_end_time=now,
            model_artifacts=artifacts,
            training_time_in_seconds=seconds,
            billable_time_in_seconds=seconds,
        )


class _Metrics:
    """Reads metrics out of a job's log, as its `MetricDefinitions` say; the last value of each is its final one."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._patterns = _compile_metrics(spec)
        self._last: dict[str, dict[str, Any]] = {}

    def read(self, lines: list[str]) -> None:
        for line in lines:
            for name, pattern in self._patterns.items():
                if match := pattern.search(line):
                    self._note(name, match[1])

    def _note(self, name: str, text: str) -> None:
        try:
            value = float(text)
        except ValueError:
            return
        self._last[name] = {"MetricName": name, "Value": value, "Timestamp": datetime.now(UTC)}

    def final(self) -> list[dict[str, Any]]:
        return list(self._last.values())


def _compile_metrics(spec: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    definitions = spec["AlgorithmSpecification"].get("MetricDefinitions", [])
    try:
        patterns = {one["Name"]: re.compile(one["Regex"]) for one in definitions}
    except re.error as error:
        raise ValidationError(f"Invalid regular expression in MetricDefinitions: {error}") from error
    if without_group := [name for name, pattern in patterns.items() if not pattern.groups]:
        raise ValidationError(f"Metric regex without a group that captures the value: {', '.join(without_group)}")
    return patterns


def _refuse_channel(channel: dict[str, Any], algorithm: dict[str, Any]) -> None:
    name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
    if source is None or source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
        raise UnsupportedError(f"Channel {name}: the laptop cloud reads S3Prefix and ManifestFile sources only.")
    # FastFile differs from File in when the bytes travel, not in what the program sees.
    if channel.get("InputMode", algorithm["TrainingInputMode"]) == "Pipe":
        raise UnsupportedError(f"Channel {name}: the laptop cloud has no Pipe input mode; use File.")
    for member in ("CompressionType", "RecordWrapperType"):
        if channel.get(member, "None") != "None":
            raise UnsupportedError(f"Channel {name}: the laptop cloud has no {member}.")
    if channel.get("ShuffleConfig"):
        raise UnsupportedError(f"Channel {name}: the laptop cloud has no ShuffleConfig.")


def _act(job: Job) -> Actor:
    return Actor(job.scope, job.spec["RoleArn"])


def _command(spec: dict[str, Any]) -> list[str]:
    algorithm = spec["AlgorithmSpecification"]
    return [*algorithm.get("ContainerEntrypoint", ["train"]), *algorithm.get("ContainerArguments", [])]


def _environment(job: Job) -> dict[str, str]:
    return {
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.record.arn,
        **job.spec.get("Environment", {}),
    }


def _configuration(spec: dict[str, Any]) -> dict[str, Any]:
    instance_type = spec["ResourceConfig"].get("InstanceType", "")
    mode = spec["AlgorithmSpecification"]["TrainingInputMode"]
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": "None",
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in spec.get("InputDataConfig", [])
    }
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": ["algo-1"]}
    resources = {
        "current_host": "algo-1",
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
    return {
        "hyperparameters": spec.get("HyperParameters", {}),
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }


def _transition(status: str, message: str, start: datetime) -> dict[str, Any]:
    return {"Status": status, "StartTime": start, "StatusMessage": message}
