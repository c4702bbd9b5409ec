"""What was asked of policies: who called what on which resource, and whether they were let."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from laptop_cloud.process import RunningCloud

CALLS = "/_laptop_cloud/calls"
"""`GET` them: one `RecordedCall` a line, as JSON."""
OTHERS = "(others)"
"""The resource of calls beyond those that are kept apart."""

_ANSWER_LIMIT_S = 30.0


class RecordedCall(BaseModel):
    """Calls that are alike in all of this, and how many there were.

    Args:
        account: the caller's.
        principal: `role/NAME`, `user/NAME`, `root`, or `nobody` for a request that bears no known key.
        action: as policies name it, `s3:GetObject`.
        resource: its ARN. Of an object, two folders at most (`arn:aws:s3:::bucket/a/b/` of `a/b/c/d.csv`), of a
            request to an API its method (`…:api/stage/GET/`): the rest may name people.
        keys: what conditions could ask about; values only of keys that say something of the call and nothing of data,
            None for the others.
        allowed: whether it was.
        count: how often.
    """

    model_config = ConfigDict(frozen=True)

    account: str
    principal: str
    action: str
    resource: str
    keys: dict[str, Any]
    allowed: bool
    count: int


def read_calls(cloud: RunningCloud) -> list[RecordedCall]:
    """All that a cloud has recorded since it was started.

    Raises:
        OSError: it does not answer.
    """
    with urllib.request.urlopen(f"{cloud.endpoint_url}{CALLS}", timeout=_ANSWER_LIMIT_S) as answer:  # noqa: S310 -- ours
        return [RecordedCall(**json.loads(line)) for line in answer]
