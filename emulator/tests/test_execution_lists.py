"""A page of executions is MiniStack's own, and is made from those of its state machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.extensions.execution_lists import Executions, of_one_machine
from laptop_cloud.ministack_seams import Seam, in_scope, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
ACCOUNTS = "111111111111", "222222222222"
STATUSES = "RUNNING", "SUCCEEDED"
WRITES = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from("ab"), st.integers(0, 9), st.sampled_from(STATUSES)),
    max_size=30,
)


@pytest.fixture(autouse=True, scope="module")
def _in_its_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIR", str(tmp_path_factory.mktemp("ministack")))
        # It is imported here: it changes the limit of recursion, which no property may.
        store = reach(Seam.EXECUTIONS)
        kept = store._data
        yield
        store._data = kept


def list_all(find: Any, data: Json) -> list[Any]:
    """All pages."""
    pages = []
    while True:
        status, _, body = find(data)
        pages.append((status, json.loads(body)))
        if "nextToken" not in pages[-1][1]:
            return pages
        data = {**data, "nextToken": pages[-1][1]["nextToken"]}


@given(
    WRITES,
    WRITES,
    st.fixed_dictionaries(
        {},
        optional={
            "stateMachineArn": st.sampled_from(["a", "b", "c"]),
            "statusFilter": st.sampled_from(STATUSES),
            "maxResults": st.integers(1, 4),
        },
    ),
)
def test_pages_are_those_of_a_look_at_all_executions(
    begun: list[tuple[str, str, int, str]], gone: list[tuple[str, str, int, str]], data: Json
) -> None:
    store, find = reach(Seam.EXECUTIONS), reach(Seam.LIST_EXECUTIONS)
    told = []
    for records, listing in ((dict[Any, Any](), find), (Executions(), of_one_machine(find))):
        store._data = records
        for account, machine, number, status in begun:
            arn = f"{machine}/{number}"
            with in_scope(account, "us-east-1"):
                store[arn] = {
                    "executionArn": arn,
                    "stateMachineArn": machine,
                    "name": arn,
                    "status": status,
                    "startDate": f"2026-07-0{number}",
                }
                store[arn]["stopDate"] = None if status == "RUNNING" else "2026-07-31"
        for account, machine, number, _ in gone:
            with in_scope(account, "us-east-1"):
                store.pop(f"{machine}/{number}", None)
        with in_scope(ACCOUNTS[0], "us-east-1"):
            told.append(list_all(listing, data))

    assert told[0] == told[1]


def test_executions_of_others_are_not_looked_at() -> None:
    executions = Executions()
    for machine, size in (("a", 3), ("b", 100)):
        for number in range(size):
            executions["1", "r", f"{machine}/{number}"] = {"stateMachineArn": machine}

    look = of_one_machine(lambda _data: len(executions.items()))

    assert look({"stateMachineArn": "a"}) == 3
    assert look({}) == look({"stateMachineArn": 7}) == 103
