"""Functions, called as one calls a function: the answer is waited for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionError(NoribaError):
    """A function raised an error; its log says more."""


def invoke(functions: LambdaClient, name: str, event: str) -> bytes:
    """What a function answers to an event, both in JSON.

    Raises:
        FunctionError: it raised an error.
    """
    answer = functions.invoke(FunctionName=name, Payload=event.encode())
    content = answer["Payload"].read()
    if answer.get("FunctionError"):
        failure = json.loads(content)
        raise FunctionError(f"{name}: {failure.get('errorType')}: {failure.get('errorMessage')}")
    return content
