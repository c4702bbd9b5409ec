"""From an image URI to the folder it was made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from laptop_cloud.sagemaker.images import Images, UnknownImageError

if TYPE_CHECKING:
    from pathlib import Path

URI = "123456789012.dkr.ecr.us-east-1.amazonaws.com/cdk-assets:tag-1"


def write_manifest(folder: Path, **source: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if "directory" in source:
        (folder / source["directory"]).mkdir()
    asset = {"source": source, "destinations": {"here": {"repositoryName": "cdk-assets", "imageTag": "tag-1"}}}
    (folder / "Stack.assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"tag-1": asset}}))


def test_the_programs_are_beside_the_dockerfile(tmp_path: Path) -> None:
    write_manifest(tmp_path, directory="asset.1", dockerFile="containers/model/Dockerfile")

    image = Images((tmp_path,)).find(URI)

    assert image.source == tmp_path / "asset.1"
    assert image.programs == tmp_path / "asset.1/containers/model"


def test_nested_assemblies_and_several_ones_are_searched(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    write_manifest(tmp_path / "second/assembly-Stage", directory="asset.1")

    image = Images((tmp_path / "first", tmp_path / "second")).find(URI)

    assert image.programs == tmp_path / "second/assembly-Stage/asset.1"


def test_an_assembly_may_come_later(tmp_path: Path) -> None:
    images = Images((tmp_path / "cdk.out",))

    with pytest.raises(UnknownImageError, match="has an image with tag tag-1: synthesize the app"):
        images.find(URI)
    write_manifest(tmp_path / "cdk.out", directory="asset.1")

    assert images.find(URI).source == tmp_path / "cdk.out/asset.1"


def test_an_image_of_an_earlier_assembly_is_found_as_long_as_its_folder_is_there(tmp_path: Path) -> None:
    """A model is deployed again after the code, and so the image, has changed."""
    write_manifest(tmp_path, directory="asset.1")
    images = Images((tmp_path,))
    first = images.find(URI)
    text = (tmp_path / "Stack.assets.json").read_text()
    (tmp_path / "Stack.assets.json").write_text(text.replace("tag-1", "tag-2").replace("asset.1", "asset.2"))
    (tmp_path / "asset.2").mkdir()

    assert images.find(URI) == first
    assert images.find(URI.replace("tag-1", "tag-2")).source == tmp_path / "asset.2"
    (tmp_path / "asset.1").rmdir()
    with pytest.raises(UnknownImageError):
        images.find(URI)


def test_images_that_a_command_builds_have_no_folder(tmp_path: Path) -> None:
    write_manifest(tmp_path, executable=["make", "image"])

    with pytest.raises(UnknownImageError):
        Images((tmp_path,)).find(URI)
