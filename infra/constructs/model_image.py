"""The model container's image: one for training, evaluation and serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

    from infra.settings import ContainerEngine

# What the Dockerfile copies, and nothing else: another file must not make another image.
_COPIED = ("containers/model", "src", "usecases", "pyproject.toml", "README.md", "LICENSE")


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


def make_model_image(
    scope: Construct, construct_id: str, *, root: Path, engine: ContainerEngine
) -> ecr_assets.DockerImageAsset:
    """The image of `containers/model`, built from the repository's root when it is published, as Docker writes them."""
    return ecr_assets.DockerImageAsset(
        scope,
        construct_id,
        directory=str(root),
        file="containers/model/Dockerfile",
        # SageMaker's general-purpose instances are x86-64.
        platform=ecr_assets.Platform.LINUX_AMD64,
        outputs=_OUTPUTS[engine],
        # The same files are the same image, whatever builds it.
        invalidation=ecr_assets.DockerImageAssetInvalidationOptions(outputs=False),
        ignore_mode=IgnoreMode.DOCKER,
        exclude=["*", *(f"!{path}" for path in _COPIED), "**/__pycache__", "**/*.egg-info"],
    )
