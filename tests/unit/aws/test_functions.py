"""A function's answer, or its error as ours."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import pytest

from noriba.aws.functions import FunctionError, invoke

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FakeLambda:
    """Functions that answer what they are given, unless that is no good."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's names
        if Payload == b'"bad"':
            failure = f'{{"errorType": "BadError", "errorMessage": "{FunctionName} does not like it"}}'
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(failure.encode())}
        return {"Payload": io.BytesIO(Payload)}


def test_what_a_function_answers_is_handed_on_and_what_it_raises_is_raised() -> None:
    functions = cast("LambdaClient", FakeLambda())

    assert invoke(functions, "echo", '{"a": 1}') == b'{"a": 1}'
    with pytest.raises(FunctionError, match="echo: BadError: echo does not like it"):
        invoke(functions, "echo", '"bad"')
