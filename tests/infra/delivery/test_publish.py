"""Publishing by the real AWS CLI, against moto's ECR; Docker is a stand-in, which pushes a manifest of its own.

ECR scans what is pushed, moto what it is told to: so the stand-in says it, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import urllib3
from moto.server import ThreadedMotoServer

from infra.delivery.publish import CommandError, Repository, publish, scan_again, wait_for_scan
from infra.delivery.scan import ImageRefusedError
from tests.infra.delivery.test_scan import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.packages import Packages

ACCOUNT, REGION, NAME = "123456789012", "eu-central-1", "trial-model"
URI = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}"
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:00"},
    "layers": [],
}
DOCKER = """#!{python}
import json, os, subprocess, sys
given = sys.stdin.read() if sys.argv[1] == "login" else ""
with open(os.environ["DOCKER_CALLS"], "a") as calls:
    calls.write(json.dumps({{"arguments": sys.argv[1:], "given": given}}) + "\\n")
if sys.argv[1] == "push":
    uri, _, tag = sys.argv[2].rpartition(":")
    ecr = lambda *words: subprocess.run(["aws", "ecr", *words, "--repository-name", "{name}"], check=True)
    ecr("put-image", "--image-tag", tag, "--image-manifest", os.environ["MANIFEST"])
    ecr("start-image-scan", "--image-id", f"imageTag={{tag}}")
"""


@dataclass(frozen=True)
class Registry:
    """Moto's ECR with one repository."""

    url: str
    client: Any

    def push(self, tag: str) -> str:
        """What an earlier run pushed: its digest."""
        image = self.client.put_image(repositoryName=NAME, imageManifest=json.dumps(MANIFEST), imageTag=tag)["image"]
        return str(image["imageId"]["imageDigest"])

    def find(self, digest: str, *findings: dict[str, Any], status: str = "COMPLETE") -> None:
        """Let the scan of an image find this."""
        found = {
            "imageScanFindings": {"findings": list(findings)},
            "registryId": ACCOUNT,
            "repositoryName": NAME,
            "imageId": {"imageDigest": digest},
            "imageScanStatus": {"status": status, "description": "as the test has it"},
        }
        answer = urllib3.request(
            "POST",
            f"{self.url}/moto-api/static/ecr/scan-finding-results",
            json={"results": [found], "region": REGION, "account_id": ACCOUNT},
        )
        assert answer.status == 201

    def is_scanned(self, digest: str) -> bool:
        """Whether a scan of it was begun."""
        try:
            self.client.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
        except self.client.exceptions.LimitExceededException:
            return True
        return False

    @property
    def pushed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.describe_images(repositoryName=NAME)["imageDetails"]
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    found = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host}:{port}"
    found.stop()


@pytest.fixture
def registry(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin/docker"
    docker.write_text(DOCKER.format(python=sys.executable, name=NAME))
    docker.chmod(0o755)
    variables = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "DOCKER_CALLS": str(tmp_path / "calls"),
        "MANIFEST": json.dumps(MANIFEST),
        "PATH": f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("ecr")
    client.create_repository(repositoryName=NAME, imageTagMutability="IMMUTABLE")
    yield Registry(server, client)
    urllib3.request("POST", f"{server}/moto-api/reset")


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    file = tmp_path / "accepted.toml"
    file.write_text("")
    return file


def name_tag(packages: Packages) -> str:
    return packages.image_context("model").name.removeprefix("model-")


def read_calls() -> list[dict[str, Any]]:
    path = Path(os.environ["DOCKER_CALLS"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_image_is_built_from_its_files_pushed_under_what_they_are_and_told_by_its_digest(
    registry: Registry, packages: Packages, accepted: Path
) -> None:
    tag, context = name_tag(packages), packages.image_context("model")

    # Moto's own scan finds nothing critical.
    image = publish(URI, packages=packages, accepted=accepted, pause_s=0)

    login, build, push = read_calls()
    assert login["arguments"] == ["login", "--username", "AWS", "--password-stdin", URI.partition("/")[0]]
    assert login["given"].strip()
    assert build["arguments"] == [
        *("build", "--platform", "linux/amd64", "--provenance=false"),
        *("--output", "type=docker,oci-mediatypes=false", "--tag", f"{URI}:{tag}", str(context)),
    ]
    assert push["arguments"] == ["push", f"{URI}:{tag}"]
    [pushed] = registry.pushed
    assert pushed["imageTags"] == [tag]
    assert image == f"{URI}@{pushed['imageDigest']}"


def test_the_command_says_in_a_line_what_is_wrong_with_an_image_that_was_there_already(
    registry: Registry, packages: Packages, tmp_path: Path
) -> None:
    digest = registry.push(name_tag(packages))
    registry.find(digest, find("CVE-2026-1", "CRITICAL"), find("CVE-2026-2", "HIGH"))
    file = tmp_path / "image/uri"
    command = [sys.executable, "-m", "infra.delivery.publish", URI, "--into", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, file.exists()) == (1, False)
    assert "the image has critical findings: CVE-2026-1 in zlib" in done.stderr
    assert "Traceback" not in done.stderr
    # It was not built, but looked at, by what is known today.
    assert read_calls() == []
    assert registry.is_scanned(digest)


def test_an_image_that_was_scanned_today_stands_as_it_was_found(registry: Registry) -> None:
    digest = registry.push("any")
    registry.client.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})

    scan_again(Repository(URI), digest)


def test_a_scan_that_does_not_end_is_not_waited_for_for_ever(registry: Registry) -> None:
    digest = registry.push("any")

    for begun in (False, True):
        if begun:
            registry.client.start_image_scan(repositoryName=NAME, imageId={"imageDigest": digest})
            registry.find(digest, status="IN_PROGRESS")
        with pytest.raises(ImageRefusedError, match="is scanning on for its repository"):
            wait_for_scan(Repository(URI), digest, pause_s=0, patience=1)


def test_a_failure_of_the_registry_is_told(registry: Registry) -> None:
    assert registry
    with pytest.raises(CommandError, match="RepositoryNotFoundException"):
        Repository(f"{URI}-other").find_digest("any")
