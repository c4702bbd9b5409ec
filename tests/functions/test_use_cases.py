"""What is wrong with one use case holds up no other, and is told when all are done."""

from __future__ import annotations

import pytest

from functions.use_cases import do_for_each

NAMES = ("bikes", "scooters", "taxis")


class UndoneError(Exception):
    """What a function raises of those that failed."""


def test_answers_come_in_the_order_of_use_cases() -> None:
    assert do_for_each(NAMES, len, trouble="not counted", fail=UndoneError) == [5, 8, 5]


def test_all_others_are_done_before_one_is_told() -> None:
    done: list[str] = []

    def do(use_case: str) -> None:
        if use_case != "scooters":
            raise ValueError(f"{use_case} on Monday")
        done.append(use_case)

    with pytest.raises(UndoneError, match=r"^bikes, taxis$"):
        do_for_each(NAMES, do, trouble="not done", fail=UndoneError)
    with pytest.raises(UndoneError, match=r"^bikes on Monday, taxis on Monday$"):
        do_for_each(NAMES, do, trouble="not done", fail=UndoneError, name=lambda _, error: str(error))
    assert done == ["scooters"] * 2
