"""Models: which container and which artifacts; and endpoint configurations: which models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from laptop_cloud.sagemaker.errors import UnsupportedError, ValidationError
from laptop_cloud.sagemaker.images import UnknownImageError
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.records import ENDPOINT_CONFIG, MODEL
from laptop_cloud.sagemaker.scopes import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laptop_cloud.sagemaker.images import ContainerImage
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.registry import Registry
    from laptop_cloud.sagemaker.scopes import Scope

_REFUSED_CONTAINER = (
    *("ImageConfig", "MultiModelConfig", "AdditionalModelDataSources", "InferenceSpecificationName"),
    "ContainerMetricsConfig",
)
_REFUSED_VARIANT = (
    *("ServerlessConfig", "AcceleratorType", "CoreDumpConfig", "ManagedInstanceScaling", "RoutingConfig"),
    *("InferenceAmiVersion", "EnableSSMAccess", "InstancePools", "CapacityReservationConfig"),
)
_REFUSED_CONFIG = (
    *("AsyncInferenceConfig", "ExplainerConfig"),
    "MetricsConfig",
)
MOST_VARIANTS = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html"""


@dataclass(frozen=True)
class ModelContainer:
    """What a server of a model needs.

    Args:
        image: its files.
        data_uri: its artifacts, a `.tar.gz` object, if it has any.
        environment: given with the model.
        role: that the container acts as.
        isolated: network isolation.
    """

    image: ContainerImage
    data_uri: str | None
    environment: Mapping[str, str]
    role: str
    isolated: bool


class Models:
    """The models and the endpoint configurations, and the API operations on them.

    Args:
        platform: shared.
        registry: where a model may come from.
    """

    def __init__(self, platform: Platform, registry: Registry) -> None:
        self._platform = platform
        self._registry = registry

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Register a model, after checking that its image and artifacts exist, as SageMaker does."""
        refuse("CreateModel", params, ["InferenceExecutionConfig"])
        self._check(scope, self._container(scope, params))
        record = self._platform.records(scope).create(MODEL, params)
        return {"ModelArn": record.arn}

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a model."""
        return self._platform.records(scope).describe_named(MODEL, params["ModelName"])

    def list_models(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The models of an account and region."""
        return self._platform.records(scope).list_page(MODEL, "Models", params, order="Descending")

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Forget a model; servers that run it go on."""
        self._platform.records(scope).remove(MODEL, params["ModelName"])
        return {}

    def create_config(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Register an endpoint configuration."""
        refuse("CreateEndpointConfig", params, _REFUSED_CONFIG)
        production, shadows = params["ProductionVariants"], params.get("ShadowProductionVariants", [])
        _check_together(production, shadows)
        for variant in (*production, *shadows):
            refuse("CreateEndpointConfig", variant, _REFUSED_VARIANT)
            if "ModelName" not in variant or "InstanceType" not in variant:
                raise ValidationError(
                    f"ProductionVariant {variant['VariantName']} needs ModelName and InstanceType: the laptop cloud "
                    "has neither inference components nor instance pools."
                )
            self.describe(scope, {"ModelName": variant["ModelName"]})
        defaults = {"InitialInstanceCount": 1, "InitialVariantWeight": 1.0}
        spec = {**params, "ProductionVariants": [{**defaults, **variant} for variant in production]}
        if shadows:
            spec["ShadowProductionVariants"] = [{**defaults, **variant} for variant in shadows]
        return {"EndpointConfigArn": self._platform.records(scope).create(ENDPOINT_CONFIG, spec).arn}

    def describe_config(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of an endpoint configuration."""
        return self._platform.records(scope).describe_named(ENDPOINT_CONFIG, params["EndpointConfigName"])

    def list_configs(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The endpoint configurations of an account and region."""
        return self._platform.records(scope).list_page(ENDPOINT_CONFIG, "EndpointConfigs", params, order="Descending")

    def delete_config(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Forget an endpoint configuration; an endpoint that uses it goes on."""
        self._platform.records(scope).remove(ENDPOINT_CONFIG, params["EndpointConfigName"])
        return {}

    def container(self, scope: Scope, model_name: str) -> ModelContainer:
        """What a server of a model needs.

        Raises:
            ValidationError: no such model, or its image has left the assemblies.
        """
        return self._container(scope, self.describe(scope, {"ModelName": model_name}))

    def _container(self, scope: Scope, model: dict[str, Any]) -> ModelContainer:
        given = self._one_definition(model)
        definition = given
        if package := given.get("ModelPackageName"):
            packaged = self._registry.deployable_container(scope, package)
            # What the model says beside the package is added to what the package says.
            environment = {**packaged.get("Environment", {}), **given.get("Environment", {})}
            definition = {**packaged, "Environment": environment}
        if "Image" not in definition:
            raise ValidationError("A model container needs Image or ModelPackageName.")
        try:
            image = self._platform.images.find(definition["Image"])
        except UnknownImageError as error:
            raise ValidationError(f"Requested image {definition['Image']} not found: {error}") from error
        isolated = model.get("EnableNetworkIsolation", False)
        role = model.get("ExecutionRoleArn", "")
        return ModelContainer(image, _data_uri(definition), definition.get("Environment", {}), role, isolated)

    def _one_definition(self, model: dict[str, Any]) -> dict[str, Any]:
        if model.get("PrimaryContainer") and model.get("Containers"):
            raise ValidationError("Give PrimaryContainer or Containers, not both.")
        definitions = [model["PrimaryContainer"]] if model.get("PrimaryContainer") else model.get("Containers", [])
        if not definitions:
            raise ValidationError("A model needs PrimaryContainer or Containers.")
        if len(definitions) > 1:
            raise UnsupportedError("The laptop cloud has no inference pipelines; give one container.")
        only: dict[str, Any] = definitions[0]
        refuse("CreateModel", only, _REFUSED_CONTAINER)
        if only.get("Mode", "SingleModel") != "SingleModel":
            raise UnsupportedError("The laptop cloud has no multi-model containers.")
        return only

    def _check(self, scope: Scope, container: ModelContainer) -> None:
        if container.data_uri and not self._platform.storage.has_object(
            Actor(scope, container.role), container.data_uri
        ):
            raise ValidationError(f"Could not find model data at {container.data_uri}.")


def _check_together(production: list[dict[str, Any]], shadows: list[dict[str, Any]]) -> None:
    """SageMaker's own limits on how many variants there are, and beside which.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    if shadows and (len(production), len(shadows)) != (1, 1):
        raise ValidationError(
            "With ShadowProductionVariants, an endpoint configuration has exactly one production variant and exactly "
            f"one shadow variant; got {len(production)} and {len(shadows)}."
        )
    if len(production) > MOST_VARIANTS:
        raise ValidationError(f"An endpoint configuration has {MOST_VARIANTS} production variants at most.")
    names = [variant["VariantName"] for variant in (*production, *shadows)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"Variant names must be unique; there are several {', '.join(repeated)}.")


def _data_uri(definition: dict[str, Any]) -> str | None:
    if "ModelDataUrl" in definition:
        url: str = definition["ModelDataUrl"]
        return url
    source = definition.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return None
    if (source["S3DataType"], source["CompressionType"]) != ("S3Object", "Gzip"):
        raise UnsupportedError("The laptop cloud reads model data from one .tar.gz object (S3Object, Gzip).")
    uri: str = source["S3Uri"]
    return uri
