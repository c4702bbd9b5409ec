"""One way of answering an app's request in a function, warm, in a process of its own that measures in turn.

`python -m benchmarks.answering stubbed PORT`: the predict function, its endpoint stubbed; PORT is of a model's server.
`python -m benchmarks.answering asking`: the predict function with the clients that it really has.
`python -m benchmarks.answering plain`: a plain Powertools handler that predicts by itself.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks.model import ROOT, list_requests
from benchmarks.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "us-east-1"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "LEDGER_TABLE": "ledger",
    "MODELS_BUCKET": "models",
    "POWERTOOLS_METRICS_NAMESPACE": "noriba",
    "POWERTOOLS_SERVICE_NAME": "predict",
    "RESOURCE_PREFIX": "noriba",
}
_WARM_UP = 20
_OK = 200


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its invocation."""

    function_name: str = "predict"
    function_version: str = "1"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:predict"
    aws_request_id: str = "6d1c7b0e-6b0a-4f5e-8a53-0e1b2c3d4e5f"


@cache
def list_events(candidates: int) -> list[dict[str, Any]]:
    """Requests as API Gateway hands them to a function."""
    path = "/v1/taxi_eta/predictions"
    return [
        {
            "resource": "/v1/{use_case}/predictions",
            "path": path,
            "httpMethod": "POST",
            "headers": {"content-type": "application/json"},
            "multiValueHeaders": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": {"use_case": "taxi_eta"},
            "stageVariables": None,
            "requestContext": {"resourcePath": path, "httpMethod": "POST", "stage": "prod", "path": f"/prod{path}"},
            "body": body,
            "isBase64Encoded": False,
        }
        for body in list_requests(candidates)
    ]


def main(way: str, *arguments: str) -> None:
    """Measure in turn until nobody asks any more."""
    if way == "stubbed":
        handler, prepare = _stub(int(arguments[0]))
    elif way == "asking":
        handler, prepare = _load_ours(), lambda *, sends_on: None  # noqa: ARG005  # nothing to prepare
    else:
        handler, prepare = _load_plain(), lambda *, sends_on: None  # noqa: ARG005

    def measure(*, candidates: int, seconds: float, sends_on: bool = False) -> dict[str, Any]:
        """Seconds of each answer, for so long; and of the processor for all of them."""
        events, context = list_events(candidates), Context()
        prepare(sends_on=sends_on)
        for event in events[:_WARM_UP]:
            answered = handler(event, context)
            if answered["statusCode"] != _OK or len(json.loads(answered["body"])["predictions"]) != candidates:
                raise RuntimeError(f"{way} answered {answered['statusCode']}: {answered['body'][:500]}")
        taken, processor_s, end_s, place = [], time.process_time(), time.perf_counter() + seconds, 0
        while (begun_s := time.perf_counter()) < end_s:
            handler(events[place % len(events)], context)
            taken.append(time.perf_counter() - begun_s)
            place += 1
        return {"taken_s": taken, "processor_s": time.process_time() - processor_s}

    take_turns(measure)


def _load_ours() -> Callable[..., dict[str, Any]]:
    from functions.predict.handler import handler  # noqa: PLC0415  # it reads the environment

    return handler


def _load_plain() -> Callable[..., dict[str, Any]]:
    sys.path.append(str(ROOT / "benchmarks" / "peers"))
    from plain_handler import handler  # noqa: PLC0415  # see above; and LightGBM is not for the others to load

    return handler


def _stub(port: int) -> tuple[Callable[..., dict[str, Any]], Callable[..., None]]:
    from benchmarks.stub_clients import StubClients  # noqa: PLC0415
    from functions.predict import handler as module  # noqa: PLC0415  # it reads the environment

    clients, settings = StubClients(port), module.Settings.read()
    module.load_dependencies = lambda: (settings, clients)  # type: ignore[assignment,return-value]  # in place of AWS

    def prepare(*, sends_on: bool) -> None:
        clients.sagemaker_runtime.sends_on = sends_on
        clients.sagemaker_runtime.forget()

    return module.handler, prepare


if __name__ == "__main__":
    main(*sys.argv[1:])
