"""Images that a state machine looks at: the laptop cloud builds none, and answers for those of its assemblies.

MiniStack's registry holds only what was pushed to it. An image that an asset manifest names is told with the manifest
that the application asks its builder for; whether an engine really writes that, only the real registry knows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import register_task_integration
from laptop_cloud.sagemaker.images import Images, UnknownImageError

if TYPE_CHECKING:
    from pathlib import Path

_ACTION = "arn:aws:states:::aws-sdk:ecr:batchGetImage"
_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def install(assemblies: tuple[Path, ...]) -> None:
    """Let machines look at images."""
    register_task_integration(_ACTION, partial(_get_images, Images(assemblies)))


def _get_images(images: Images, _resource: str, params: dict[str, Any]) -> dict[str, Any]:
    found, failures = [], []
    for wanted in params["ImageIds"]:
        tag = wanted["ImageTag"]
        try:
            images.find(f"{params['RepositoryName']}:{tag}")
        except UnknownImageError:
            failures.append({"ImageId": wanted, "FailureCode": "ImageNotFound"})
        else:
            found.append({"ImageId": wanted, "ImageManifestMediaType": _DOCKER})
    return {"Images": found, "Failures": failures}
