"""What production serves, and whether it can be the champion's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.endpoints import describe_endpoint, find_resource
from noriba.records.approvals import REJECTED
from noriba.records.names import IN_PROGRESS, name_endpoint, read_package_version

if TYPE_CHECKING:
    from noriba.client.session import Session


def serves_champion_alone(session: Session) -> bool:
    """Whether production has settled on the champion's own configuration; also where there is none of either."""
    champion = session.ledger.read_champion()
    state = describe_endpoint(session.endpoints, name_endpoint(session.use_case_name, prefix=session.prefix))
    if state is None or champion is None:
        return state is None or state.status not in IN_PROGRESS
    if state.status in IN_PROGRESS:
        return False
    if champion.endpoint_config is not None:
        return state.config == champion.endpoint_config
    return state.model_version == read_package_version(champion.model_package_arn)


def find_obstacle(session: Session) -> str | None:
    """Why production cannot be given back to the champion, and what mends it; None where nothing is known.

    SageMaker deploys a package only while it is approved:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
    """
    champion = session.ledger.read_champion()
    package = None if champion is None else session.registry.find(champion.model_package_arn)
    if package is None or package.status != REJECTED:
        return None
    return (
        f"production cannot be given back to version {package.version}, the champion, because it is rejected; "
        f"approve it again, or another: noriba approve {package.version}"
    )


def read_weights(session: Session) -> dict[str, float]:
    """Weights of production's variants, by name, and of their shadows; empty where there is no endpoint."""
    name = name_endpoint(session.use_case_name, prefix=session.prefix)
    found = find_resource(session.endpoints.describe_endpoint, EndpointName=name)
    if found is None:
        return {}
    weights = {one["VariantName"]: one.get("CurrentWeight", 0.0) for one in found.get("ProductionVariants", ())}
    shadows = {one["VariantName"]: one.get("CurrentWeight", 0.0) for one in found.get("ShadowProductionVariants", ())}
    return weights | {f"{variant} (shadow)": weight for variant, weight in shadows.items()}


def find_serving(session: Session) -> int | None:
    """The champion's version; None when there is none."""
    champion = session.ledger.read_champion()
    return None if champion is None else read_package_version(champion.model_package_arn)


def is_captured(session: Session) -> bool:
    """Whether what production answers is kept."""
    state = describe_endpoint(session.endpoints, name_endpoint(session.use_case_name, prefix=session.prefix))
    if state is None:
        return False
    config = session.endpoints.describe_endpoint_config(EndpointConfigName=state.config)
    return bool(config.get("DataCaptureConfig", {}).get("EnableCapture"))
