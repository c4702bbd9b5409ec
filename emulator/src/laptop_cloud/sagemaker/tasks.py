"""SageMaker in Step Functions: the optimized integrations and those of the AWS SDK.

Optimized ones: https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
Error names of both come from AWS's Java SDKs: an error that SageMaker's model declares is named after it
(`SageMaker.ResourceInUseException`), all others after the service (`SageMaker.AmazonSageMakerException` in optimized
integrations, `SageMaker.SageMakerException` in those of the SDK).
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from laptop_cloud import ministack_seams
from laptop_cloud.ministack_seams import Seam
from laptop_cloud.sagemaker.errors import ApiError, UnsupportedError
from laptop_cloud.sagemaker.scopes import current_scope
from laptop_cloud.sagemaker.shapes import epoch_millis, iso_instant, render_answer, service_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from laptop_cloud.sagemaker.jobs import Jobs
    from laptop_cloud.sagemaker.service import Service

_OPTIMIZED = "arn:aws:states:::sagemaker:"
_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
_REQUEST_RESPONSE = ("createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint")


class _Cancellations:
    """Which jobs to stop when an execution is stopped.

    Step Functions tries to cancel what a `.sync` task waits for:
    https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
    """

    def __init__(self) -> None:
        self._current: ContextVar[str] = ContextVar("execution", default="")
        self._pending: dict[str, list[Callable[[], object]]] = {}
        ministack_seams.wrap(Seam.EXECUTE_TASK, self._know_execution)
        ministack_seams.wrap(Seam.EXECUTION_STATUS, self._watch_status)

    @contextmanager
    def on_abort(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Call `cancel` when the current execution is stopped or times out before the block ends."""
        pending = self._pending.setdefault(self._current.get(), [])
        pending.append(cancel)
        try:
            yield
        finally:
            pending.remove(cancel)

    def _know_execution(self, execute_task: Callable[..., Any]) -> Callable[..., Any]:
        def execute(state: Any, task_input: Any, execution: dict[str, Any] | None, *rest: Any) -> Any:
            token = self._current.set((execution or {}).get("executionArn", ""))
            try:
                return execute_task(state, task_input, execution, *rest)
            finally:
                self._current.reset(token)

        return execute

    def _watch_status(self, tell: Callable[..., Any]) -> Callable[..., Any]:
        def watch(execution: dict[str, Any]) -> Any:
            if execution["status"] in {"ABORTED", "TIMED_OUT"}:
                for cancel in list(self._pending.get(execution["executionArn"], [])):
                    # A job that has ended meanwhile is no fault.
                    with suppress(ApiError):
                        cancel()
            return tell(execution)

        return watch


def install_tasks(service: Service) -> None:
    """Let Task states call SageMaker."""
    cancellations = _Cancellations()
    jobs: dict[str, Jobs] = {
        "createTrainingJob": service.jobs.training,
        "createProcessingJob": service.jobs.processing,
        "createTransformJob": service.jobs.transform,
    }
    for action in (*_REQUEST_RESPONSE, *jobs):
        run = partial(_run_optimized, service, cancellations, jobs.get(action))
        ministack_seams.register_task_integration(_OPTIMIZED + action, run)
    ministack_seams.register_task_integration(_SDK, partial(_run_sdk, service))


def _run_optimized(
    service: Service, cancellations: _Cancellations, jobs: Jobs | None, resource: str, params: dict[str, Any]
) -> Any:
    action, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
    scope = current_scope()
    operation = action[0].upper() + action[1:]
    # The table finds an integration by its beginning: createModel for createModelPackage, say.
    known = action in _REQUEST_RESPONSE or (jobs is not None and action == f"create{jobs.kind.prefix}")
    if not known or (pattern and (jobs is None or pattern != "sync")):
        raise ministack_seams.task_error("States.Runtime", f"Step Functions has no integration {resource}.")
    try:
        answer = service.call(scope, operation, params)
    except ApiError as error:
        raise _as_task_error(error, operation, "AmazonSageMakerException") from error
    if jobs is None or not pattern:
        return render_answer(operation, answer, epoch_millis)
    prefix = jobs.kind.prefix
    name = params[jobs.kind.name_member]
    with cancellations.on_abort(lambda: jobs.stop(scope, {jobs.kind.name_member: name})):
        ended = jobs.wait(scope, name)
    description = render_answer(f"Describe{prefix}", ended, epoch_millis)
    if description[f"{prefix}Status"] != "Completed":
        raise ministack_seams.task_error("States.TaskFailed", json.dumps(description))
    return description


def _run_sdk(service: Service, resource: str, params: dict[str, Any]) -> Any:
    action = resource.removeprefix(_SDK)
    operation = action[0].upper() + action[1:]
    try:
        return render_answer(operation, service.call(current_scope(), operation, params), iso_instant)
    except ApiError as error:
        raise _as_task_error(error, operation, "SageMakerException") from error


def _as_task_error(error: ApiError, operation: str, general: str) -> Exception:
    if isinstance(error, UnsupportedError):
        # Not an answer of SageMaker, so not one that a Retry or Catch for SageMaker's errors may take for one.
        return ministack_seams.task_error("States.Runtime", error.message)
    declared = {shape.name for shape in service_model().operation_model(operation).error_shapes}
    name = error.code.removesuffix("Exception") + "Exception" if error.code in declared else general
    cause = f"{error.message} (Service: SageMaker, Status Code: {error.status}, Error Code: {error.code})"
    return ministack_seams.task_error(f"SageMaker.{name}", cause)
