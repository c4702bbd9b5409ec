"""What is read of captures and outcomes, whatever else lies beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noriba.aws.observations import Lines, list_keys
from noriba.events import OutcomeObserved

if TYPE_CHECKING:
    from noriba.aws.objects import ObjectStore

LINES = ["", "no json", "{}", "[]", "7", "null", '{"eventMetadata": {"inferenceId": "p"}, "captureData": 7}']
HAPPENED = OutcomeObserved(
    use_case="taxi_eta", prediction_id="p", value=61.5, observed_at=datetime(2026, 7, 1, tzinfo=UTC)
)


def keep(store: ObjectStore, *lines: str) -> list[str]:
    """One object with these lines."""
    store.write("outcomes/date=2026-07-01/a", "\n".join(lines).encode())
    return list_keys(store, ["outcomes/date=2026-07-01/"])


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_capture_is_counted_and_hides_no_other(store: ObjectStore, line: str) -> None:
    lines = Lines()

    assert list(lines.read_answers(store, keep(store, line, "still no json"))) == []
    assert lines.unreadable == 2


def test_all_good_lines_are_read_and_other_use_cases_outcomes_left_out(store: ObjectStore) -> None:
    lines = Lines()
    other = HAPPENED.model_copy(update={"use_case": "scooter_energy"})
    written = [
        json.dumps({"time": "2026-07-01T00:00:10Z", "detail": event.model_dump(mode="json")})
        for event in (HAPPENED, other)
    ]

    assert list(lines.read_outcomes(store, keep(store, written[0], "x", written[1]), use_case="taxi_eta")) == [HAPPENED]
    assert lines.unreadable == 1


@pytest.mark.parametrize("separator", ["\u2028", "\u0085"])
def test_a_separator_of_lines_within_a_name_ends_no_line(store: ObjectStore, separator: str) -> None:
    named = HAPPENED.model_copy(update={"candidate_id": f"car{separator}7"})
    detail = named.model_dump_json()
    lines = Lines()

    keys = keep(store, f'{{"time": "2026-07-01T00:00:10Z", "detail": {detail}}}', "")

    assert [one.candidate_id for one in lines.read_outcomes(store, keys, use_case="taxi_eta")] == [f"car{separator}7"]
    assert lines.unreadable == 0


def test_outcomes_that_were_reported_before_are_left_out(store: ObjectStore) -> None:
    line = json.dumps({"time": "2026-07-01T00:00:10Z", "detail": HAPPENED.model_dump(mode="json")})
    keys, lines = keep(store, line), Lines()

    def read(second: int, microsecond: int = 0) -> int:
        since = datetime(2026, 7, 1, 0, 0, second, microsecond, tzinfo=UTC)
        return len(list(lines.read_outcomes(store, keys, use_case="taxi_eta", reported_since=since)))

    # An event knows its second, no more.
    assert (read(9), read(10, 999_999), read(11)) == (1, 1, 0)
