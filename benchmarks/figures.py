"""What a measurement found, beside what people would pick instead and what it is to reach; as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.machine import Machine

_HEADER = ("figure", "noriba", "reach", "met", "peers, and how many times as good noriba is")
_BEGIN, _END = "<!-- figures: begin -->\n", "<!-- figures: end -->"
_MET = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: what was measured; it begins with its group's name.
        unit: of ours, of the peers' and of the reach.
        ours: the number.
        peers: the same of what people would pick instead, by name, measured in the same run.
        reach: what ours is to be at most, or at least where more is better; None where nothing was set.
        more_is_better: such as rows in a second; otherwise less is, such as seconds.
        note: what one must know to read it.
        limits: what nobody could pass on this machine, by name; no peers, so no ratio is of them.
    """

    name: str
    unit: str
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    reach: float | None = None
    more_is_better: bool = False
    note: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def peer(self) -> float | None:
        """The best peer's number; None without peers."""
        if not self.peers:
            return None
        return max(self.peers.values()) if self.more_is_better else min(self.peers.values())

    @property
    def ratio(self) -> float | None:
        """How many times as good as the best peer ours is; None without peers."""
        return None if self.peer is None else self.compare(self.peer)

    @property
    def met(self) -> bool | None:
        """Whether ours reaches what was set; None where nothing was."""
        if self.reach is None:
            return None
        return self.ours >= self.reach if self.more_is_better else self.ours <= self.reach

    def compare(self, theirs: float) -> float:
        """How many times as good as another number ours is; over 1 is better."""
        return self.ours / theirs if self.more_is_better else theirs / self.ours

    def to_json(self) -> dict[str, Any]:
        """As a record of `figures`."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "ratio": self.ratio,
            "reach": self.reach,
            "met": self.met,
            "more_is_better": self.more_is_better,
            "peers": dict(self.peers),
            "limits": dict(self.limits),
            "note": self.note,
        }

    def to_row(self) -> tuple[str, str, str, str, str]:
        """As cells of the table."""
        reach = "" if self.reach is None else f"{'≥' if self.more_is_better else '≤'} {write_number(self.reach)}"
        beside = [
            f"{name} {write_number(theirs)} ({write_number(self.compare(theirs))} ×)"
            for name, theirs in self.peers.items()
        ]
        beside += [f"limit: {name} {write_number(limit)}" for name, limit in self.limits.items()]
        name = f"{self.name}, {self.unit}" if self.unit else self.name
        return name, write_number(self.ours), reach, _MET[self.met], "; ".join(beside)


def write_number(number: float) -> str:
    """Three digits that count; whole numbers from a hundred on."""
    if number == 0 or not np.isfinite(number):
        return f"{number:g}"
    digits = 2 - int(np.floor(np.log10(abs(number))))
    return f"{number:,.0f}" if digits <= 0 else f"{number:.{digits}f}"


def write_table(figures: Sequence[Figure]) -> str:
    """All figures, for a terminal; notes stand below, each once."""
    rows = [_HEADER, *(figure.to_row() for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADER))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]), row[3].ljust(widths[3]), row[4]]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *_list_notes(figures)])


def write_markdown(figures: Sequence[Figure], machine: Machine) -> str:
    """All figures, for docs/performance.md."""
    rows = [_HEADER, ("---", "---:", "---:", "---", "---"), *(figure.to_row() for figure in figures)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "\n".join(f"- {note}" for note in _list_notes(figures))
    return f"{machine.describe()}\n\n{table}\n\n{notes}\n"


def put_into_page(page: str, table: str) -> str:
    """A page with this table between its marks; the table alone where the page has no marks."""
    before, begin, rest = page.partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    return f"{before}{begin}\n{table}{end}{after}" if begin and end else table


def write_json(figures: Sequence[Figure], machine: Machine) -> str:
    """All figures, for programs."""
    document = {"machine": vars(machine), "figures": [figure.to_json() for figure in figures]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def measure_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """How cost grows with size: the power, by least squares of log cost on log size; 1 is linear.

    Raises:
        ValueError: fewer than two sizes, or a number that has no logarithm.
    """
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if len(set(x.tolist())) < 2 or len(x) != len(y) or min(x.min(), y.min()) <= 0:  # noqa: PLR2004  # a line has two ends
        raise ValueError("two different sizes and as many costs are needed, all over 0")
    slope, _constant = np.polyfit(np.log(x), np.log(y), 1)
    return float(slope)


def pick_percentiles(samples: Iterable[float]) -> tuple[float, float]:
    """Median and p99."""
    p50, p99 = np.percentile(np.asarray(list(samples), dtype=np.float64), [50, 99])
    return float(p50), float(p99)


def _list_notes(figures: Sequence[Figure]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for figure in figures:
        if figure.note:
            groups.setdefault(figure.note, []).append(figure.name)
    return [f"{_shorten(names)}: {note}" for note, names in groups.items()]


def _shorten(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
