"""AWS's signature of a request, version 4, as far as requests of ours need it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Keys:
    """What requests are signed with; what is secret is not shown."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return f"Keys({self.access_key})"


@dataclass(frozen=True)
class Place:
    """Where signed requests go.

    Attributes:
        host: as the Host header says it.
        region: its name.
        service: as signatures call it, `sagemaker` or `dynamodb`.
    """

    host: str
    region: str
    service: str


def sign(
    place: Place, keys: Keys, *, path: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> dict[str, str]:
    """The headers of a signed POST.

    Args:
        place: where it goes.
        keys: whose it is.
        path: without a query, of letters, digits, `/`, `-`, `.`, `_` and `~` alone.
        headers: of the request besides; names in lower case.
        body: what is sent.
        at: now, in UTC.
    """
    day, moment = f"{at:%Y%m%d}", f"{at:%Y%m%dT%H%M%SZ}"
    signed = {**headers, "host": place.host, "x-amz-date": moment}
    if keys.token is not None:
        signed["x-amz-security-token"] = keys.token
    names = sorted(signed)
    canonical = "\n".join(
        [
            "POST",
            path,
            "",
            *[f"{name}:{' '.join(signed[name].split())}" for name in names],
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{day}/{place.region}/{place.service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _derive_key(keys.secret_key, day, place.region, place.service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={keys.access_key}/{scope}"
    signed["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return signed


@lru_cache(maxsize=4)
def _derive_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The same for a day."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
