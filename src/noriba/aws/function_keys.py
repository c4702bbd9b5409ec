"""The keys that a function signs with, as Lambda gives them to it.

A function has them in its environment. One that starts from a snapshot asks a local address for them, for keys of the
moment when the snapshot was taken would be old.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-security.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noriba.aws.signing import Keys

_BEFORE_THE_END = timedelta(minutes=5)
_PATIENCE_S = 2.0


class FunctionKeys:
    """Keys for as long as they are good."""

    def __init__(self) -> None:
        self._known: Keys | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    @staticmethod
    def are_there() -> bool:
        """Whether the environment has keys for a function, or says where they are."""
        return "AWS_ACCESS_KEY_ID" in os.environ or "AWS_CONTAINER_CREDENTIALS_FULL_URI" in os.environ

    def find(self, now: datetime) -> Keys:
        """Keys that are good for some minutes yet.

        Raises:
            OSError: whoever has them did not answer.
            ValueError, KeyError: what it answered is none.
        """
        if self._known is None or now >= self._until:
            self._known, self._until = _read_keys()
        return self._known


def _read_keys() -> tuple[Keys, datetime]:
    if "AWS_ACCESS_KEY_ID" in os.environ:
        found = os.environ
        keys = Keys(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found.get("AWS_SESSION_TOKEN"))
        # They end when the function does.
        return keys, datetime.max.replace(tzinfo=UTC)
    address = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    if not address.startswith("http://"):
        raise ValueError("AWS_CONTAINER_CREDENTIALS_FULL_URI is no local address")
    with urllib.request.urlopen(  # noqa: S310  # http alone, as Lambda says it
        urllib.request.Request(address, headers=_read_token()),  # noqa: S310
        timeout=_PATIENCE_S,
    ) as answer:
        said = json.load(answer)
    ends = datetime.fromisoformat(said["Expiration"])
    return Keys(said["AccessKeyId"], said["SecretAccessKey"], said.get("Token")), ends - _BEFORE_THE_END


def _read_token() -> dict[str, str]:
    file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = (
        Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    )
    return {} if token is None else {"Authorization": token}
