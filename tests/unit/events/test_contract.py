"""The shape of every event, pinned: others read these events, and an archive holds those of years ago."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from noriba.events import NORIBA_EVENTS

CONTRACT = Path(__file__).with_name("contract.json")
HOW_TO_RENEW = (
    "An event changed its shape. A new optional field is compatible: renew the contract with\n"
    "    python tests/unit/events/test_contract.py\n"
    "and say so in CHANGELOG.md. Anything else breaks rules, archived events and readers of the old shape:\n"
    "publish a new event beside the old one instead."
)


def describe_contract() -> dict[str, Any]:
    return {
        event.__name__: {
            "source": event.source,
            "detail-type": event.detail_type(),
            "detail": drop_words(event.model_json_schema()),
        }
        for event in NORIBA_EVENTS
    }


def drop_words(schema: Any) -> Any:
    """The schema without titles and descriptions, which may be improved at any time."""
    if isinstance(schema, list):
        return [drop_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    words = {name for name in ("title", "description") if isinstance(schema.get(name), str)}
    return {name: drop_words(value) for name, value in schema.items() if name not in words}


def test_every_event_has_the_shape_that_was_promised() -> None:
    assert describe_contract() == json.loads(CONTRACT.read_text(encoding="utf-8")), HOW_TO_RENEW


if __name__ == "__main__":
    CONTRACT.write_text(json.dumps(describe_contract(), indent=2) + "\n", encoding="utf-8")
