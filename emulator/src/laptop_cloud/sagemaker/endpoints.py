"""Endpoints: their life, and the one place where a request is given to a server."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import wait_scale
from laptop_cloud.sagemaker import events
from laptop_cloud.sagemaker.deployments import Deployment, RollBackError, Watch, check_alarms
from laptop_cloud.sagemaker.errors import JobFailedError, UnsupportedError, ValidationError
from laptop_cloud.sagemaker.fleets import DRAIN_S, FleetBuilder, NoSuchVariantError, grow, shrink
from laptop_cloud.sagemaker.guardrails import Guardrails
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from laptop_cloud.own_time.timers import Timers
    from laptop_cloud.sagemaker.capture import Capture
    from laptop_cloud.sagemaker.fleets import Fleet, Shift, Variant
    from laptop_cloud.sagemaker.models import ModelContainer, Models
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope
    from laptop_cloud.sagemaker.servers import ModelServer

_log = logging.getLogger(__name__)


class NoSuchEndpointError(Exception):
    """No endpoint of that name is in service."""


@dataclass(frozen=True)
class Route:
    """Where one request goes.

    Args:
        config_name: of the endpoint configuration that the variant is of.
        variant: that answers.
        server: of the variant.
        shadow: the variant that gets a copy, with its server; None for most requests of most endpoints.
        capture: what keeps the request and its answers; None where it is not captured.
    """

    config_name: str
    variant: Variant
    server: ModelServer
    shadow: tuple[Variant, ModelServer] | None
    capture: Capture | None


@dataclass
class Endpoint:
    """One endpoint with the fleet that answers for it now.

    Args:
        scope: whose it is.
        name: of the endpoint.
        record: moto's.
        fleet: none until the first is healthy.
        shift: while requests go to two fleets.
        settled: set while nothing is being deployed.
        watch: of the deployment under guardrails that was the last.
    """

    scope: Scope
    name: str
    record: Any
    fleet: Fleet | None = None
    shift: Shift | None = None
    settled: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    watch: Watch | None = None


class Endpoints:
    """The endpoints, and the API operations on them.

    Args:
        platform: shared.
        models: what the endpoints serve.
        timers: of the cloud's own clock, if it has one.
    """

    def __init__(self, platform: Platform, models: Models, timers: Timers | None = None) -> None:
        self._platform = platform
        self._models = models
        self._timers = timers
        self._endpoints: dict[tuple[Scope, str], Endpoint] = {}

    # --- operations ---

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to deploy an endpoint."""
        config, containers = self._plan(scope, params["EndpointConfigName"])
        # Nothing to guard yet: it is kept for updates that say RetainDeploymentConfig. See
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html
        given = params.get("DeploymentConfig")
        if given is not None:
            Guardrails.of("CreateEndpoint", given).check(config, config)
        record = self._platform.records(scope).create(
            ENDPOINT, params, endpoint_status="Creating", last_deployment_config=given
        )
        endpoint = Endpoint(scope, params["EndpointName"], record)
        self._endpoints[scope, endpoint.name] = endpoint
        self._tell(endpoint)
        self._begin(endpoint, lambda: self._deploy(endpoint, config, containers))
        return {"EndpointArn": record.arn}

    def update(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to replace an endpoint's fleet by that of another configuration, without dropping a request."""
        endpoint = self._ready(scope, params["EndpointName"])
        config, containers = self._plan(scope, params["EndpointConfigName"])
        given = _deployment_config(endpoint, params)
        guardrails = None if given is None else Guardrails.of("UpdateEndpoint", given)
        with endpoint.lock:
            self._refuse_busy(endpoint)
            fleet = endpoint.fleet
            assert fleet is not None  # noqa: S101 -- in service, and nothing is being deployed
            if params.get("RetainAllVariantProperties"):
                excluded = params.get("ExcludeRetainedVariantProperties", [])
                config = _retain(config, fleet, {one["VariantPropertyType"] for one in excluded})
            if guardrails is not None:
                guardrails.check(fleet.config, config)
                check_alarms(scope, guardrails)
            endpoint.settled.clear()
        pending = {"EndpointConfigName": config["EndpointConfigName"], "StartTime": datetime.now(UTC)}
        remembered = {} if given is None else {"last_deployment_config": given}
        self._change(
            endpoint, endpoint_status="Updating", failure_reason=None, pending_deployment_summary=pending, **remembered
        )
        self._begin(endpoint, lambda: self._deploy(endpoint, config, containers, guardrails))
        return {"EndpointArn": endpoint.record.arn}

    def update_weights(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to give variants other weights, or one of them other instances."""
        endpoint = self._ready(scope, params["EndpointName"])
        desired = {one["VariantName"]: one for one in params["DesiredWeightsAndCapacities"]}
        with endpoint.lock:
            self._refuse_busy(endpoint)
            fleet = endpoint.fleet
            assert fleet is not None  # noqa: S101 -- in service, and nothing is being deployed
            _check_desired(fleet, desired)
            endpoint.settled.clear()
        self._change(endpoint, endpoint_status="Updating", failure_reason=None, **_summarise(fleet, desired))
        self._begin(endpoint, lambda: self._rescale(endpoint, fleet, desired))
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

    def all(self) -> list[Endpoint]:
        """Every endpoint of every account."""
        return [*self._endpoints.values()]

    # --- routing ---

    @contextmanager
    def route(self, scope: Scope, name: str, target_variant: str | None) -> Iterator[Route]:
        """Where one request goes; its server is held until the block ends, the shadow's until its copy is answered.

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
            fleet, variant = (
                (endpoint.fleet, endpoint.fleet.pick(target_variant))
                if endpoint.shift is None
                else endpoint.shift.pick(target_variant)
            )
            server = variant.pick_server()
            server.enter()
            shadow = fleet.pick_shadow()
            copied = None if shadow is None else (shadow, shadow.pick_server())
            if copied is not None:
                copied[1].enter()
            capture = fleet.capture
        try:
            kept = capture if capture is not None and capture.picks() else None
            yield Route(fleet.config_name, variant, server, copied, kept)
        finally:
            server.leave()

    # --- deploying ---

    def _plan(self, scope: Scope, config_name: str) -> tuple[dict[str, Any], dict[str, ModelContainer]]:
        config = self._models.describe_config(scope, {"EndpointConfigName": config_name})
        variants = (*config["ProductionVariants"], *config.get("ShadowProductionVariants", []))
        names = {variant["ModelName"] for variant in variants}
        return config, {name: self._models.container(scope, name) for name in names}

    def _deploy(
        self,
        endpoint: Endpoint,
        config: dict[str, Any],
        containers: dict[str, ModelContainer],
        guardrails: Guardrails | None = None,
    ) -> None:
        try:
            fleet = FleetBuilder(self._platform, endpoint.scope, endpoint.name).build(config, containers)
            self._replace(endpoint, fleet, guardrails)
        except JobFailedError as error:
            self._settle_failed(endpoint, str(error))

    def _replace(self, endpoint: Endpoint, fleet: Fleet, guardrails: Guardrails | None) -> None:
        """Bring a fleet up and let it answer in the place of what answered before, if anything did.

        Raises:
            JobFailedError: it is not healthy; it is gone again.
        """
        try:
            if guardrails is None:
                fleet.bring_up()
            elif not self._move(endpoint, fleet, guardrails):
                return
        except JobFailedError:
            fleet.retire(drain_s=0)
            raise
        if old := self._enter_service(endpoint, fleet):
            old.retire()

    def _move(self, endpoint: Endpoint, fleet: Fleet, guardrails: Guardrails) -> bool:
        """Give a new fleet the requests as guardrails say; whether it has kept them."""
        watch = endpoint.watch = Watch(endpoint.scope, guardrails, wait_scale(), self._timers)
        deployment = Deployment(endpoint, fleet, guardrails, watch, partial(self._show_progress, endpoint))
        try:
            deployment.run()
        except RollBackError as error:
            self._change(endpoint, endpoint_status="RollingBack", failure_reason=str(error))
            deployment.undo()
            self._settle_failed(endpoint, str(error))
            return False
        return True

    def _enter_service(self, endpoint: Endpoint, fleet: Fleet) -> Fleet | None:
        """Let a healthy fleet answer from now on; what answered before."""
        with endpoint.lock:
            old, endpoint.fleet, endpoint.shift = endpoint.fleet, fleet, None
        self._settle(
            endpoint,
            requested={"EndpointConfigName": fleet.config_name},
            endpoint_status="InService",
            failure_reason=None,
            pending_deployment_summary=None,
            data_capture_config=None if fleet.capture is None else fleet.capture.spec.summary(),
            **_summarise(fleet, {}),
        )
        return old

    def _rescale(self, endpoint: Endpoint, fleet: Fleet, desired: Mapping[str, dict[str, Any]]) -> None:
        """More servers before the weights change, fewer after."""
        wanted = {name: one["DesiredInstanceCount"] for name, one in desired.items() if "DesiredInstanceCount" in one}
        try:
            for name, count in wanted.items():
                grow(fleet.find(name), count, endpoint.lock)
        except JobFailedError as error:
            self._settle_failed(endpoint, str(error))
            return
        weights = {name: one["DesiredWeight"] for name, one in desired.items() if "DesiredWeight" in one}
        with endpoint.lock:
            endpoint.fleet = fleet.reweigh(weights)
        gone = [server for name, count in wanted.items() for server in shrink(fleet.find(name), count, endpoint.lock)]
        self._settle(endpoint, endpoint_status="InService", **_summarise(endpoint.fleet, {}))
        for server in gone:
            server.drain(DRAIN_S)
            server.stop()

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

    def _show_progress(self, endpoint: Endpoint, variants: list[dict[str, Any]]) -> None:
        records = self._platform.records(endpoint.scope)
        pending = {**endpoint.record.pending_deployment_summary, "ProductionVariants": variants}
        records.change(endpoint.record, pending_deployment_summary=pending)
        events.deployment_changed(endpoint.scope, records.describe(ENDPOINT, endpoint.record), endpoint.record.tags)

    def _settle_failed(self, endpoint: Endpoint, reason: str) -> None:
        with endpoint.lock:
            endpoint.shift = None
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


def _deployment_config(endpoint: Endpoint, params: dict[str, Any]) -> dict[str, Any] | None:
    """The guardrails of an update: those that it gives, or the last ones if it says so."""
    given: dict[str, Any] | None = params.get("DeploymentConfig")
    if not params.get("RetainDeploymentConfig"):
        return given
    if given is not None:
        raise UnsupportedError(
            "Which of DeploymentConfig and RetainDeploymentConfig prevails is not documented, and the laptop cloud "
            "does not guess: give one of them."
        )
    last: dict[str, Any] | None = endpoint.record.last_deployment_config
    return last


_RETAINED = {"DesiredWeight": "InitialVariantWeight", "DesiredInstanceCount": "InitialInstanceCount"}


def _retain(config: dict[str, Any], fleet: Fleet, excluded: set[str]) -> dict[str, Any]:
    """A new endpoint configuration with what its variants have now, where the fleet has one of that name.

    Data capture is no property of a variant and follows the new configuration, whether it is excluded or not:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VariantProperty.html
    """
    present = {
        variant.name: {"DesiredWeight": variant.weight, "DesiredInstanceCount": len(variant.servers)}
        for variant in fleet.everyone
    }

    def keep(variant: dict[str, Any]) -> dict[str, Any]:
        now = present.get(variant["VariantName"], {})
        return {**variant, **{_RETAINED[name]: value for name, value in now.items() if name not in excluded}}

    return {
        **config,
        **{
            kind: [keep(variant) for variant in config[kind]]
            for kind in ("ProductionVariants", "ShadowProductionVariants")
            if kind in config
        },
    }


def _check_desired(fleet: Fleet, desired: Mapping[str, dict[str, Any]]) -> None:
    """What `UpdateEndpointWeightsAndCapacities` may ask for.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpointWeightsAndCapacities.html
    """
    for name, one in desired.items():
        refuse("UpdateEndpointWeightsAndCapacities", one, ["ServerlessUpdateConfig"])
        try:
            fleet.find(name)
        except NoSuchVariantError as error:
            raise ValidationError(f'Could not find variant "{name}" of the endpoint.') from error
        if one.get("DesiredInstanceCount", 1) < 1:
            raise ValidationError(f'Variant "{name}" needs one instance at least.')
    if sum("DesiredInstanceCount" in one for one in desired.values()) > 1:
        raise ValidationError("The capacity of one variant can be updated at a time.")


def _summarise(fleet: Fleet, desired: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The variants as `DescribeEndpoint` shows them, on their way to what is desired."""

    def summarise(variants: list[Variant]) -> list[dict[str, Any]]:
        asked = [desired.get(variant.name, {}) for variant in variants]
        return [
            variant.summary(weight=one.get("DesiredWeight"), instances=one.get("DesiredInstanceCount"))
            for variant, one in zip(variants, asked, strict=True)
        ]

    return {
        "production_variants": summarise(fleet.variants),
        "shadow_production_variants": summarise(fleet.shadows) or None,
    }
