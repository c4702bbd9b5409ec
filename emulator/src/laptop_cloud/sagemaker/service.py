"""SageMaker's API: which operations there are, and their two faces, HTTP and in-process calls."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from laptop_cloud import ministack_seams
from laptop_cloud.fault_injection import FaultFileError
from laptop_cloud.policies import find_refusal
from laptop_cloud.sagemaker import invocations
from laptop_cloud.sagemaker.errors import ApiError, UnsupportedError
from laptop_cloud.sagemaker.permissions import list_permissions
from laptop_cloud.sagemaker.scopes import Scope
from laptop_cloud.sagemaker.shapes import render_answer, service_model, validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.fault_injection import InjectedFaults
    from laptop_cloud.sagemaker.cards import Cards
    from laptop_cloud.sagemaker.endpoints import Endpoints
    from laptop_cloud.sagemaker.models import Models
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.processing import ProcessingJobs
    from laptop_cloud.sagemaker.registry import Registry
    from laptop_cloud.sagemaker.training import TrainingJobs
    from laptop_cloud.sagemaker.transform import TransformJobs

    Operation = Callable[[Scope, dict[str, Any]], dict[str, Any]]
    Answer = tuple[int, dict[str, str], bytes]

_log = logging.getLogger(__name__)

_TARGET = "SageMaker."
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_THREADS = 64
"""Each invocation holds one while its model computes."""


@dataclass(frozen=True)
class AllJobs:
    """The jobs of every kind."""

    training: TrainingJobs
    processing: ProcessingJobs
    transform: TransformJobs


class Service:
    """All operations of the laptop's SageMaker.

    They run on threads of their own: a model that thinks, or an object that is looked up in S3, must not hold up the
    event loop that serves all of the cloud.
    """

    def __init__(
        self,
        platform: Platform,
        faults: InjectedFaults,
        jobs: AllJobs,
        registry: Registry,
        cards: Cards,
        models: Models,
        endpoints: Endpoints,
    ) -> None:
        self.jobs = jobs
        self.endpoints = endpoints
        self._platform = platform
        self._faults = faults
        self._copies = invocations.Copies()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sagemaker")
        self._operations: dict[str, Operation] = {
            "CreateTrainingJob": jobs.training.create,
            "DescribeTrainingJob": jobs.training.describe,
            "ListTrainingJobs": jobs.training.list_jobs,
            "StopTrainingJob": jobs.training.stop,
            "CreateProcessingJob": jobs.processing.create,
            "DescribeProcessingJob": jobs.processing.describe,
            "ListProcessingJobs": jobs.processing.list_jobs,
            "StopProcessingJob": jobs.processing.stop,
            "CreateTransformJob": jobs.transform.create,
            "DescribeTransformJob": jobs.transform.describe,
            "ListTransformJobs": jobs.transform.list_jobs,
            "StopTransformJob": jobs.transform.stop,
            "CreateModelPackageGroup": registry.create_group,
            "DescribeModelPackageGroup": registry.describe_group,
            "ListModelPackageGroups": registry.list_groups,
            "DeleteModelPackageGroup": registry.delete_group,
            "PutModelPackageGroupPolicy": registry.policies.put,
            "GetModelPackageGroupPolicy": registry.policies.get,
            "DeleteModelPackageGroupPolicy": registry.policies.delete,
            "CreateModelPackage": registry.create,
            "DescribeModelPackage": registry.describe,
            "ListModelPackages": registry.list_packages,
            "UpdateModelPackage": registry.update,
            "DeleteModelPackage": registry.delete,
            "CreateModelCard": cards.create,
            "DescribeModelCard": cards.describe,
            "ListModelCards": cards.list_cards,
            "ListModelCardVersions": cards.list_versions,
            "UpdateModelCard": cards.update,
            "DeleteModelCard": cards.delete,
            "CreateModel": models.create,
            "DescribeModel": models.describe,
            "ListModels": models.list_models,
            "DeleteModel": models.delete,
            "CreateEndpointConfig": models.create_config,
            "DescribeEndpointConfig": models.describe_config,
            "ListEndpointConfigs": models.list_configs,
            "DeleteEndpointConfig": models.delete_config,
            "CreateEndpoint": endpoints.create,
            "DescribeEndpoint": endpoints.describe,
            "ListEndpoints": endpoints.list_endpoints,
            "UpdateEndpoint": endpoints.update,
            "UpdateEndpointWeightsAndCapacities": endpoints.update_weights,
            "DeleteEndpoint": endpoints.delete,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def call(self, scope: Scope, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation.

        Returns:
            Its answer and perhaps more; `shapes.render_answer` cuts it to what the client may see.

        Raises:
            ApiError: the operation is not there, the request is malformed, it cannot be done, or it fails on purpose.
        """
        run = self._operations.get(operation)
        if run is None:
            # Lists too: AWS answers an empty one, and here it would tell a program that it may go on to make the first.
            known = operation in service_model().operation_names
            raise UnsupportedError(
                f"The laptop cloud has no sagemaker:{operation}"
                + (f"; it has {', '.join(sorted(self._operations))}." if known else ", and neither has AWS.")
            )
        self._fail_on_purpose(operation)
        validate(operation, params)
        return run(scope, params)

    async def handle(
        self, _method: str, path: str, headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
    ) -> Answer:
        """Serve one HTTP request, of SageMaker or of its runtime; both sign as `sagemaker`."""
        scope = Scope(ministack_seams.current_account(), ministack_seams.current_region())
        target = headers.get("x-amz-target", "")
        endpoint = invocations.endpoint_in(path)
        operation = "InvokeEndpoint" if endpoint is not None else target.removeprefix(_TARGET)
        if refused := _refuse(
            scope, headers, operation, {"EndpointName": endpoint} if endpoint else ministack_seams.read_request(body)
        ):
            return refused
        loop = asyncio.get_running_loop()
        if target.startswith(_TARGET):
            return await loop.run_in_executor(self._threads, self._serve, scope, operation, body)
        if endpoint is not None:
            return await loop.run_in_executor(
                self._threads, invocations.invoke, self.endpoints, self._copies, scope, endpoint, headers, body
            )
        return _render_error(UnsupportedError(f"The laptop cloud's SageMaker serves no {path}."))

    def close(self) -> None:
        """Take no more requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._copies.close()

    def _serve(self, scope: Scope, operation: str, body: bytes) -> Answer:
        try:
            params = json.loads(body or b"{}")
            answer = render_answer(operation, self.call(scope, operation, params))
        except ApiError as error:
            return _render_error(error)
        except json.JSONDecodeError as error:
            return _render_error(ApiError("SerializationException", f"Request body is not JSON: {error}"))
        except Exception as error:  # noqa: BLE001 -- the client must get an answer, the log the cause
            _log.exception("sagemaker:%s of account %s", operation, scope.account)
            return _render_error(ApiError("InternalFailure", f"The laptop cloud failed: {error!r}", status=500))
        return 200, dict(_JSON), json.dumps(answer).encode() if answer else b""

    def _fail_on_purpose(self, operation: str) -> None:
        try:
            fault = self._faults.find(operation)
        except FaultFileError as error:
            raise ApiError("InternalFailure", str(error), status=500) from error
        if fault is not None:
            raise ApiError(fault.code, fault.message, status=fault.status)

    # --- tags ---

    def _add_tags(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        tags = self._platform.records(scope).tagged(params["ResourceArn"])
        merged = {tag["Key"]: tag["Value"] for tag in [*tags, *params["Tags"]]}
        tags[:] = [{"Key": key, "Value": value} for key, value in merged.items()]
        return {"Tags": tags}

    def _list_tags(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._platform.records(scope).tagged(params["ResourceArn"])}

    def _delete_tags(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        tags = self._platform.records(scope).tagged(params["ResourceArn"])
        tags[:] = [tag for tag in tags if tag["Key"] not in params["TagKeys"]]
        return {}


def _refuse(scope: Scope, headers: dict[str, str], operation: str, params: dict[str, Any]) -> Answer | None:
    """The answer to somebody whose role does not let them do this; None where it does."""
    for action, resource, keys in list_permissions(scope, operation, params):
        if (why := find_refusal(headers, action, resource, keys)) is not None:
            return _render_error(ApiError("AccessDeniedException", why))
    return None


def _render_error(error: ApiError) -> Answer:
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return error.status, {**_JSON, "x-amzn-ErrorType": error.code}, body
