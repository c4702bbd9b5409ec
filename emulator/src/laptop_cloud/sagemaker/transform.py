"""Batch transform jobs: a container's `serve`, asked once for every mini-batch of the objects under a prefix.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.batches import BadObjectError, BatchSettings, read_batches
from laptop_cloud.sagemaker.errors import ApiError, JobFailedError, UnsupportedError
from laptop_cloud.sagemaker.fleets import HEALTH_TIMEOUT_S
from laptop_cloud.sagemaker.host import log_output
from laptop_cloud.sagemaker.jobs import Job, Jobs
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import TRANSFORM_JOB
from laptop_cloud.sagemaker.scopes import Actor
from laptop_cloud.sagemaker.servers import ModelServer, ReplyTimeoutError, ServerDownError

if TYPE_CHECKING:
    from pathlib import Path

    from laptop_cloud.sagemaker.host import Root
    from laptop_cloud.sagemaker.models import ModelContainer, Models
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_DEFAULT_TIMEOUT_S = 600
_DEFAULT_RETRIES = 3
"""Both: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ModelClientConfig.html"""
_RETRY_PAUSE_S = 0.5
_SEE_LOGS = "See job logs for more information"
_REFUSED = ("DataCaptureConfig", "ExperimentConfig")
_NO_PROCESSING = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
"""What `DataProcessing` says when it changes nothing."""


class _RefusedError(Exception):
    """The model did not transform an object; the job goes on with the others.

    Args:
        fault: whose it is, in SageMaker's word: `ClientError` or `AlgorithmError`.
        lines: what to log.
    """

    def __init__(self, fault: str, lines: list[str]) -> None:
        super().__init__(fault)
        self.fault = fault
        self.lines = lines


class TransformJobs(Jobs):
    """The batch transform jobs, and the API operations on them.

    Args:
        platform: shared.
        models: what the jobs ask.
    """

    kind = TRANSFORM_JOB
    order = "Descending"

    def __init__(self, platform: Platform, models: Models) -> None:
        super().__init__(platform)
        self._models = models
        self._servers: dict[tuple[Scope, str], ModelServer] = {}

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Accept a job and run it on a thread of its own; its model must be there."""
        self._models.describe(scope, {"ModelName": params["ModelName"]})
        return super().create(scope, params)

    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        refuse("CreateTransformJob", params, _REFUSED)
        for member, nothing in _NO_PROCESSING.items():
            if params.get("DataProcessing", {}).get(member, nothing) != nothing:
                raise UnsupportedError(
                    f"The laptop cloud does not support DataProcessing.{member} of sagemaker:CreateTransformJob."
                )
        if params["TransformResources"]["InstanceCount"] != 1:
            raise UnsupportedError("The laptop cloud transforms on one instance; InstanceCount must be 1.")
        kind = params["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"]
        if kind not in {"S3Prefix", "ManifestFile"}:
            raise UnsupportedError(f"The laptop cloud transforms S3Prefix and ManifestFile sources only, not {kind}.")
        BatchSettings.check(params)
        return params

    def _first_state(self) -> dict[str, Any]:
        return {"transform_job_status": "InProgress"}

    def _tell(self, job: Job) -> None:
        events.transform_job_changed(job.scope, self._describe(job), job.record.tags)

    def _enter_stopping(self, job: Job) -> None:
        self._change(job, transform_job_status="Stopping")

    def _interrupt(self, job: Job) -> None:
        server = self._servers.get((job.scope, job.name))
        if server is not None:
            server.stop()

    def _work(self, job: Job, root: Root) -> None:
        stream = f"{job.name}/i-{uuid.uuid4().hex[:17]}-{int(time.time())}"
        container = self._container(job)
        (root / "model").mkdir()
        if container.data_uri:
            self._platform.storage.fetch_archive(Actor(job.scope, container.role), container.data_uri, root / "model")
        source = job.spec["TransformInput"]["DataSource"]["S3DataSource"]
        # What a manifest names is laid out under its relative keys, and so is what becomes of it.
        self._platform.storage.fetch(Actor(job.scope, container.role), source, root / "input/data")
        with job.lock:
            # A stop that came before the server was there has not seen it.
            if self._status(job) != "Stopping":
                server = self._servers[job.scope, job.name] = self._make_server(job, root, container, stream)
                server.start()
                self._platform.records(job.scope).change(job.record, transform_start_time=datetime.now(UTC))
        try:
            faults = self._transform(job, root, stream)
        finally:
            self._interrupt(job)
            self._servers.pop((job.scope, job.name), None)
        self._finish(job, root, faults)

    def _container(self, job: Job) -> ModelContainer:
        try:
            return self._models.container(job.scope, job.spec["ModelName"])
        except ApiError as error:
            raise JobFailedError(f"ClientError: {error.message}") from error

    def _make_server(self, job: Job, root: Root, container: ModelContainer, stream: str) -> ModelServer:
        start = partial(
            self._platform.host.start,
            container.image,
            ["serve"],
            actor=Actor(job.scope, container.role),
            root=root,
            on_output=log_output(job.scope, _LOG_GROUP, stream),
            isolated=container.isolated,
        )
        environment = {
            **container.environment,
            **job.spec.get("Environment", {}),
            **BatchSettings.environment(job.spec),
        }
        timeout_s = job.spec.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", _DEFAULT_TIMEOUT_S)
        return ModelServer(
            f"transform-{job.name}", lambda port: start(environment={**environment, **port}), timeout_s=timeout_s
        )

    def _transform(self, job: Job, root: Root, stream: str) -> list[str]:
        """Ask the model about all objects, and leave an `.out` file for each that it could answer.

        Returns:
            Whose fault each of the others is.

        Raises:
            JobFailedError: there is no model to ask.
        """
        server = self._servers.get((job.scope, job.name))
        if server is None:
            return []
        if not server.wait_healthy(HEALTH_TIMEOUT_S) and self._status(job) != "Stopping":
            raise JobFailedError(
                "AlgorithmError: Model container failed to respond to ping; Ensure /ping endpoint is implemented and "
                "responds with an HTTP 200 status code"
            )
        settings = BatchSettings.of(job.spec, server.execution_parameters())
        write_log = log_output(job.scope, _LOG_GROUP, f"{stream}/data-log")
        write_log([_log_line(settings.describe())])
        faults = []
        source = root / "input/data"
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            name = file.relative_to(source).as_posix()
            try:
                answer = self._transform_object(job, server, file, settings)
            except _RefusedError as refusal:
                write_log([_log_line(f"{name}: {line}") for line in refusal.lines])
                faults.append(refusal.fault)
            else:
                target = root / f"output/data/{name}.out"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(answer)
            if self._status(job) == "Stopping":
                break
        return faults

    def _transform_object(self, job: Job, server: ModelServer, file: Path, settings: BatchSettings) -> bytes:
        given, wanted = job.spec["TransformInput"], job.spec["TransformOutput"]
        headers = {"Content-Type": given.get("ContentType", "application/octet-stream")}
        if "Accept" in wanted:
            headers["Accept"] = wanted["Accept"]
        retries = job.spec.get("ModelClientConfig", {}).get("InvocationsMaxRetries", _DEFAULT_RETRIES)
        try:
            batches = read_batches(file, given, settings)
        except BadObjectError as error:
            raise _RefusedError("ClientError", [f"ClientError: {error}"]) from error
        with ThreadPoolExecutor(settings.concurrent) as pool:
            answers = pool.map(lambda batch: self._ask(job, server, batch, headers, retries), batches)
            return b"".join(_assembled(answer, wanted.get("AssembleWith", "None")) for answer in answers)

    def _ask(self, job: Job, server: ModelServer, batch: bytes, headers: dict[str, str], retries: int) -> bytes:
        """The model's answer to one mini-batch; what is not the client's fault is tried again."""
        for left in range(retries, -1, -1):
            try:
                reply = server.invoke(batch, headers)
            except (ServerDownError, ReplyTimeoutError):
                refusal = _RefusedError("AlgorithmError", ["Unable to get response from algorithm"])
            else:
                if reply.status < HTTPStatus.BAD_REQUEST:
                    return reply.body
                client = reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
                fault = "ClientError" if client else "AlgorithmError"
                text = reply.body.decode(errors="replace").splitlines()
                refusal = _RefusedError(fault, [f"{fault}: {reply.status}", "Message:", *text])
                if client:
                    raise refusal
            if not left or self._status(job) == "Stopping":
                raise refusal
            time.sleep(_RETRY_PAUSE_S)
        raise AssertionError("unreachable")

    def _finish(self, job: Job, root: Root, faults: list[str]) -> None:
        with job.lock:
            # "Amazon SageMaker doesn't store the job's output":
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTransformJob.html
            if self._status(job) == "Stopping":
                self._end(job, "Stopped")
                return
        output = job.spec["TransformOutput"]
        self._platform.storage.store_folder(
            Actor(job.scope, self._container(job).role),
            root / "output/data",
            output["S3OutputPath"],
            key=output.get("KmsKeyId", ""),
        )
        if faults:
            raise JobFailedError(f"{faults[0]}: {_SEE_LOGS}")
        self._end(job, "Completed")

    def _fail(self, job: Job, reason: str) -> None:
        self._end(job, "Failed", failure_reason=reason)

    def _end(self, job: Job, status: str, **live: Any) -> None:
        with job.lock:
            ended = "Stopped" if self._status(job) == "Stopping" else status
            self._change(job, transform_job_status=ended, transform_end_time=datetime.now(UTC), **live)


def _assembled(answer: bytes, with_: str) -> bytes:
    return answer if with_ == "None" or answer.endswith(b"\n") else answer + b"\n"


def _log_line(text: str) -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}:[sagemaker logs]: {text}"
