"""The real `cdk` command, on an unchanged application, against the laptop cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from laptop_cloud.entrances import Entrance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

    from laptop_cloud.process import RunningCloud

StackOutputs = dict[str, str]

_STACKS_AT_ONCE = 4
_TAIL_LINES = 30
_BOOTSTRAP_STACK = "CDKToolkit"
_CONSEQUENCE = "cancelled"
_FOREIGN_CREDENTIALS = {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}


class DeployError(RuntimeError):
    """`cdk` failed; the message names the stack and what its events give as the reason."""


def synthesize(
    project_root: Path,
    output: Path,
    *,
    environment: Mapping[str, str] | None = None,
    context: Mapping[str, str] | None = None,
) -> None:
    """Make the templates of a CDK application.

    Args:
        project_root: the folder with `cdk.json`.
        output: where to put them.
        environment: variables for the application, besides this process's.
        context: what `cdk synth -c NAME=VALUE` gives it.

    Raises:
        DeployError: the application does not synthesize; the message ends with what it printed.
    """
    command = ["synth", "--quiet", "--output", str(output.absolute())]
    command += [word for name, value in (context or {}).items() for word in ("--context", f"{name}={value}")]
    status, last_lines = _run_cdk(command, environment or {}, project_root)
    if status:
        raise DeployError(f"cdk synth failed:\n{last_lines}")


def deploy(
    cloud: RunningCloud, assembly: Path, progress: Callable[[str], None], *, entrance: Entrance | None = None
) -> dict[str, StackOutputs]:
    """Bootstrap where that is still missing, and deploy every stack of an assembly, each to its account and region.

    Args:
        cloud: where to; its own account is the one that deploys, and that the others trust.
        assembly: what `synthesize` made.
        progress: is told each line that `cdk` prints.
        entrance: how other accounts are bootstrapped and asked; by their own keys when None.

    Returns:
        The outputs of each stack, by its name, followed by ` in ACCOUNT` where several accounts have one of that name.

    Raises:
        DeployError: a stack failed.
    """
    entrance = entrance or Entrance(cloud)
    for account, region in _environments(cloud, assembly):
        client = _cloudformation(entrance, account, region)
        if not _exists(client, _BOOTSTRAP_STACK):
            _bootstrap(entrance, assembly, account, region, progress)
    command = ["deploy", "--all", "--app", str(assembly.absolute()), "--require-approval", "never"]
    command += ["--concurrency", str(_STACKS_AT_ONCE), "--progress", "events"]
    status, last_lines = _run_cdk(command, cloud.environment, assembly, progress)
    if status:
        raise DeployError("\n".join(_failures(entrance, assembly)) or f"cdk deploy failed:\n{last_lines}")
    return _read_outputs(entrance, assembly)


def _bootstrap(entrance: Entrance, assembly: Path, account: str, region: str, progress: Callable[[str], None]) -> None:
    command = ["bootstrap", f"aws://{account}/{region}", "--cloudformation-execution-policies"]
    command.append("arn:aws:iam::aws:policy/AdministratorAccess")
    cloud = entrance.cloud
    if account != cloud.account:
        command += ["--trust", cloud.account]
    # The region is the cloud's own: that of the environment is named above.
    environment = {**cloud.environment, **entrance.describe(account, cloud.region)}
    status, last_lines = _run_cdk(command, environment, assembly, progress)
    if status:
        raise DeployError(f"cdk bootstrap of {account} in {region} failed:\n{last_lines}")


def _run_cdk(
    arguments: list[str],
    environment: Mapping[str, str],
    folder: Path,
    progress: Callable[[str], None] | None = None,
) -> tuple[int, str]:
    """Run `cdk`, telling each line that it prints; the status it ends with, and the last of these lines.

    It runs the application of the `cdk.json` in its folder, even to bootstrap; in an assembly there is none.
    """
    programs = Path(sys.executable).parent
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN_CREDENTIALS}
    process = subprocess.Popen(  # noqa: S603 -- the `cdk` of this virtual environment
        [str(programs / "cdk"), *arguments, "--no-notices"],
        cwd=folder,
        env={
            **inherited,
            # Without its own Node first on the path, the wrapper of `cdk` fetches one.
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            # Everything on standard output, in plain lines.
            "CI": "true",
            "NO_COLOR": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    last_lines: deque[str] = deque(maxlen=_TAIL_LINES)
    with process:
        assert process.stdout is not None  # noqa: S101 -- opened as a pipe above
        for line in process.stdout:
            if text := line.strip():
                last_lines.append(text)
                if progress is not None:
                    progress(text)
    return process.returncode, "\n".join(last_lines)


# --- what the assembly says ------------------------------------------------------------------------------------------


def _stacks(cloud: RunningCloud, assembly: Path) -> Iterator[tuple[str, str, str]]:
    """Name, account and region of every stack; what the templates leave open is where the cloud is."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    for artifact_id, artifact in manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            name = artifact["properties"].get("stackName", artifact_id)
            yield (
                name,
                cloud.account if account == "unknown-account" else account,
                cloud.region if region == "unknown-region" else region,
            )
        elif artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(cloud, assembly / artifact["properties"]["directoryName"])


def _labels(cloud: RunningCloud, assembly: Path) -> dict[tuple[str, str, str], str]:
    """What each stack is called: its name, and its account where several have one of that name."""
    stacks = list(_stacks(cloud, assembly))
    names = [name for name, _account, _region in stacks]
    return {
        (name, account, region): name if names.count(name) == 1 else f"{name} in {account}"
        for name, account, region in stacks
    }


def _environments(cloud: RunningCloud, assembly: Path) -> list[tuple[str, str]]:
    return sorted({(account, region) for _name, account, region in _stacks(cloud, assembly)})


# --- what CloudFormation says ----------------------------------------------------------------------------------------


def _cloudformation(entrance: Entrance, account: str, region: str) -> CloudFormationClient:
    return boto3.client("cloudformation", **entrance.connect(account, region))


def _exists(client: CloudFormationClient, stack_name: str) -> bool:
    try:
        client.describe_stacks(StackName=stack_name)
    except ClientError:
        return False
    return True


def _read_outputs(entrance: Entrance, assembly: Path) -> dict[str, StackOutputs]:
    # `cdk --outputs-file` goes by names alone, and of two stacks of one name tells one.
    found: dict[str, StackOutputs] = {}
    for (name, account, region), label in _labels(entrance.cloud, assembly).items():
        [stack] = _cloudformation(entrance, account, region).describe_stacks(StackName=name)["Stacks"]
        found[label] = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return found


def _failures(entrance: Entrance, assembly: Path) -> Iterator[str]:
    """One line for each resource that failed by itself, not because another had."""
    for (name, account, region), label in _labels(entrance.cloud, assembly).items():
        client = _cloudformation(entrance, account, region)
        if not _exists(client, name):
            continue
        for event in client.describe_stack_events(StackName=name)["StackEvents"]:
            reason = event.get("ResourceStatusReason", "")
            failed = event.get("ResourceStatus", "").endswith("_FAILED")
            if failed and _CONSEQUENCE not in reason and event.get("LogicalResourceId") != name:
                yield f"stack {label}: {event['ResourceType']} {event['LogicalResourceId']}: {reason}"
