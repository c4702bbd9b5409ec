"""Endpoints: their life, and the one place where a request is given to a server."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.errors import JobFailedError, ValidationError
from laptop_cloud.sagemaker.fleets import FleetBuilder
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from laptop_cloud.sagemaker.fleets import Fleet, Variant
    from laptop_cloud.sagemaker.models import ModelContainer, Models
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope
    from laptop_cloud.sagemaker.servers import ModelServer

_log = logging.getLogger(__name__)


class NoSuchEndpointError(Exception):
    """No endpoint of that name is in service."""


@dataclass
class Endpoint:
    """One endpoint with the fleet that answers for it now.

    Args:
        scope: whose it is.
        name: of the endpoint.
        record: moto's.
        fleet: none until the first is healthy.
        settled: set while nothing is being deployed.
    """

    scope: Scope
    name: str
    record: Any
    fleet: Fleet | None = None
    settled: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Endpoints:
    """The endpoints, and the API operations on them.

    Args:
        platform: shared.
        models: what the endpoints serve.
    """

    def __init__(self, platform: Platform, models: Models) -> None:
        self._platform = platform
        self._models = models
        self._endpoints: dict[tuple[Scope, str], Endpoint] = {}

    # --- operations ---

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to deploy an endpoint."""
        refuse("CreateEndpoint", params, ["DeploymentConfig"])
        config, containers = self._plan(scope, params["EndpointConfigName"])
        record = self._platform.records(scope).create(ENDPOINT, params, endpoint_status="Creating")
        endpoint = Endpoint(scope, params["EndpointName"], record)
        self._endpoints[scope, endpoint.name] = endpoint
        self._tell(endpoint)
        self._begin(endpoint, lambda: self._deploy(endpoint, config, containers))
        return {"EndpointArn": record.arn}

    def update(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to replace an endpoint's fleet by that of another configuration, without dropping a request."""
        refuse("UpdateEndpoint", params, ["DeploymentConfig", "RetainAllVariantProperties", "RetainDeploymentConfig"])
        endpoint = self._ready(scope, params["EndpointName"])
        config, containers = self._plan(scope, params["EndpointConfigName"])
        pending = {"EndpointConfigName": config["EndpointConfigName"], "StartTime": datetime.now(UTC)}
        with endpoint.lock:
            self._refuse_busy(endpoint)
            endpoint.settled.clear()
        self._change(endpoint, endpoint_status="Updating", failure_reason=None, pending_deployment_summary=pending)
        self._begin(endpoint, lambda: self._deploy(endpoint, config, containers))
        return {"EndpointArn": endpoint.record.arn}

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of an endpoint."""
        return self._platform.records(scope).describe_named(ENDPOINT, params["EndpointName"])

    def list_endpoints(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The endpoints of an account and region."""
        return self._platform.records(scope).list_page(ENDPOINT, "Endpoints", params, order="Descending")

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to end an endpoint; requests in flight are answered."""
        endpoint = self._ready(scope, params["EndpointName"], failed_too=True)
        with endpoint.lock:
            self._refuse_busy(endpoint)
            endpoint.settled.clear()
            fleet, endpoint.fleet = endpoint.fleet, None
        self._change(endpoint, endpoint_status="Deleting")
        self._begin(endpoint, lambda: self._remove(endpoint, fleet))
        return {}

    def wait(self, scope: Scope, name: str) -> dict[str, Any] | None:
        """Wait until nothing is being deployed, and describe the endpoint, or answer None when it is gone."""
        endpoint = self._endpoints.get((scope, name))
        if endpoint is None:
            return None
        endpoint.settled.wait()
        return self.describe(scope, {"EndpointName": name}) if (scope, name) in self._endpoints else None

    # --- routing ---

    @contextmanager
    def route(self, scope: Scope, name: str, target_variant: str | None) -> Iterator[tuple[Variant, ModelServer]]:
        """The variant and the server for one request, held until the block ends.

        Raises:
            NoSuchEndpointError: the endpoint does not exist or does not serve yet.
            NoSuchVariantError: the endpoint has no such variant.
        """
        endpoint = self._endpoints.get((scope, name))
        if endpoint is None:
            raise NoSuchEndpointError(name)
        # Under the lock that a swap takes: a fleet that is retired has no request that it does not know of.
        with endpoint.lock:
            if endpoint.fleet is None:
                raise NoSuchEndpointError(name)
            variant = endpoint.fleet.pick(target_variant)
            server = variant.pick_server()
            server.enter()
        try:
            yield variant, server
        finally:
            server.leave()

    # --- deploying ---

    def _plan(self, scope: Scope, config_name: str) -> tuple[dict[str, Any], dict[str, ModelContainer]]:
        config = self._models.describe_config(scope, {"EndpointConfigName": config_name})
        names = {variant["ModelName"] for variant in config["ProductionVariants"]}
        return config, {name: self._models.container(scope, name) for name in names}

    def _deploy(self, endpoint: Endpoint, config: dict[str, Any], containers: dict[str, ModelContainer]) -> None:
        try:
            fleet = self._bring_up(endpoint, config, containers)
        except JobFailedError as error:
            self._settle_failed(endpoint, str(error))
            return
        if old := self._enter_service(endpoint, fleet):
            old.retire()

    def _bring_up(self, endpoint: Endpoint, config: dict[str, Any], containers: dict[str, ModelContainer]) -> Fleet:
        fleet = FleetBuilder(self._platform, endpoint.scope, endpoint.name).build(config, containers)
        try:
            fleet.bring_up()
        except JobFailedError:
            fleet.retire(drain_s=0)
            raise
        return fleet

    def _enter_service(self, endpoint: Endpoint, fleet: Fleet) -> Fleet | None:
        """Let a healthy fleet answer from now on; what answered before."""
        with endpoint.lock:
            old, endpoint.fleet = endpoint.fleet, fleet
        self._settle(
            endpoint,
            requested={"EndpointConfigName": fleet.config_name},
            endpoint_status="InService",
            failure_reason=None,
            pending_deployment_summary=None,
            production_variants=[variant.summary() for variant in fleet.variants],
        )
        return old

    def _remove(self, endpoint: Endpoint, fleet: Fleet | None) -> None:
        if fleet is not None:
            fleet.retire()
        self._platform.records(endpoint.scope).remove(ENDPOINT, endpoint.name)
        del self._endpoints[endpoint.scope, endpoint.name]
        endpoint.settled.set()

    def _begin(self, endpoint: Endpoint, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 -- a fault of the laptop cloud's own must show in the endpoint's status
                _log.exception("endpoint %s of account %s", endpoint.name, endpoint.scope.account)
                self._settle_failed(
                    endpoint, "InternalServerError: We encountered an internal error. Please try again."
                )

        threading.Thread(target=run, name=f"endpoint-{endpoint.name}", daemon=True).start()

    def _ready(self, scope: Scope, name: str, *, failed_too: bool = False) -> Endpoint:
        status = self.describe(scope, {"EndpointName": name})["EndpointStatus"]
        endpoint = self._endpoints[scope, name]
        if status == "Failed" and not failed_too:
            raise ValidationError(f'Cannot update endpoint "{endpoint.record.arn}" in status Failed; delete it.')
        self._refuse_busy(endpoint)
        return endpoint

    def _refuse_busy(self, endpoint: Endpoint) -> None:
        if not endpoint.settled.is_set():
            raise ValidationError(f'Cannot update in-progress endpoint "{endpoint.record.arn}".')

    def _change(self, endpoint: Endpoint, **live: Any) -> None:
        self._platform.records(endpoint.scope).change(endpoint.record, **live)
        self._tell(endpoint)

    def _settle_failed(self, endpoint: Endpoint, reason: str) -> None:
        # "the status is InService but update operation fails, this provides the reason why it failed":
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_EndpointMetadata.html
        status = "Failed" if endpoint.fleet is None else "InService"
        self._settle(endpoint, endpoint_status=status, failure_reason=reason, pending_deployment_summary=None)

    def _settle(self, endpoint: Endpoint, *, requested: dict[str, Any] | None = None, **live: Any) -> None:
        self._platform.records(endpoint.scope).change(endpoint.record, requested=requested, **live)
        # Before the event: who hears that a deployment is over may begin the next.
        endpoint.settled.set()
        self._tell(endpoint)

    def _tell(self, endpoint: Endpoint) -> None:
        description = self._platform.records(endpoint.scope).describe(ENDPOINT, endpoint.record)
        events.endpoint_changed(endpoint.scope, description, endpoint.record.tags)
