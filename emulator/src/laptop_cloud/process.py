"""The laptop cloud as a process in the background: started once, found again, stopped without leaving anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from laptop_cloud.callers import describe_caller
from laptop_cloud.ports import find_free_port
from laptop_cloud.server import DEFAULT_PORT, CloudSettings, clock_file, log_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 15.0
_ANSWER_LIMIT_S = 5.0
_SHORT_S = 0.5
_POLL_S = 0.05
_CHANCES = 3
_TAIL_LINES = 30

_started: dict[int, subprocess.Popen[bytes]] = {}
"""The clouds that this very process started: who starts a process must also collect it when it ends."""


class CloudError(RuntimeError):
    """The laptop cloud could not be started; the message ends with what it logged."""


class RunningCloud(BaseModel):
    """A laptop cloud that answers."""

    model_config = ConfigDict(frozen=True)

    pid: int
    port: int
    endpoint_url: str
    account: str
    region: str
    started_at: AwareDatetime
    clock: Path | None = None
    """The file of its own clock, if it has one: `laptop_cloud.shared_clock.enter` lets a process tell its time."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send every AWS client to this cloud."""
        return {"AWS_ENDPOINT_URL": self.endpoint_url, **describe_caller(self.account, self.region)}


def start(
    *,
    state_dir: Path,
    assembly: Path,
    port: int | None = None,
    account: str = "123456789012",
    region: str = "us-east-1",
    clock: datetime | None = None,
) -> RunningCloud:
    """Start a laptop cloud, or find the one that runs already.

    Args:
        state_dir: for everything it keeps.
        assembly: the synthesized CDK application whose containers it may be asked to run; may come later.
        port: to listen on; when not given 4566, or a free one when that is taken.
        account: 12 digits.
        region: of AWS.
        clock: what a clock of its own tells at the start (`laptop_cloud.driving` moves it); past or future, with its
            time zone. Without it the cloud lives in real time; one that runs goes on as it is.

    Raises:
        CloudError: its port is taken, or it ended before it answered; or the one that runs has no such clock.
    """
    if (cloud := running(state_dir)) is not None:
        if clock is not None and cloud.clock is None:
            raise CloudError(f"the laptop cloud at {cloud.endpoint_url} runs without a clock of its own; stop it first")
        return cloud
    check_port(port)
    state_dir.mkdir(parents=True, exist_ok=True)
    state_dir.chmod(0o700)
    for chance in range(_CHANCES):
        settings = CloudSettings(
            port=port or _choose_port(), state_dir=state_dir.resolve(), account=account, region=region, clock=clock
        )
        with _interrupts_held_back() as let_them_come:
            process = _spawn(settings, assembly)
            try:
                let_them_come()
                _wait_until_it_answers(process, settings)
                break
            except CloudError:
                # Whoever starts at the same moment may have chosen the same port, and been quicker.
                if port is not None or chance == _CHANCES - 1 or not _is_taken(settings.port):
                    raise
            except BaseException:
                # Ctrl-C: it lives in a session of its own, and no record names it yet.
                process.kill()
                process.wait()
                raise
    cloud = RunningCloud(
        pid=process.pid,
        port=settings.port,
        endpoint_url=settings.endpoint_url,
        account=account,
        region=region,
        started_at=datetime.now(UTC),
        clock=None if clock is None else clock_file(settings.state_dir),
    )
    _record(state_dir).write_text(cloud.model_dump_json(indent=2))
    return cloud


def check_port(port: int | None) -> None:
    """See whether a laptop cloud could listen on a port, before anything that takes time is done.

    Raises:
        CloudError: somebody else listens there.
    """
    if port is None:
        return
    try:
        find_free_port(port, only=True)
    except OSError as error:
        raise CloudError(f"port {port} is taken ({error.strerror}); give another --port, or none") from error


def running(state_dir: Path) -> RunningCloud | None:
    """The laptop cloud of a state directory, if it runs and answers; a record of one that does not is removed."""
    cloud = _recorded(state_dir)
    if cloud is None:
        return None
    if _is_cloud(cloud.pid, state_dir) and _answers(cloud.endpoint_url):
        return cloud
    if not _is_cloud(cloud.pid, state_dir):
        _record(state_dir).unlink(missing_ok=True)
    return None


def stop(state_dir: Path) -> bool:
    """Stop the laptop cloud of a state directory, and every process that it started; a cloud without a record, too.

    Returns:
        Whether there was one.
    """
    cloud = _recorded(state_dir)
    _record(state_dir).unlink(missing_ok=True)
    # Who starts a cloud may be killed before it is recorded.
    candidates = [*([] if cloud is None else [cloud.pid]), *psutil.pids()]
    found = next((pid for pid in candidates if _is_cloud(pid, state_dir)), None)
    if found is None:
        return False
    leader = psutil.Process(found)
    family = [leader, *leader.children(recursive=True)]
    leader.terminate()
    psutil.wait_procs([leader], timeout=_STOP_LIMIT_S)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=_STOP_LIMIT_S)
    if (started := _started.pop(leader.pid, None)) is not None:
        started.wait()
    return True


# --- starting --------------------------------------------------------------------------------------------------------


def _spawn(settings: CloudSettings, assembly: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "laptop_cloud",
        "--port",
        str(settings.port),
        "--state-dir",
        str(settings.state_dir),
    ]
    command += ["--assembly", str(assembly), "--account", settings.account, "--region", settings.region]
    if settings.clock is not None:
        command += ["--clock", settings.clock.isoformat()]
    # Without bytecode on disk each start would compile MiniStack anew, for two seconds.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log_file(settings.state_dir).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 -- this interpreter, with our own module
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started[process.pid] = process
    return process


@contextmanager
def _interrupts_held_back() -> Iterator[Callable[[], None]]:
    """Let a Ctrl-C come only when told to: while a process is being made, nobody could end it yet.

    What the block is given lets them come, and raises the one that came; at the end they come by themselves.
    """
    if threading.current_thread() is not threading.main_thread():
        # Python hands them to the main thread alone.
        yield lambda: None
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))

    def let_them_come() -> None:
        signal.signal(signal.SIGINT, before)
        while came:
            signal.raise_signal(came.pop())

    try:
        yield let_them_come
    finally:
        let_them_come()


def _wait_until_it_answers(process: subprocess.Popen[bytes], settings: CloudSettings) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CloudError(f"the laptop cloud ended with status {process.returncode}:\n{_tail(settings.state_dir)}")
        if _listens(process, settings.port) and _answers(settings.endpoint_url, within_s=_SHORT_S):
            return
        time.sleep(_POLL_S)
    process.kill()
    process.wait()
    raise CloudError(f"the laptop cloud did not answer within {_START_LIMIT_S:.0f} s:\n{_tail(settings.state_dir)}")


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it is this process that answers there, and not somebody else's cloud."""
    with suppress(psutil.Error):
        connections = psutil.Process(process.pid).net_connections(kind="tcp")
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)
    return False


def _is_taken(port: int) -> bool:
    try:
        check_port(port)
    except CloudError:
        return True
    return False


def _choose_port() -> int:
    try:
        return find_free_port(DEFAULT_PORT)
    except OSError as error:
        raise CloudError("no port is free on this computer") from error


def _answers(endpoint_url: str, *, within_s: float = _ANSWER_LIMIT_S) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=within_s):  # noqa: S310 -- ours
            return True
    except (urllib.error.URLError, OSError):
        return False


def _tail(state_dir: Path) -> str:
    lines = log_file(state_dir).read_text(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


# --- the record ------------------------------------------------------------------------------------------------------


def _record(state_dir: Path) -> Path:
    return state_dir / "cloud.json"


def _recorded(state_dir: Path) -> RunningCloud | None:
    try:
        return RunningCloud.model_validate_json(_record(state_dir).read_text())
    except (FileNotFoundError, ValidationError):
        return None


# --- processes -------------------------------------------------------------------------------------------------------


def _is_cloud(pid: int, state_dir: Path) -> bool:
    """Is the process the cloud of this state directory? A process id may have passed to another program since."""
    if pid in _started and _started[pid].poll() is not None:
        del _started[pid]
        return False
    try:
        command = psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
    return "laptop_cloud" in command and str(state_dir.resolve()) in command
