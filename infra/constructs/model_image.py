"""The model container's image: one for training, evaluation and serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_ecr_assets as ecr_assets

if TYPE_CHECKING:
    from constructs import Construct

    from infra.packages import Packages
    from infra.settings import ContainerEngine

# SageMaker takes no OCI manifest: https://github.com/aws/amazon-sagemaker-feedback/issues/180. BuildKit writes one by
# default where Docker keeps images in containerd. Podman does not know the option; BUILDAH_FORMAT=docker does it there.
# https://docs.docker.com/build/exporters/oci-docker/
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OTHER_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
"""What else a registry may hold; it answers nothing for a kind that is not asked for."""
_OUTPUTS = {"docker": ["type=docker,oci-mediatypes=false"], "podman": None}


@dataclass(frozen=True)
class ModelImage:
    """What others need to know of the image; the tag is a hash of what it is made of."""

    uri: str
    repository_name: str
    repository_arn: str
    tag: str


def make_model_image(scope: Construct, construct_id: str, *, packages: Packages, engine: ContainerEngine) -> ModelImage:
    """The image of `containers/model`, built when it is published, with what its programs import and nothing else."""
    image = ecr_assets.DockerImageAsset(
        scope,
        construct_id,
        directory=str(packages.image_context("model")),
        # SageMaker's general-purpose instances are x86-64.
        platform=ecr_assets.Platform.LINUX_AMD64,
        outputs=_OUTPUTS[engine],
        # The same files are the same image, whatever builds it.
        invalidation=ecr_assets.DockerImageAssetInvalidationOptions(outputs=False),
    )
    return ModelImage(
        uri=image.image_uri,
        repository_name=image.repository.repository_name,
        repository_arn=image.repository.repository_arn,
        tag=image.image_tag,
    )
