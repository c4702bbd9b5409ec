"""A function from nothing to its first answer. `python first_answer.py MODULE EVENT.json`, and nothing of ours before.

Prints seconds: of the import, of the answer, and of the processor for both and the interpreter.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path


class Context:
    """What Lambda tells a function of its invocation."""

    function_name = "predict"
    function_version = "1"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:predict"
    aws_request_id = "6d1c7b0e-6b0a-4f5e-8a53-0e1b2c3d4e5f"


def main(module: str, event_file: str) -> None:
    """Import the handler, answer one event, and tell."""
    event = json.loads(Path(event_file).read_bytes())
    found = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    begun_s = time.perf_counter()
    handler = importlib.import_module(module).handler
    imported_s = time.perf_counter()
    answered = handler(event, Context())
    done_s = time.perf_counter()
    if answered["statusCode"] != 200:  # noqa: PLR2004  # OK
        sys.exit(f"{module} answered {answered['statusCode']}: {answered['body'][:500]}")
    found.write(json.dumps([imported_s - begun_s, done_s - imported_s, time.process_time()]))
    found.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
