"""Reading what the model in production showed in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.objects import read_uri
from noriba.aws.registry import ModelRegistry
from noriba.errors import CorruptBundleError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact
from noriba.records.evidence import Evidence
from noriba.records.names import read_package_group
from noriba.records.profiles import PROFILE_FILE, Profile
from noriba.records.reference import Reference

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from noriba.aws.clients import Clients
    from noriba.aws.ledger.models import Champion


def read_reference(clients: Clients, champion: Champion) -> Reference:
    """The reference of the model in production."""
    group = read_package_group(champion.model_package_arn)
    package = ModelRegistry(clients.sagemaker, group).describe(champion.model_package_arn)
    evidence = Evidence.model_validate_json(read_uri(clients.s3, package.metadata["evaluation_uri"]))
    profile, identities = read_profile(clients.s3, champion.model_data_uri)
    return Reference(package.version, evidence, profile, identities)


def read_profile(s3: S3Client, model_data_uri: str) -> tuple[Profile | None, tuple[str, ...]]:
    """The profile in a model artifact, None where there is none, and the identities of its features."""
    artifact = ModelArtifact(read_uri(s3, model_data_uri))
    identities = tuple(thaw_features(artifact.read(FEATURES_FILE).decode()).identities)
    try:
        return Profile.model_validate_json(artifact.read(PROFILE_FILE)), identities
    except CorruptBundleError:
        return None, identities
