"""Image URIs and the container folders they were made from.

The asset manifests of a CDK assembly say which folder and which Dockerfile an image's tag (a hash of both) stands for.
So the laptop runs the very files that AWS runs, without building an image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class ContainerImage:
    """The files of one image.

    Args:
        uri: as the client gave it.
        source: the Docker build context.
        programs: the Dockerfile's folder, which holds the container's entry points: `train`, `serve`, `evaluate`.
    """

    uri: str
    source: Path
    programs: Path


class UnknownImageError(Exception):
    """No asset manifest knows an image's tag."""


class Images:
    """Finds the folder of an image through the assemblies' asset manifests.

    They are read anew each time, because an assembly may be synthesized again while the cloud runs. What was found once
    is found again, as long as its folder is there: a registry keeps earlier images, and a model that was trained with
    one can be deployed again. (`cdk synth` leaves the folders of earlier assets where they are.)

    Args:
        assemblies: folders as `cdk synth` writes them; nested assemblies (stages) are searched too.
    """

    def __init__(self, assemblies: tuple[Path, ...]) -> None:
        self._assemblies = assemblies
        self._known: dict[str, tuple[Path, Path]] = {}

    def find(self, uri: str) -> ContainerImage:
        """The files of an image.

        Args:
            uri: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`.

        Raises:
            UnknownImageError: with a remedy.
        """
        tag = uri.rpartition(":")[2]
        for manifest, source, destinations in self._docker_assets():
            folder = (manifest.parent / source["directory"]).resolve()
            programs = (folder / source.get("dockerFile", "Dockerfile")).parent
            self._known |= {
                place["imageTag"]: (folder, programs) for place in destinations.values() if "imageTag" in place
            }
        if tag in self._known and self._known[tag][0].is_dir():
            return ContainerImage(uri, *self._known[tag])
        places = ", ".join(str(folder) for folder in self._assemblies) or "none was given"
        raise UnknownImageError(
            f"no asset manifest of the CDK assemblies ({places}) has an image with tag {tag}: synthesize the app that "
            "declares it as a Docker image asset, and deploy that assembly"
        )

    def _docker_assets(self) -> Iterator[tuple[Path, dict[str, Any], dict[str, dict[str, str]]]]:
        for assembly in self._assemblies:
            for manifest in sorted(assembly.rglob("*.assets.json")):
                assets = json.loads(manifest.read_text(encoding="utf-8")).get("dockerImages", {})
                for asset in assets.values():
                    # An image that a command builds (`source.executable`) has no folder to run from.
                    if "directory" in asset["source"]:
                        yield manifest, asset["source"], asset["destinations"]
