"""A long log is read to its end."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.extensions.log_pages import give_pages

Json = dict[str, Any]


def read_all(times: list[int], *, limit: int, start: int | None) -> list[int]:
    """The numbers of the lines, page by page."""

    def find(data: Json) -> tuple[int, Json, bytes]:
        begin = data["startTime"]
        found = [
            {"timestamp": at, "message": number} for number, at in enumerate(times) if begin is None or at >= begin
        ]
        return 200, {}, json.dumps({"events": found[: data["limit"]]}).encode()

    ask, told = give_pages(find), []
    request: Json = {"limit": limit, **({} if start is None else {"startTime": start})}
    while True:
        answer = json.loads(ask(request)[2])
        told += [event["message"] for event in answer["events"]]
        if "nextToken" not in answer:
            return told
        request["nextToken"] = answer["nextToken"]


@given(st.lists(st.integers(0, 5)).map(sorted), st.integers(1, 7), st.none() | st.integers(0, 6))
def test_each_line_is_told_once_and_in_order(times: list[int], limit: int, start: int | None) -> None:
    told = read_all(times, limit=limit, start=start)

    assert told == [number for number, at in enumerate(times) if start is None or at >= start]
    assert all(before < after for before, after in pairwise(told))


def test_an_error_stays_one() -> None:
    refused: tuple[int, Json, bytes] = (400, {}, b"no such group")

    assert give_pages(lambda _data: refused)({"logGroupName": "none"}) == refused
