"""Python functions run as in Lambda: isolated, with Lambda's own packages, logs, errors and life cycle.

MiniStack starts them in this project's interpreter with this project's packages and environment, calls every failure
`Runtime.HandlerError`, ends the worker after it, opens a log stream per invocation and waits for logs by the clock.
Here an execution environment sees the function's code, its layers and what Lambda brings, nothing else; it survives
an error, and its failures have the names that Step Functions matches:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

from __future__ import annotations

import os
import uuid
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from laptop_cloud.extensions.lambda_code import CodeError, CodeStore
from laptop_cloud.extensions.lambda_environment import Environment, EnvironmentSettings, Outcome, StartError
from laptop_cloud.extensions.lambda_logs import name_log_group, with_one_stream_an_environment, write_log
from laptop_cloud.extensions.lambda_turns import find_turns
from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, complete_resource_type, reach, wrap
from laptop_cloud.shared_clock import real_time_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laptop_cloud.ministack_seams import Function

_IDLE_S = 180.0
_LOOK_EVERY_S = 30.0
_LAYER_PACKAGES = "python"

Json = dict[str, Any]


class PythonWorker(reach(Seam.WORKER)):  # type: ignore[misc]  # MiniStack has no types
    """An execution environment in MiniStack's pool, which leases, returns and discards it."""

    store: ClassVar[CodeStore]
    endpoint_url: ClassVar[str]
    clock: ClassVar[Path | None] = None
    started: ClassVar[weakref.WeakSet[PythonWorker]] = weakref.WeakSet()

    environment: Environment | None = None

    def invoke(self, event: Any, request_id: str, **carried: Any) -> Json:
        """Run one invocation, in the process that is there or in a new one."""
        arn = carried.get("invoked_function_arn") or self.config["FunctionArn"]
        with self._lock:
            outcome, start_s = self._run(event, request_id, arn)
            log = write_log(outcome, self.config, request_id, start_s)
        return {
            "status": "ok" if outcome.error is None else "error",
            "result": outcome.result,
            "error": outcome.error,
            "log": log,
            "log_stream": self.log_stream,
            "duration_ms": outcome.duration_s * 1000,
        }

    def _run(self, event: Any, request_id: str, arn: str) -> tuple[Outcome, float | None]:
        """The outcome, and how long a cold start took before it."""
        environment, start_s = self.environment, None
        try:
            if environment is None or not environment.is_running():
                environment = self._spawn(in_background=not _is_request(event))
                start_s = environment.start_s
            return environment.invoke(event, request_id, arn), start_s
        except StartError as fault:
            return Outcome(error=fault.error, log=fault.log), None
        except CodeError as fault:
            error = {"errorType": "Runtime.ImportModuleError", "errorMessage": str(fault)}
            return Outcome(error=error, log=(str(fault),)), None

    def _spawn(self, *, in_background: bool = False) -> Environment:
        """Start a process; the name is MiniStack's, which calls it when a SnapStart version is published."""
        now = datetime.now(UTC)
        self.log_stream = f"{now:%Y/%m/%d}/[{self.config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"
        self.environment = Environment(self._settings(in_background=in_background))
        self._proc = self.environment.process
        self.started.add(self)
        return self.environment

    def _settings(self, *, in_background: bool) -> EnvironmentSettings:
        config = self.config
        code, replaced = self.store.prepare(self.code_zip)
        layers: list[Path] = []
        for layer in config.get("Layers") or ():
            tree, wheels = self.store.prepare(reach(Seam.LAYER_CODE)(layer), packages=_LAYER_PACKAGES)
            layers += [tree / _LAYER_PACKAGES, *sorted(tree.glob("python/lib/python*/site-packages")), *wheels]
        return EnvironmentSettings(
            handler=config["Handler"],
            code=code,
            path_first=(code, *replaced, *layers),
            path_last=(self.store.runtime,),
            variables=self._variables(code),
            timeout_s=float(config["Timeout"]),
            memory_mib=int(config.get("MemorySize", 128)),
            clock=self.clock,
            in_background=in_background,
        )

    def _variables(self, code: Path) -> dict[str, str]:
        """The environment: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
        config = self.config
        name, region = config["FunctionName"], config["FunctionArn"].split(":")[3]
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **(config.get("Environment") or {}).get("Variables", {}),
            **reach(Seam.CREDENTIALS)(config),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if _has_snapshot(config) else "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": name_log_group(config),
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": config["Handler"],
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 -- where Lambda lets a function write
        }

    def _discard_tmpdir(self) -> None:
        """Tidy up after the process; the name is MiniStack's, whose workers have a folder each."""
        if self.environment is not None:
            self.environment.end()

    @classmethod
    def end_idle(cls) -> None:
        """End the processes that have had nothing to do for three minutes; the next invocation starts a new one."""
        for worker in list(cls.started):
            idle = not worker.in_use and real_time_s() - worker.last_used > _IDLE_S
            if idle and worker._lock.acquire(blocking=False):  # noqa: SLF001 -- a worker of our own class
                try:
                    worker.kill()
                finally:
                    worker._lock.release()  # noqa: SLF001 -- as above


def install(state_dir: Path, wheels_dir: Path, endpoint_url: str, *, clock: Path | None = None) -> Callable[[], None]:
    """Close the gap.

    Args:
        state_dir: for unpacked code.
        wheels_dir: for wheels of this computer, shared between laptop clouds.
        endpoint_url: where functions find AWS.
        clock: whose time they tell, where it is not the real one.

    Returns:
        What ends every process.
    """
    store = PythonWorker.store = CodeStore(state_dir, wheels_dir)
    PythonWorker.endpoint_url = endpoint_url
    PythonWorker.clock = clock
    wrap(Seam.FETCH_CODE, lambda fetch: _kept_on_disk(fetch, store))
    wrap(Seam.WORKER_CLASS, lambda choose: lambda config: PythonWorker if _is_python(config) else choose(config))
    wrap(Seam.RUN_IN_WORKER, _run_python)
    wrap(Seam.LAMBDA_LOGS, with_one_stream_an_environment)
    # Unpacked when deployed: what cannot run here is told by the deployment, not by the first event.
    complete_resource_type("AWS::Lambda::Function", lambda name, _properties: _prepare_function(name, store))
    complete_resource_type("AWS::Lambda::LayerVersion", lambda arn, _properties: _prepare_layer(arn, store))
    ticker = Ticker("idle-functions", PythonWorker.end_idle, every_s=_LOOK_EVERY_S)

    def stop() -> None:
        ticker.stop()
        reach(Seam.END_WORKERS)()

    return stop


def _is_python(config: Json) -> bool:
    return str(config.get("Runtime", "")).startswith("python")


def _is_request(event: Any) -> bool:
    """Whether somebody waits for the answer at an API.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-example-event
    """
    return isinstance(event, dict) and "requestContext" in event


def _has_snapshot(config: Json) -> bool:
    return (config.get("SnapStart") or {}).get("OptimizationStatus") == "On"


def _kept_on_disk(fetch: Function, store: CodeStore) -> Function:
    def fetch_code(bucket: str, key: str, version_id: str | None = None) -> Any:
        archive = fetch(bucket, key, version_id=version_id)
        return store.keep(archive) if archive else archive

    return fetch_code


def _prepare_function(name: str, store: CodeStore) -> None:
    function = reach(Seam.FUNCTIONS)[name]
    if _is_python(function["config"]) and function.get("code_zip"):
        store.prepare(function["code_zip"])


def _prepare_layer(arn: str, store: CodeStore) -> None:
    name, number = arn.rsplit(":", 2)[1:]
    version, _error = reach(Seam.FIND_LAYER)(name, int(number))
    if version["_zip_data"]:
        version["_zip_data"] = store.keep(version["_zip_data"])
        store.prepare(version["_zip_data"], packages=_LAYER_PACKAGES)


def _run_python(run_other: Function) -> Function:
    def run(function: Json, event: Any, request_id: str) -> Json:
        config = function.get("config") or function
        if not _is_python(config) or not function.get("code_zip"):
            result: Json = run_other(function, event, request_id)
            return result
        turns = find_turns(config["FunctionArn"])
        taken = turns.take()
        try:
            return _run_in_pool(function, config, event, request_id)
        finally:
            if taken:
                turns.give_back()

    return run


def _run_in_pool(function: Json, config: Json, event: Any, request_id: str) -> Json:
    worker, _how = reach(Seam.LEASE_WORKER)(
        config["FunctionName"], config, function["code_zip"], qualifier=config.get("Version", "$LATEST")
    )
    try:
        done = worker.invoke(event, request_id, invoked_function_arn=config["FunctionArn"])
    finally:
        reach(Seam.RETURN_WORKER)(worker)
    result = {"log": done["log"], "log_source": done["log_stream"], "duration_ms": done["duration_ms"]}
    if done["error"] is None:
        return {**result, "body": done["result"]}
    return {**result, "body": done["error"], "error": True, "function_error": "Unhandled"}
