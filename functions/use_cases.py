"""The same for every use case: what is wrong with one holds up no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from functions.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def do_for_each(
    use_cases: Iterable[str],
    do: Callable[[str], T],
    *,
    trouble: str,
    fail: Callable[[str], Exception],
    name: Callable[[str, Exception], str] = lambda use_case, _error: use_case,
) -> list[T]:
    """Do something for each; what it answered, in their order.

    Args:
        use_cases: names.
        do: what is to be done, for one of them.
        trouble: what the log says where it failed.
        fail: the error for those of which it failed, named, with commas between them.
        name: how one of them is named, given its error.

    Raises:
        Exception: the one that `fail` makes, after all others were done.
    """
    answers, failed = [], []
    for use_case in use_cases:
        try:
            answers.append(do(use_case))
        except Exception as error:  # whatever it is: the others are to be done
            logger.exception(trouble, extra={"use_case": use_case})
            failed.append(name(use_case, error))
    if failed:
        raise fail(", ".join(failed))
    return answers
