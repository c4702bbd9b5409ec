"""The model container's image: one for training, evaluation and serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

# What the Dockerfile copies, and nothing else: another file must not make another image.
_COPIED = ("containers/model", "src", "usecases", "pyproject.toml", "README.md", "LICENSE")


def make_model_image(scope: Construct, construct_id: str, *, root: Path) -> ecr_assets.DockerImageAsset:
    """The image of `containers/model`, built from the repository's root when it is published."""
    return ecr_assets.DockerImageAsset(
        scope,
        construct_id,
        directory=str(root),
        file="containers/model/Dockerfile",
        # SageMaker's general-purpose instances are x86-64.
        platform=ecr_assets.Platform.LINUX_AMD64,
        ignore_mode=IgnoreMode.DOCKER,
        exclude=["*", *(f"!{path}" for path in _COPIED), "**/__pycache__", "**/*.egg-info"],
    )
