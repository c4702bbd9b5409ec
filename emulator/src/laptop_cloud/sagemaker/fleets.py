"""The servers behind an endpoint at one time, and which of them answers a request."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker.capture import Capture, CaptureSpec
from laptop_cloud.sagemaker.errors import JobFailedError
from laptop_cloud.sagemaker.host import Root, log_output
from laptop_cloud.sagemaker.scopes import Actor
from laptop_cloud.sagemaker.servers import ModelServer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from laptop_cloud.sagemaker.models import ModelContainer
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope

_LOG_GROUP = "/aws/sagemaker/Endpoints/{endpoint}"
HEALTH_TIMEOUT_S = 120.0
"""How long a server may take to its first health check, unless its variant says otherwise."""
DRAIN_S = 65.0
"""Longer than any request may take."""


class NoSuchVariantError(Exception):
    """A request named a variant that the endpoint has not."""


@dataclass(frozen=True)
class Variant:
    """One production variant: one model on as many servers as it has instances.

    Args:
        name: of the variant.
        weight: its share of the requests, relative to the other variants'.
        image_uri: of the container.
        model_name: of the model.
        health_timeout_s: until the first health check must pass.
        servers: its instances.
        roots: the folders that they use.
        make_server: one instance more.
        created: when it was made.
    """

    name: str
    weight: float
    image_uri: str
    health_timeout_s: float
    servers: list[ModelServer]
    roots: list[Root]
    make_server: Callable[[], ModelServer]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def summary(self, *, weight: float | None = None, instances: int | None = None) -> dict[str, Any]:
        """As `DescribeEndpoint` shows it; with the weight and the instances that it is on its way to, if it is."""
        image = {"SpecifiedImage": self.image_uri, "ResolvedImage": self.image_uri, "ResolutionTime": self.created}
        return {
            "VariantName": self.name,
            "DeployedImages": [image],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight if weight is None else weight,
            "CurrentInstanceCount": len(self.servers),
            "DesiredInstanceCount": len(self.servers) if instances is None else instances,
        }

    def pick_server(self) -> ModelServer:
        """The server with the least to do; a healthy one if there is any."""
        return min(self.servers, key=lambda server: (not server.healthy, server.in_flight))


@dataclass(frozen=True)
class Fleet:
    """All servers that one endpoint configuration asks for.

    Args:
        config: the endpoint configuration, as `DescribeEndpointConfig` answered it.
        variants: the production variants.
        shadows: variants that get copies of requests, and whose answers nobody sees; one or none.
        capture: what keeps requests and answers, if any is kept.
    """

    config: Mapping[str, Any]
    variants: list[Variant]
    shadows: list[Variant]
    capture: Capture | None

    @property
    def config_name(self) -> str:
        """Of the endpoint configuration."""
        name: str = self.config["EndpointConfigName"]
        return name

    @property
    def everyone(self) -> list[Variant]:
        """All variants, whoever hears them."""
        return [*self.variants, *self.shadows]

    def find(self, name: str) -> Variant:
        """The production or shadow variant of that name.

        Raises:
            NoSuchVariantError: there is none.
        """
        for variant in self.everyone:
            if variant.name == name:
                return variant
        raise NoSuchVariantError(name)

    def reweigh(self, weights: Mapping[str, float]) -> Fleet:
        """The same servers, with other weights for the variants that are named."""
        return replace(
            self,
            variants=[replace(one, weight=weights.get(one.name, one.weight)) for one in self.variants],
            shadows=[replace(one, weight=weights.get(one.name, one.weight)) for one in self.shadows],
        )

    def pick(self, target: str | None) -> Variant:
        """The variant that answers a request: the one it asks for, or one drawn by weight.

        Raises:
            NoSuchVariantError: it asks for one that is not there.
        """
        if target is None:
            weights = [variant.weight for variant in self.variants]
            return random.choices(self.variants, weights if any(weights) else None)[0]  # noqa: S311 -- no secret
        for variant in self.variants:
            if variant.name == target:
                return variant
        raise NoSuchVariantError(target)

    def pick_shadow(self) -> Variant | None:
        """The variant that gets a copy of a request; None where there is none, or by chance.

        It gets as large a share of the requests as its weight is of the production variant's, and never more than all.
        """
        for shadow in self.shadows:
            production = self.variants[0].weight
            share = shadow.weight / production if production else 0.0
            return shadow if random.random() < share else None  # noqa: S311 -- no secret
        return None

    def bring_up(self) -> None:
        """Start all servers, and wait until they are healthy.

        Raises:
            JobFailedError: one is not, in SageMaker's words.
        """
        for variant in self.everyone:
            for server in variant.servers:
                _start(variant, server)

    def retire(self, *, drain_s: float = DRAIN_S) -> None:
        """End all servers after their last request, and remove their folders."""
        for variant in self.everyone:
            for server in variant.servers:
                server.drain(drain_s)
                server.stop()
            for root in variant.roots:
                root.remove()
        if self.capture is not None:
            self.capture.close()


@dataclass(frozen=True)
class Shift:
    """Traffic on its way from one fleet to another whose variants have the same names.

    Args:
        old: answers what the new one does not yet.
        new: has at least as many instances of a variant as are active.
        active: how many of them take requests; a variant gets that share of its requests.
    """

    old: Fleet
    new: Fleet
    active: Mapping[str, int]

    def pick(self, target: str | None) -> tuple[Fleet, Variant]:
        """The fleet and variant that answer a request; the variant has its active instances alone.

        Raises:
            NoSuchVariantError: it asks for one that is not there.
        """
        if all(self.active[variant.name] >= len(variant.servers) for variant in self.new.variants):
            return self.new, self.new.pick(target)
        variant = self.old.pick(target)
        # Chosen by name anew: variants may stand in another order.
        successor = self.new.pick(variant.name)
        active = self.active[variant.name]
        if random.random() < active / len(successor.servers):  # noqa: S311 -- no secret
            return self.new, replace(successor, servers=successor.servers[:active])
        return self.old, variant


def grow(variant: Variant, count: int, lock: threading.Lock) -> None:
    """Bring up as many servers as a variant misses; they answer when all are healthy.

    Args:
        variant: gets them.
        count: that it has then.
        lock: of the endpoint.

    Raises:
        JobFailedError: one is not healthy; none is left.
    """
    more = [variant.make_server() for _ in range(count - len(variant.servers))]
    start_all(variant, more)
    with lock:
        variant.servers.extend(more)


def shrink(variant: Variant, count: int, lock: threading.Lock) -> list[ModelServer]:
    """Take the servers that a variant has too many out of service; they are to be drained and stopped."""
    with lock:
        gone = variant.servers[count:]
        del variant.servers[count:]
    return gone


def start_all(variant: Variant, servers: list[ModelServer]) -> None:
    """Start servers of a variant, and wait until they are healthy.

    Raises:
        JobFailedError: one is not, in SageMaker's words; all are stopped.
    """
    try:
        for server in servers:
            _start(variant, server)
    except JobFailedError:
        for server in servers:
            server.stop()
        raise


def _start(variant: Variant, server: ModelServer) -> None:
    """Start one server, and wait until it is healthy.

    SageMaker starts all at once, on an instance each. Here a start takes a processor from those that answer requests.

    Raises:
        JobFailedError: it is not, in SageMaker's words.
    """
    server.start()
    if not server.wait_healthy(variant.health_timeout_s):
        raise JobFailedError(
            f"The primary container for production variant {variant.name} did not pass the ping health "
            "check. Please check CloudWatch logs for this endpoint."
        )


@dataclass(frozen=True)
class FleetBuilder:
    """Makes the servers that an endpoint configuration asks for, without starting them.

    Args:
        platform: shared.
        scope: of the endpoint.
        endpoint_name: of the endpoint.
    """

    platform: Platform
    scope: Scope
    endpoint_name: str

    def build(self, config: dict[str, Any], containers: dict[str, ModelContainer]) -> Fleet:
        """The fleet of a configuration.

        Args:
            config: as `DescribeEndpointConfig` answers it.
            containers: of its models, by name.

        Raises:
            JobFailedError: a model's artifacts cannot be fetched.
        """
        fleet = Fleet(config, [], [], self._make_capture(config, containers))
        try:
            for variants, specs in (
                (fleet.variants, config["ProductionVariants"]),
                (fleet.shadows, config.get("ShadowProductionVariants", [])),
            ):
                variants.extend(self._build_variant(spec, containers[spec["ModelName"]]) for spec in specs)
        except JobFailedError:
            fleet.retire()
            raise
        return fleet

    def _make_capture(self, config: dict[str, Any], containers: dict[str, ModelContainer]) -> Capture | None:
        spec = CaptureSpec.of(config)
        if spec is None:
            return None
        # SageMaker captures as the role of the model in production.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
        role = containers[config["ProductionVariants"][0]["ModelName"]].role
        store = partial(self.platform.storage.store_bytes, Actor(self.scope, role), key=spec.key)
        return Capture(spec, self.endpoint_name, store)

    def _build_variant(self, spec: dict[str, Any], container: ModelContainer) -> Variant:
        root = self.platform.host.make_root("endpoints", self.endpoint_name, f"{spec['VariantName']}-{_short_id()}")
        name = spec["VariantName"]
        variant = Variant(
            name,
            spec["InitialVariantWeight"],
            container.image.uri,
            spec.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_TIMEOUT_S),
            [],
            [root],
            partial(self._make_server, name, root, container),
        )
        (root / "model").mkdir()
        if container.data_uri:
            try:
                self.platform.storage.fetch_archive(
                    Actor(self.scope, container.role), container.data_uri, root / "model"
                )
            except JobFailedError:
                root.remove()
                raise
        for _ in range(spec["InitialInstanceCount"]):
            variant.servers.append(variant.make_server())
        return variant

    def _make_server(self, variant: str, root: Root, container: ModelContainer) -> ModelServer:
        identity = _short_id()
        log_group = _LOG_GROUP.format(endpoint=self.endpoint_name)
        start = partial(
            self.platform.host.start,
            container.image,
            ["serve"],
            actor=Actor(self.scope, container.role),
            root=root,
            on_output=log_output(self.scope, log_group, f"{variant}/{identity}"),
            isolated=container.isolated,
        )
        return ModelServer(
            f"{self.endpoint_name}-{variant}-{identity}",
            lambda port: start(environment={**container.environment, **port}),
        )


def _short_id() -> str:
    return uuid.uuid4().hex[:12]
