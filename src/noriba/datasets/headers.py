"""What is likely wrong with a header that nobody recognises, without repeating any of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATORS = {";": "`;`", "\t": "tabs", "|": "`|`"}
_VALUE = re.compile(r"\s*(?:[-+.]?\d.*)?", re.DOTALL)


def guess_mistake(header: Sequence[str]) -> str:
    """A clause with the remedy, or nothing where the names are merely others.

    Args:
        header: the names as they were read, which may be the values of a row.
    """
    text = ",".join(header)
    for sign, name in _SEPARATORS.items():
        if sign in text:
            return f" (is it separated by {name}? Save it with commas)"
    if any(_VALUE.fullmatch(name) for name in header):
        return " (has it no header? Write the columns' names into the first line)"
    return ""
