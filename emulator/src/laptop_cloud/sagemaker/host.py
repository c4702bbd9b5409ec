"""The laptop in the role of SageMaker's instances: folders shaped like a container's `/opt/ml`, environment, processes.

A program finds its files through `SAGEMAKER_BASE_DIR`, the name under which the sagemaker-training toolkit knows the
folder that is `/opt/ml` in a container. Paths below `/opt/ml` in a job's arguments and environment are rewritten to it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from laptop_cloud import ministack_seams
from laptop_cloud.sagemaker.errors import JobFailedError
from laptop_cloud.sagemaker.packages import BLOCKER, find_absent
from laptop_cloud.sagemaker.processes import ContainerProcess
from laptop_cloud.sagemaker.scopes import act_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from laptop_cloud.sagemaker.guardian import Guardian
    from laptop_cloud.sagemaker.images import ContainerImage
    from laptop_cloud.sagemaker.processes import Output
    from laptop_cloud.sagemaker.scopes import Actor, Scope

_CONTAINER_BASE = re.compile(r"(?<![\w.-])/opt/ml(?=/|$)")

# A container starts with nothing of its host's environment. These are what the interpreter itself needs on a laptop;
# HOME is not among them, because the AWS credentials of the laptop's user are there.
_PASSED_ON = ("TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


_CLOSING_GRACE_S = 2.0
"""What programs have between SIGTERM and SIGKILL when the cloud ends."""


class Root:
    """A folder that is `/opt/ml` to one program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __truediv__(self, part: str) -> Path:
        return self.folder / part

    def rebase(self, text: str) -> str:
        """A text with the paths below `/opt/ml` pointing into the folder."""
        return _CONTAINER_BASE.sub(lambda _: str(self.folder), text)

    def read_text(self, part: str, *, limit: int) -> str:
        """The beginning of a file that the program may have left; empty when it has not."""
        file = self.folder / part
        return file.read_text(encoding="utf-8", errors="replace")[:limit] if file.is_file() else ""

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Host:
    """Makes roots and starts programs in them.

    Args:
        state_dir: where the roots are.
        endpoint_url: of the cloud, for the programs' own AWS calls.
        guardian: ends the programs when the cloud is gone.
        clock: whose time the programs tell, where it is not the real one.
    """

    def __init__(self, state_dir: Path, endpoint_url: str, guardian: Guardian, *, clock: Path | None = None) -> None:
        self._state_dir = state_dir
        self._endpoint_url = endpoint_url
        self._guardian = guardian
        self._clock = clock
        self._running: list[ContainerProcess] = []
        self._closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all programs with the cloud, and start none any more."""
        with self._lock:
            self._closed = True
            running = [process for process in self._running if process.running]
        with ThreadPoolExecutor(max(1, len(running))) as pool:
            list(pool.map(lambda process: process.stop(_CLOSING_GRACE_S), running))

    def make_root(self, *parts: str) -> Root:
        """A fresh, empty root; the parts name its folder, and a random one follows when it is taken."""
        folder = self._state_dir.joinpath(*parts)
        if folder.exists():
            folder = folder.with_name(f"{folder.name}-{uuid.uuid4().hex[:8]}")
        folder.mkdir(parents=True)
        return Root(folder.resolve())

    def start(
        self,
        image: ContainerImage,
        command: Sequence[str],
        *,
        actor: Actor,
        root: Root,
        environment: Mapping[str, str],
        on_output: Output,
        isolated: bool = False,
    ) -> ContainerProcess:
        """Run a program of an image.

        Args:
            image: whose program folder is first on the path.
            command: program and arguments.
            actor: for whom the program calls AWS.
            root: its `/opt/ml`, and its working directory.
            environment: of the job or model.
            on_output: takes its output.
            isolated: network isolation: the program gets neither credentials nor the address of AWS.

        Raises:
            JobFailedError: there is no such program, or it cannot be run.
        """
        base = self._environment(image, actor, root, isolated=isolated)
        rebased = {name: root.rebase(value) for name, value in environment.items()}
        program, *arguments = [root.rebase(word) for word in command]
        path = shutil.which(program, path=base["PATH"])
        if path is None:
            raise JobFailedError(
                f"ClientError: {program}: no such executable in the container folder {image.programs} nor on its PATH"
            )
        with self._lock:
            if self._closed:
                raise JobFailedError(f"ClientError: {program}: the laptop cloud is ending")
            try:
                process = ContainerProcess(
                    [path, *arguments],
                    environment={**base, **rebased},
                    folder=root.folder,
                    on_output=on_output,
                    guardian=self._guardian,
                )
            except OSError as error:
                raise JobFailedError(f"ClientError: cannot run {path}: {error}") from error
            self._running = [*(one for one in self._running if one.running), process]
            return process

    def _environment(self, image: ContainerImage, actor: Actor, root: Root, *, isolated: bool) -> dict[str, str]:
        interpreter = Path(sys.executable).parent
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {
            "PATH": os.pathsep.join((str(image.programs), str(interpreter), os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": os.pathsep.join((str(BLOCKER), str(image.source / "src"), str(image.source))),
            "LAPTOP_CLOUD_ABSENT": ",".join(sorted(find_absent(image))),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(root.folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAGEMAKER_BASE_DIR": str(root.folder),
        }
        if self._clock is not None:
            environment["LAPTOP_CLOUD_CLOCK"] = str(self._clock)
        if not isolated:
            environment |= {"AWS_ENDPOINT_URL": self._endpoint_url, **act_as(actor)}
        return environment


def log_output(scope: Scope, group: str, stream: str) -> Output:
    """A sink that puts output into CloudWatch Logs as it comes."""

    def write(lines: list[str]) -> None:
        with ministack_seams.in_scope(scope.account, scope.region):
            ministack_seams.put_log_events(group, stream, lines)

    return write
