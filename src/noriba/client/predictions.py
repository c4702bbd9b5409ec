"""The API as an app sees it: over HTTP, with a key."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from noriba.client.session import Session

_OK = 200
_TIMEOUT_S = 30.0
_CONNECTIONS = 16
"""Kept open, for a program that asks from several threads."""


class ApiError(NoribaError):
    """The API answered with a problem, or not at all."""


@dataclass(frozen=True)
class Prediction:
    """An answer, and how long it took in milliseconds, the way there and back included."""

    answer: dict[str, Any]
    latency_ms: float


class ApiClient:
    """An app's view of the API."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self.key = key
        self._pool = urllib3.PoolManager(
            headers={"x-api-key": key, "content-type": "application/json"},
            timeout=urllib3.Timeout(_TIMEOUT_S),
            maxsize=_CONNECTIONS,
        )

    @classmethod
    def of(cls, session: Session) -> ApiClient:
        """The deployment's API, with the first app's key."""
        found = session.at("serving").apigateway.get_api_key(apiKey=session.deployment.api_key_id, includeValue=True)
        return cls(session.deployment.api_url, found["value"])

    def post(self, path: str, document: object) -> tuple[int, dict[str, Any]]:
        """Status and JSON document of an answer."""
        answer = self._pool.request("POST", f"{self._url}{path}", body=json.dumps(document).encode())
        return answer.status, answer.json()

    def predict(self, use_case: str, request: object) -> Prediction:
        """Ask for a prediction.

        Raises:
            ApiError: anything but 200; the message is the problem's own.
        """
        start = time.perf_counter()
        try:
            status, answer = self.post(f"/v1/{use_case}/predictions", request)
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(f"the API at {self._url} did not answer: {error}") from error
        took_ms = (time.perf_counter() - start) * 1000.0
        if status != _OK:
            raise ApiError(f"{status} {answer.get('title', '')}: {answer.get('detail', answer)}")
        return Prediction(answer, round(took_ms, 1))
