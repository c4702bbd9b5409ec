"""The Python runtime of Lambda, as far as a handler can tell: starts once an execution environment, serves invocations.

Runs by path in an interpreter that sees neither this project nor its packages, so it imports nothing but the standard
library. The parent writes one JSON line per message to standard input and reads one per answer from the descriptor
that standard output had at the start; what the handler prints goes to the log, which is standard error:
https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import resource
import sys
import time
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

END_OF_LOG = "\x00end of invocation "
"""Begins the line that closes an invocation's part of the log; the invocation's id follows."""

_LARGEST_RESPONSE_BYTES = 6_291_556
_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request_id)s\t%(message)s\n"


class Context(SimpleNamespace):
    """What the handler is given beside the event: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    deadline_s: float
    """Of `time.monotonic`: how long an invocation may take is no matter of any clock that is set."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, int((self.deadline_s - time.monotonic()) * 1000))

    def log(self, message: str) -> None:
        """Write a line to the log."""
        sys.stderr.write(f"{message}\n")


class _LogHandler(logging.Handler):
    """Lambda's own handler at the root: one line a record, with the id of the invocation that wrote it."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        record.request_id = self.request_id
        sys.stderr.write(self.format(record))


def main() -> None:
    """Serve until standard input ends."""
    requests, answers = _take_standard_streams()
    settings = json.loads(requests.readline())
    if settings["clock"] is not None:
        _enter_clock(**settings["clock"])
    sys.path[:0] = settings["path_first"]
    sys.path.extend(settings["path_last"])
    log_handler = _LogHandler()
    formatter = logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    log_handler.setFormatter(formatter)
    logging.getLogger().addHandler(log_handler)
    handler, fault = _load(settings["handler"])
    _answer(answers, fault or {"ready": True})
    if handler is None:
        return
    for line in requests:
        message = json.loads(line)
        log_handler.request_id = message["request_id"]
        answer = _invoke(handler, message)
        answer["peak_memory_mib"] = _peak_memory_mib()
        sys.stdout.flush()
        sys.stderr.write(f"{END_OF_LOG}{message['request_id']}\n")
        sys.stderr.flush()
        _answer(answers, answer)


def _enter_clock(program: str, file: str, libraries: dict[str, str]) -> None:
    """Tell the time of the cloud's own clock (`laptop_cloud.shared_clock`, by path)."""
    spec = importlib.util.spec_from_file_location("_laptop_cloud_clock", program)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 -- a file of Python
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.enter(file, libraries)


def _take_standard_streams() -> tuple[TextIO, TextIO]:
    """Keep the parent's two streams to ourselves; a handler that reads or prints shall not disturb them."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # always TextIOWrapper
    return requests, answers


def _peak_memory_mib() -> int:
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- pathlib would cost a cold start
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        # Not Linux. There the number is in bytes, and does not begin with the memory of the parent.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024)


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _load(handler: str) -> tuple[Callable[[Any, Context], Any] | None, dict[str, Any] | None]:
    """Import the handler; what goes wrong is named as Lambda names it."""
    module_name, _, function_name = handler.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as fault:
        return None, _error("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {fault}", None)
    except SyntaxError as fault:
        message = f"Syntax error in module '{module_name}': {fault}"
        return None, _error("Runtime.UserCodeSyntaxError", message, fault)
    except Exception as fault:  # noqa: BLE001 -- any failure of the function's own code is an answer
        return None, _error(type(fault).__name__, str(fault), fault)
    function = getattr(module, function_name, None)
    if function is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        return None, _error("Runtime.HandlerNotFound", message, None)
    return function, None


def _invoke(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> dict[str, Any]:
    try:
        result = handler(request["event"], _context(request))
    except Exception as fault:  # noqa: BLE001 -- any failure of the function's own code is an answer
        return _error(type(fault).__name__, str(fault), fault)
    try:
        size = len(json.dumps(result, ensure_ascii=False).encode())
    except (TypeError, ValueError) as fault:
        return _error("Runtime.MarshalError", f"Unable to marshal response: {fault}", None)
    if size > _LARGEST_RESPONSE_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({_LARGEST_RESPONSE_BYTES} bytes)."
        return _error("Function.ResponseSizeTooLarge", message, None)
    return {"result": result}


def _context(message: dict[str, Any]) -> Context:
    environment = os.environ
    return Context(
        aws_request_id=message["request_id"],
        invoked_function_arn=message["function_arn"],
        deadline_s=time.monotonic() + message["timeout_s"],
        function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        client_context=None,
        tenant_id=None,
    )


def _error(error_type: str, message: str, fault: BaseException | None) -> dict[str, Any]:
    """An error as Lambda returns it, the frames of this file left out; it is logged as Lambda logs it."""
    frames = (
        [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename != __file__] if fault else []
    )
    stack = traceback.format_list(frames)
    sys.stderr.write(f"[ERROR] {error_type}: {message}\n")
    if stack:
        sys.stderr.write("Traceback (most recent call last):\n" + "".join(stack))
    return {"error": {"errorMessage": message, "errorType": error_type, "stackTrace": stack}}


if __name__ == "__main__":
    main()
