"""The matrix that people read: `matrix.txt`, as a table in memory, and as the page in the documentation has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEGEND = re.compile(r"^    (\S\S)  (\S+)$", re.MULTILINE)
_ROW = re.compile(r"^(\S.*?) *\|([ .+|]+)$", re.MULTILINE)
_APPROVER = "Approver"
PAGE_WORDS = {_APPROVER: "the approver's role", "app": "anybody else"}


@dataclass(frozen=True)
class Matrix:
    """Who may do what.

    Attributes:
        columns: names of those who ask, in order.
        rows: what each may, in the columns' order, by action.
        text: the table as it stands in the file.
    """

    columns: Sequence[str]
    rows: Mapping[str, Sequence[bool]]
    text: str

    def allowed(self, column: str) -> set[str]:
        """The actions that one of the columns may."""
        at = self.columns.index(column)
        return {action for action, cells in self.rows.items() if cells[at]}

    def render(self, columns: Sequence[str], *, whole: bool) -> str:
        """Some of the columns as a table in Markdown; whole, or the rows alone in which any of those may."""
        chosen = [self.columns.index(column) for column in columns]
        lines = [
            f"| | {' | '.join(PAGE_WORDS.get(column, column) for column in columns)} |",
            f"|---|{'---|' * len(columns)}",
        ]
        for action, cells in self.rows.items():
            if whole or any(cells[at] for at in chosen):
                lines.append(f"| {action} | {' | '.join('●' if cells[at] else '' for at in chosen)} |")
        return re.sub(r" +\|", " |", "\n".join(lines))


def read_matrix() -> Matrix:
    """The table of `matrix.txt`."""
    text = (Path(__file__).parent / "matrix.txt").read_text(encoding="utf-8")
    head, _, body = text.partition("\naction ")
    names = dict(_LEGEND.findall(head))
    columns = [names[short] for short in re.findall(r"[A-Z-]{2}", body.splitlines()[0])]
    found = [(action, re.findall(r"[.+]", cells)) for action, cells in _ROW.findall(body)]
    rows = {action: [cell == "+" for cell in cells] for action, cells in found}
    assert len(rows) == len(found), "an action stands twice"
    assert {len(cells) for cells in rows.values()} == {len(columns)}, "a row has not a cell for each column"
    assert len(names) == len(columns) == len(set(columns)), "a column is not in the legend, or twice"
    return Matrix(columns, rows, text)
