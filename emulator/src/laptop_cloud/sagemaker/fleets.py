"""The servers behind an endpoint at one time, and which of them answers a request."""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker.errors import JobFailedError
from laptop_cloud.sagemaker.host import Root, log_output
from laptop_cloud.sagemaker.servers import ModelServer

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.models import ModelContainer
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope

_LOG_GROUP = "/aws/sagemaker/Endpoints/{endpoint}"
_HEALTH_TIMEOUT_S = 120.0
"""How long a server may take to its first health check, unless its variant says otherwise."""
_DRAIN_S = 65.0
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
        created: when it was made.
    """

    name: str
    weight: float
    image_uri: str
    health_timeout_s: float
    servers: list[ModelServer]
    roots: list[Root]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def summary(self) -> dict[str, Any]:
        """As `DescribeEndpoint` shows it."""
        image = {"SpecifiedImage": self.image_uri, "ResolvedImage": self.image_uri, "ResolutionTime": self.created}
        return {
            "VariantName": self.name,
            "DeployedImages": [image],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": len(self.servers),
            "DesiredInstanceCount": len(self.servers),
        }

    def pick_server(self) -> ModelServer:
        """The server with the least to do; a healthy one if there is any."""
        return min(self.servers, key=lambda server: (not server.healthy, server.in_flight))


@dataclass(frozen=True)
class Fleet:
    """All servers that one endpoint configuration asks for.

    Args:
        config_name: of the endpoint configuration.
        variants: the production variants.
    """

    config_name: str
    variants: list[Variant]

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

    def bring_up(self) -> None:
        """Start all servers and wait until they are healthy.

        Raises:
            JobFailedError: one is not, in SageMaker's words.
        """
        for variant in self.variants:
            for server in variant.servers:
                server.start()
        for variant in self.variants:
            deadline = time.monotonic() + variant.health_timeout_s
            for server in variant.servers:
                if not server.wait_healthy(deadline - time.monotonic()):
                    raise JobFailedError(
                        f"The primary container for production variant {variant.name} did not pass the ping health "
                        "check. Please check CloudWatch logs for this endpoint."
                    )

    def retire(self, *, drain_s: float = _DRAIN_S) -> None:
        """End all servers after their last request, and remove their folders."""
        for variant in self.variants:
            for server in variant.servers:
                server.drain(drain_s)
                server.stop()
            for root in variant.roots:
                root.remove()


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
        variants: list[Variant] = []
        fleet = Fleet(config["EndpointConfigName"], variants)
        specs = config["ProductionVariants"]
        try:
            variants.extend(self._build_variant(spec, containers[spec["ModelName"]]) for spec in specs)
        except JobFailedError:
            fleet.retire()
            raise
        return fleet

    def _build_variant(self, spec: dict[str, Any], container: ModelContainer) -> Variant:
        root = self.platform.host.make_root("endpoints", self.endpoint_name, f"{spec['VariantName']}-{_short_id()}")
        variant = Variant(
            spec["VariantName"],
            spec["InitialVariantWeight"],
            container.image.uri,
            spec.get("ContainerStartupHealthCheckTimeoutInSeconds", _HEALTH_TIMEOUT_S),
            [],
            [root],
        )
        (root / "model").mkdir()
        if container.data_uri:
            try:
                self.platform.storage.fetch_archive(self.scope, container.data_uri, root / "model")
            except JobFailedError:
                root.remove()
                raise
        for _ in range(spec["InitialInstanceCount"]):
            variant.servers.append(self._make_server(variant, root, container))
        return variant

    def _make_server(self, variant: Variant, root: Root, container: ModelContainer) -> ModelServer:
        identity = _short_id()
        log_group = _LOG_GROUP.format(endpoint=self.endpoint_name)
        start = partial(
            self.platform.host.start,
            container.image,
            ["serve"],
            scope=self.scope,
            root=root,
            on_output=log_output(self.scope, log_group, f"{variant.name}/{identity}"),
            isolated=container.isolated,
        )
        return ModelServer(
            f"{self.endpoint_name}-{variant.name}-{identity}",
            lambda port: start(environment={**container.environment, **port}),
        )


def _short_id() -> str:
    return uuid.uuid4().hex[:12]
