"""The model container's image: one for training, evaluation and serving."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_ecr_assets as ecr_assets

from infra.packages import DOCKER_OUTPUT

if TYPE_CHECKING:
    from constructs import Construct

    from infra.packages import Packages
    from infra.settings import Settings

# SageMaker takes no OCI manifest: https://github.com/aws/amazon-sagemaker-feedback/issues/180
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OTHER_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
"""What else a registry may hold; it answers nothing for a kind that is not asked for."""
_URI = re.compile(r"(?P<account>\d+)\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<name>[^@]+)@(?P<digest>.+)")
_OUTPUTS = {"docker": [DOCKER_OUTPUT], "podman": None}


@dataclass(frozen=True)
class ModelImage:
    """What others need to know of the image; the tag is a hash of what it is made of, or of what was made: its digest.

    A digest names the same bytes for ever, whoever may push; a tag names what was pushed last.
    """

    uri: str
    repository_name: str
    repository_arn: str
    tag: str


def make_model_image(scope: Construct, construct_id: str, *, packages: Packages, settings: Settings) -> ModelImage:
    """The image of `containers/model`, built when it is published, with what its programs import and nothing else.

    Or the one that the setting `model_image` names, in whichever account's registry it stands.
    """
    if settings.model_image is not None:
        return find_image(scope, settings.model_image)
    image = ecr_assets.DockerImageAsset(
        scope,
        construct_id,
        directory=str(packages.image_context("model")),
        # SageMaker's general-purpose instances are x86-64.
        platform=ecr_assets.Platform.LINUX_AMD64,
        outputs=_OUTPUTS[settings.container_engine],
        # The same files are the same image, whatever builds it.
        invalidation=ecr_assets.DockerImageAssetInvalidationOptions(outputs=False),
    )
    return ModelImage(
        uri=image.image_uri,
        repository_name=image.repository.repository_name,
        repository_arn=image.repository.repository_arn,
        tag=image.image_tag,
    )


def find_image(scope: Construct, uri: str) -> ModelImage:
    """An image that stands in a registry, by its digest: `<account>.dkr.ecr.<region>.amazonaws.com/<name>@sha256:…`."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise ValueError(f"{uri!r} names no image by its digest")
    place = f"{found['region']}:{found['account']}"
    return ModelImage(
        uri=uri,
        repository_name=found["name"],
        repository_arn=f"arn:{Stack.of(scope).partition}:ecr:{place}:repository/{found['name']}",
        tag=found["digest"],
    )
