"""`python -m infra.delivery.publish`: build the model image, push it, have it scanned, and tell its digest.

An image is built once for what it is made of, which is its tag; tags of the repository are immutable, so the same files
are the same image, whoever builds when. What is deployed is the digest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.delivery.scan import UNDER_WAY, ImageRefusedError, judge, read_accepted
from infra.packages import DOCKER_OUTPUT, Packages

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
ACCEPTED = ROOT / "containers/accepted-findings.toml"
PATIENCE = 90
"""How often a scan is asked after: a quarter of an hour."""
PAUSE_S = 10.0


class CommandError(Exception):
    """A program that failed; `said` is what it wrote to stderr."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(f"{' '.join(command)}:\n{said}")
        self.said = said


@dataclass(frozen=True)
class Repository:
    """A repository of ECR, by its address: `<account>.dkr.ecr.<region>.amazonaws.com/<name>`."""

    uri: str

    @property
    def host(self) -> str:
        """What Docker logs in to."""
        return self.uri.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.uri.partition("/")[2]

    def ask(self, operation: str, *arguments: str) -> dict[str, Any]:
        """Ask ECR about the repository."""
        where = ["--registry-id", self.host.partition(".")[0], "--region", self.host.split(".")[3]]
        command = ["aws", "ecr", operation, *where, "--repository-name", self.name, "--output", "json"]
        answer: dict[str, Any] = json.loads(run([*command, *arguments]))
        return answer

    def find_digest(self, tag: str) -> str | None:
        """The digest of what was pushed under a tag; None when nothing was."""
        try:
            found = self.ask("describe-images", "--image-ids", f"imageTag={tag}")
        except CommandError as error:
            if "ImageNotFoundException" in error.said:
                return None
            raise
        return str(found["imageDetails"][0]["imageDigest"])


def run(command: Sequence[str], *, given: str | None = None, shown: bool = False) -> str:
    """What a program writes, or nothing where it writes to the log.

    Raises:
        CommandError: it failed.
    """
    output = None if shown else subprocess.PIPE
    done = subprocess.run(  # noqa: S603  # our own words
        list(command), input=given, stdout=output, stderr=output, text=True, check=False
    )
    if done.returncode:
        raise CommandError(command, done.stderr or "see above")
    return done.stdout or ""


def build(repository: Repository, tag: str, context: Path) -> None:
    """Build an image and push it under a tag."""
    region = repository.host.split(".")[3]
    password = run(["aws", "ecr", "get-login-password", "--region", region])
    run(["docker", "login", "--username", "AWS", "--password-stdin", repository.host], given=password)
    name = f"{repository.uri}:{tag}"
    # SageMaker's general-purpose instances are x86-64. With an attestation beside it, the image would be an index.
    options = ["--platform", "linux/amd64", "--provenance=false", "--output", DOCKER_OUTPUT]
    run(["docker", "build", *options, "--tag", name, str(context)], shown=True)
    run(["docker", "push", name], shown=True)


def scan_again(repository: Repository, digest: str) -> None:
    """Look at an image that was pushed earlier by what is known today, where that may be asked for.

    Basic scanning looks once a day; Amazon Inspector looks by itself, and says so.
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartImageScan.html
    """
    try:
        repository.ask("start-image-scan", "--image-id", f"imageDigest={digest}")
    except CommandError as error:
        if not any(known in error.said for known in ("LimitExceededException", "ValidationException")):
            raise


def wait_for_scan(repository: Repository, digest: str, *, pause_s: float, patience: int) -> dict[str, Any]:
    """What the scan found, when it has ended.

    Raises:
        ImageRefusedError: it does not end.
    """
    for _ in range(patience):
        try:
            answer = repository.ask("describe-image-scan-findings", "--image-id", f"imageDigest={digest}")
        except CommandError as error:
            # Of what was just pushed.
            if "ScanNotFoundException" not in error.said:
                raise
        else:
            if answer["imageScanStatus"]["status"] not in UNDER_WAY:
                return answer
        time.sleep(pause_s)
    raise ImageRefusedError(
        "the image was not scanned within a quarter of an hour; is scanning on for its repository in the registry's "
        "own settings, which stand over the repository's?"
    )


def publish(
    uri: str, *, packages: Packages, accepted: Path = ACCEPTED, pause_s: float = PAUSE_S, patience: int = PATIENCE
) -> str:
    """The image by its digest: built when its files are new, scanned, and let through.

    Args:
        uri: the repository's.
        packages: of the checkout.
        accepted: the file of accepted findings.
        pause_s: between two questions after the scan.
        patience: how often it is asked after.

    Raises:
        ImageRefusedError: it has critical findings, or was not scanned.
        CommandError: `docker` or `aws` failed.
    """
    repository = Repository(uri)
    context = packages.image_context("model")
    tag = context.name.removeprefix("model-")
    digest = repository.find_digest(tag)
    if digest is None:
        build(repository, tag, context)
        digest = repository.find_digest(tag)
        if digest is None:
            raise ImageRefusedError(f"{uri}:{tag} was pushed and is not there")
    else:
        scan_again(repository, digest)
    answer = wait_for_scan(repository, digest, pause_s=pause_s, patience=patience)
    judge(answer, read_accepted(accepted), today=datetime.now(UTC).date())
    return f"{uri}@{digest}"


def main() -> None:
    """Publish the image of this checkout."""
    parser = argparse.ArgumentParser(description="Build, push and scan the model image.")
    parser.add_argument("repository", help="<account>.dkr.ecr.<region>.amazonaws.com/<name>")
    parser.add_argument("--into", required=True, type=Path, help="the file that the image's name by digest goes to")
    arguments = parser.parse_args()
    try:
        image = publish(arguments.repository, packages=Packages(ROOT, ROOT / ".build"))
    except (ImageRefusedError, CommandError) as error:
        sys.exit(f"\nThe model image:\n{error}\n")
    arguments.into.parent.mkdir(parents=True, exist_ok=True)
    arguments.into.write_text(image, encoding="utf-8")
    sys.stdout.write(f"{image}\n")


if __name__ == "__main__":
    main()
