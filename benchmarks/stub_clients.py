"""AWS as the predict function asks it, in its own process: a ledger that knows nothing, and an endpoint.

What a model's server really answers is asked of one that runs, by the body that the function really wrote; from then
on any body gets that answer at once, or each is sent on to the server.
"""

from __future__ import annotations

import io
from typing import Any

from benchmarks.serving import Asking, Connection

VERSION = "v7"


class StubRuntime:
    """SageMaker's runtime client, as far as the function calls it.

    Args:
        port: of a model's server.
    """

    def __init__(self, port: int) -> None:
        self._connection = Connection(port)
        self._answer: bytes | None = None
        self.sends_on = False

    def forget(self) -> None:
        """The next body is asked of the server; those after it get its answer."""
        self._answer = None

    def invoke_endpoint(self, *, Body: bytes, ContentType: str, **_more: Any) -> dict[str, Any]:  # noqa: N803  # AWS's names
        """https://docs.aws.amazon.com/boto3/latest/reference/services/sagemaker-runtime/client/invoke_endpoint.html."""
        if self._answer is None or self.sends_on:
            status, self._answer = self._connection.ask(Asking("/invocations", ContentType, ()).write(Body))
            if status != 200:  # noqa: PLR2004  # OK
                raise RuntimeError(f"the model's server answered {status}: {self._answer!r}")
        return {"Body": io.BytesIO(self._answer), "InvokedProductionVariant": VERSION}


class StubTable:
    """DynamoDB's table without any entry."""

    def get_item(self, **_asked: Any) -> dict[str, Any]:
        """Nothing is there."""
        return {}


class StubDynamoDB:
    """DynamoDB's resource, as far as the function calls it."""

    def Table(self, _name: str) -> StubTable:  # noqa: N802  # boto3's name
        """A table."""
        return StubTable()


class StubClients:
    """In the place of `noriba.aws.clients.Clients`."""

    def __init__(self, port: int) -> None:
        self.sagemaker_runtime = StubRuntime(port)
        self.dynamodb = StubDynamoDB()
        self.s3: Any = None
