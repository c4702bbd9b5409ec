"""Runs the laptop cloud in this process until it is told to stop.

Everything it keeps is in its state directory, and it begins empty: records that survived a restart would refer to
processes that did not.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve as serve_asgi
from hypercorn.config import Config
from pydantic import AwareDatetime, BaseModel, ConfigDict

from laptop_cloud.callers import describe_caller
from laptop_cloud.ports import HOST
from laptop_cloud.shared_clock import SharedClock, enter

DEFAULT_PORT = 4566

_LOG_BYTES = 10_000_000
# Pending requests are dropped on shutdown.
_GRACE_S = 1.0
_FULL = 2
_LOOK_EVERY_S = 1.0
_SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while others wait. The event loop gives it away at each read and write,
and with the usual 5 ms it waits that long again and again, wherever a thread computes: a request has many of them.
https://docs.python.org/3/library/sys.html#sys.setswitchinterval
"""
"""The oldest generation."""
_KEEP_ALIVE_S = 75.0

_log = logging.getLogger(__name__)


class CloudSettings(BaseModel):
    """How one laptop cloud is run."""

    model_config = ConfigDict(frozen=True)

    port: int
    state_dir: Path
    assemblies: tuple[Path, ...] = ()
    account: str = "123456789012"
    region: str = "us-east-1"
    clock: AwareDatetime | None = None
    """What its own clock tells at the start; real time, which nobody can move, when there is none."""

    @property
    def endpoint_url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


def log_file(state_dir: Path) -> Path:
    """Where the laptop cloud of a state directory writes its log."""
    return state_dir / "cloud.log"


def clock_file(state_dir: Path) -> Path:
    """Where the clock of a state directory stands, if the laptop cloud has one of its own."""
    return state_dir / "clock"


def serve(settings: CloudSettings) -> None:
    """Serve until SIGTERM or SIGINT; then end every process that was started."""
    state_dir = settings.state_dir.resolve()
    kept = {name: state_dir / name for name in ("s3", "functions", "sagemaker", "temporary")}
    for folder in kept.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    clock = None if settings.clock is None else clock_file(state_dir)
    if clock is not None:
        SharedClock.create(clock, settings.clock)
        enter(clock)
    _set_environment(settings, kept)
    _log_into(log_file(state_dir))
    _raise_file_limit()
    # Not sooner: MiniStack reads the environment when it is imported.
    from laptop_cloud.application import Application  # noqa: PLC0415

    application = Application(
        state_dir=state_dir,
        wheels_dir=state_dir.parent / "wheels",
        assemblies=settings.assemblies,
        endpoint_url=settings.endpoint_url,
        clock=clock,
    )
    status = 0
    try:
        asyncio.run(_serve(application.asgi, settings))
    except Exception as fault:  # noqa: BLE001 -- whatever it was, the processes that were started must be ended
        _log.exception("the laptop cloud cannot serve")
        sys.stderr.write(f"the laptop cloud cannot serve: {fault}\n")
        status = 1
    try:
        application.stop()
    except Exception:  # noqa: BLE001 -- as above; by now all were tried
        _log.exception("something did not end as it should")
        status = 1
    shutil.rmtree(kept["temporary"], ignore_errors=True)
    logging.shutdown()
    # Python would wait here for every thread of a pool, so for Task states that wait for a job that was just ended.
    os._exit(status)


async def _serve(asgi: Any, settings: CloudSettings) -> None:
    config = Config()
    config.bind = [f"{HOST}:{settings.port}"]
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.graceful_timeout = _GRACE_S
    config.shutdown_timeout = _GRACE_S
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")
    sys.setswitchinterval(_SWITCH_S)
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    forgetting = loop.create_task(forget_survivors())
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, told_to_stop.set)
    _log.info("the laptop cloud serves account %s in %s at %s", settings.account, settings.region, config.bind[0])
    try:
        await serve_asgi(asgi, config, shutdown_trigger=told_to_stop.wait)
    finally:
        forgetting.cancel()


async def forget_survivors(*, look_every_s: float = _LOOK_EVERY_S) -> None:
    """Leave what a full collection has found alive out of the next ones.

    Records of a cloud are many and stay. Looking through all of them again stops every request for a tenth of a second
    and more. https://docs.python.org/3/library/gc.html#gc.freeze

    Not from `gc.callbacks`: Python that runs within a collection lets other threads in wherever a tuple is made. What
    MiniStack takes for one step, `list(records.items())`, then meets a dictionary that changes.
    """
    known = 0
    while True:
        done = gc.get_stats()[_FULL]["collections"]
        if done != known:
            # What has become garbage since then is not to stay for ever.
            gc.collect(_FULL - 1)
            gc.freeze()
            known = done
        await asyncio.sleep(look_every_s)


def _set_environment(settings: CloudSettings, kept: dict[str, Path]) -> None:
    """What MiniStack and the AWS clients in this process read from the environment."""
    os.environ.update(
        {
            "GATEWAY_PORT": str(settings.port),
            "BIND_HOST": HOST,
            "MINISTACK_ACCOUNT_ID": settings.account,
            "MINISTACK_REGION": settings.region,
            # Bodies of objects are on disk; in memory they would be the largest part of this process.
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(kept["s3"]),
            "PERSIST_STATE": "0",
            "STATE_DIR": str(kept["temporary"]),
            "TMPDIR": str(kept["temporary"]),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            # Functions run as processes. A Docker engine, should there be one, is none of our business.
            "LAMBDA_STRICT": "0",
            "LAMBDA_EXECUTOR": "local",
            "DOCKER_HOST": f"unix://{kept['temporary']}/no-docker.sock",
            **describe_caller(settings.account, settings.region),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "SERVICES"):
        os.environ.pop(name, None)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # Machines wait for instances that take minutes to come; here they are processes, up within a second. By a clock
    # that is moved there is no need to hurry.
    os.environ.setdefault("SFN_WAIT_SCALE", "0.05" if settings.clock is None else "1")
    tempfile.tempdir = None


def _log_into(path: Path) -> None:
    """Send everybody's log into one file; MiniStack leaves a root logger that has a handler as it is."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.basicConfig(level=os.environ["LOG_LEVEL"], handlers=[handler], force=True)
    logging.getLogger("laptop_cloud").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
