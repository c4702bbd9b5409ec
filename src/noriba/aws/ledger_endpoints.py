"""SageMaker's control of endpoints, kept in the ledger instead: where functions answer, nothing else has to run.

The operations, their words and their errors are SageMaker's, as far as rollouts and those who look at production use
them, so that these need not know which of the two there is.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from botocore.exceptions import ClientError

from noriba.aws.ledger import Ledger
from noriba.errors import NoribaError
from noriba.records import ledger_entries as entries
from noriba.records.hosting import (
    SETTLED_S,
    HostedConfiguration,
    HostedEndpoint,
    HostedVariant,
    NamedVariant,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from noriba.aws.clients import Clients

T = TypeVar("T")
_KINDS = {
    "list_endpoints": ("Endpoints", "EndpointName", entries.HOSTED_ENDPOINT),
    "list_endpoint_configs": ("EndpointConfigs", "EndpointConfigName", entries.HOSTED_CONFIGURATION),
    "list_models": ("Models", "ModelName", entries.HOSTED_MODEL),
}


class NotRegisteredError(NoribaError):
    """A model is to be made of a package that nobody registered after training."""


class LedgerEndpoints:
    """The endpoints of one use case.

    Args:
        ledger: of the use case.
        clock: tells the time.
    """

    def __init__(self, ledger: Ledger, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ledger, self._clock = ledger, clock

    # --- models -------------------------------------------------------------------------------------------------------

    def create_model(self, *, ModelName: str, PrimaryContainer: Mapping[str, Any]) -> dict[str, Any]:
        """Name a registered package's model.

        Raises:
            NotRegisteredError: the ledger does not know the package.
        """
        package_arn = PrimaryContainer["ModelPackageName"]
        model = self._ledger.read_registered_model(package_arn)
        if model is None:
            raise NotRegisteredError(f"{package_arn} was not registered after training")
        self._ledger.keep_hosted(entries.HOSTED_MODEL, ModelName, model)
        return {}

    def delete_model(self, *, ModelName: str) -> dict[str, Any]:
        """Forget a model."""
        _need(self._ledger.read_hosted_model(ModelName), "DeleteModel", f"model {ModelName}")
        self._ledger.forget_hosted(entries.HOSTED_MODEL, ModelName)
        return {}

    # --- configurations -----------------------------------------------------------------------------------------------

    def create_endpoint_config(
        self,
        *,
        EndpointConfigName: str,
        ProductionVariants: Sequence[Mapping[str, Any]],
        ShadowProductionVariants: Sequence[Mapping[str, Any]] = (),
        DataCaptureConfig: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Keep a configuration."""
        capture = DataCaptureConfig or {"EnableCapture": False}
        configuration = HostedConfiguration(
            variants=tuple(map(_read_variant, ProductionVariants)),
            shadows=tuple(map(_read_variant, ShadowProductionVariants)),
            capture_percent=capture["InitialSamplingPercentage"] if capture["EnableCapture"] else 0,
        )
        self._ledger.keep_hosted(entries.HOSTED_CONFIGURATION, EndpointConfigName, configuration)
        return {}

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:
        """A configuration as it was made."""
        found = self._find_configuration("DescribeEndpointConfig", EndpointConfigName)
        percent = found.capture_percent
        capture = {"EnableCapture": True, "InitialSamplingPercentage": percent} if percent else None
        return {
            "EndpointConfigName": EndpointConfigName,
            "ProductionVariants": [_write_variant(one, "InitialVariantWeight") for one in found.variants],
            **({"DataCaptureConfig": capture} if capture else {}),
            **(
                {"ShadowProductionVariants": [_write_variant(one, "InitialVariantWeight") for one in found.shadows]}
                if found.shadows
                else {}
            ),
        }

    def delete_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:
        """Forget a configuration."""
        self._find_configuration("DeleteEndpointConfig", EndpointConfigName)
        self._ledger.forget_hosted(entries.HOSTED_CONFIGURATION, EndpointConfigName)
        return {}

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def create_endpoint(self, *, EndpointName: str, EndpointConfigName: str) -> dict[str, Any]:
        """Let functions answer under a name."""
        self._serve("CreateEndpoint", EndpointName, EndpointConfigName)
        return {}

    def update_endpoint(self, *, EndpointName: str, EndpointConfigName: str) -> dict[str, Any]:
        """Let them answer by another configuration."""
        self._find_endpoint("UpdateEndpoint", EndpointName)
        self._serve("UpdateEndpoint", EndpointName, EndpointConfigName)
        return {}

    def update_endpoint_weights_and_capacities(
        self, *, EndpointName: str, DesiredWeightsAndCapacities: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Shift requests between variants."""
        found = self._find_endpoint("UpdateEndpointWeightsAndCapacities", EndpointName)
        weights = {one["VariantName"]: one["DesiredWeight"] for one in DesiredWeightsAndCapacities}
        variants = tuple(one.model_copy(update={"weight": weights.get(one.name, one.weight)}) for one in found.variants)
        self._keep(EndpointName, found.model_copy(update={"variants": variants, "changed_at": self._clock()}))
        return {}

    def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:
        """What answers, `Updating` until every function has heard of it."""
        found = self._find_endpoint("DescribeEndpoint", EndpointName)
        is_settled = self._clock() - found.changed_at >= timedelta(seconds=SETTLED_S)
        shadows = () if found.shadow is None else (found.shadow,)
        return {
            "EndpointName": EndpointName,
            "EndpointStatus": "InService" if is_settled else "Updating",
            "EndpointConfigName": found.config,
            "ProductionVariants": [_write_variant(one, "CurrentWeight") for one in found.variants],
            **(
                {"ShadowProductionVariants": [_write_variant(one, "CurrentWeight") for one in shadows]}
                if shadows
                else {}
            ),
        }

    def delete_endpoint(self, *, EndpointName: str) -> dict[str, Any]:
        """Let nobody answer under a name any more."""
        self._find_endpoint("DeleteEndpoint", EndpointName)
        self._ledger.forget_hosted(entries.HOSTED_ENDPOINT, EndpointName)
        return {}

    def get_paginator(self, operation: str) -> Paginator:
        """Of the three lists."""
        return Paginator(self._ledger, operation)

    def _serve(self, operation: str, name: str, config: str) -> None:
        configuration = self._find_configuration(operation, config)
        variants, shadows = (
            tuple(self._find_model(operation, one) for one in some)
            for some in (configuration.variants, configuration.shadows)
        )
        shadow = shadows[0] if shadows else None
        self._keep(
            name,
            HostedEndpoint(
                config=config,
                variants=variants,
                shadow=shadow,
                capture_percent=configuration.capture_percent,
                changed_at=self._clock(),
            ),
        )

    def _keep(self, name: str, endpoint: HostedEndpoint) -> None:
        self._ledger.keep_hosted(entries.HOSTED_ENDPOINT, name, endpoint)

    def _find_model(self, operation: str, variant: NamedVariant) -> HostedVariant:
        model = _need(self._ledger.read_hosted_model(variant.model_name), operation, f"model {variant.model_name}")
        return HostedVariant(**variant.model_dump(), model=model)

    def _find_configuration(self, operation: str, name: str) -> HostedConfiguration:
        return _need(self._ledger.read_hosted_configuration(name), operation, f"endpoint configuration {name}")

    def _find_endpoint(self, operation: str, name: str) -> HostedEndpoint:
        return _need(self._ledger.read_hosted_endpoint(name), operation, f"endpoint {name}")


class Paginator:
    """Of a list: one page."""

    def __init__(self, ledger: Ledger, operation: str) -> None:
        self._ledger = ledger
        self._member, self._field, self._kind = _KINDS[operation]

    def paginate(self, *, NameContains: str) -> Iterator[dict[str, Any]]:
        """Those whose name begins so: nobody here looks for the middle of one."""
        names = self._ledger.list_hosted(self._kind, prefix=NameContains)
        yield {self._member: [{self._field: name} for name in names]}


class EndpointControl(Protocol):
    """What looks after endpoints: SageMaker's client, or `LedgerEndpoints`."""

    def describe_endpoint(self, *, EndpointName: str) -> Any:
        """See SageMaker's."""

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> Any:
        """See SageMaker's."""

    def update_endpoint(self, *, EndpointName: str, EndpointConfigName: str) -> Any:
        """See SageMaker's."""

    def delete_endpoint(self, *, EndpointName: str) -> Any:
        """See SageMaker's."""

    def delete_endpoint_config(self, *, EndpointConfigName: str) -> Any:
        """See SageMaker's."""

    def delete_model(self, *, ModelName: str) -> Any:
        """See SageMaker's."""

    @property
    def get_paginator(self) -> Any:
        """See SageMaker's."""


def open_control(clients: Clients, *, use_case: str, ledger_table: str | None) -> EndpointControl:
    """SageMaker's; or, where a table is named that says what answers, what is kept there of a use case."""
    if ledger_table is None:
        return clients.sagemaker
    return LedgerEndpoints(Ledger(clients.dynamodb.Table(ledger_table), use_case))


def _read_variant(given: Mapping[str, Any]) -> NamedVariant:
    return NamedVariant(
        name=given["VariantName"], model_name=given["ModelName"], weight=given.get("InitialVariantWeight", 1)
    )


def _write_variant(variant: NamedVariant, weight: str) -> dict[str, Any]:
    return {"VariantName": variant.name, "ModelName": variant.model_name, weight: variant.weight}


def _need(found: T | None, operation: str, what: str) -> T:
    return _miss(operation, what) if found is None else found


def _miss(operation: str, what: str) -> NoReturn:
    """As SageMaker says it, which has no error of its own for what is not there."""
    raise ClientError({"Error": {"Code": "ValidationException", "Message": f"Could not find {what}."}}, operation)
