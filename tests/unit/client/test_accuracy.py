"""What is read of captures and outcomes, whatever else lies beside them."""

from __future__ import annotations

import pytest

from noriba.client.accuracy import Unreadable
from noriba.records.captures import parse_capture

LINES = ["", "no json", "{}", "[]", "7", "null", '{"eventMetadata": {"inferenceId": "p"}, "captureData": 7}']


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_capture_is_counted_and_hides_no_other(line: str) -> None:
    unreadable = Unreadable()

    assert list(unreadable.parse(parse_capture, [line])) == []
    assert unreadable.lines == 1


def test_all_good_lines_are_read() -> None:
    unreadable = Unreadable()

    assert list(unreadable.parse(int, ["1", "x", "2"])) == [1, 2]
    assert unreadable.lines == 1
