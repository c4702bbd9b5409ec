"""How the bounds of a comparison close, look after look, as an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.rollout.pairing import Look

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 48, 40
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.faint { fill: #57606a }
.band { fill: #54aeff; fill-opacity: .35 }
.estimate { fill: none; stroke: #0550ae; stroke-width: 2 }
.zero { stroke: #57606a; stroke-dasharray: 4 4 }
.frame { fill: #fff; stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #8b949e } .frame { fill: #0d1117; stroke: #30363d }
  .estimate { stroke: #79c0ff } .zero { stroke: #8b949e }
}
"""


@dataclass(frozen=True)
class Panel:
    """One comparison.

    Attributes:
        title: what was compared.
        note: what came of it.
        looks: what was known at each look; those without bounds are left out.
        unit: of the difference.
        better: which way is good.
    """

    title: str
    note: str
    looks: Sequence[Look]
    unit: str = ""
    better: Literal["less", "more"] = "less"


def draw_bounds(panels: Sequence[Panel]) -> str:
    """Panels one under the other: outcomes to the right, what is the challenger's less the champion's upwards."""
    height = _HEIGHT * len(panels)
    body = "\n".join(
        f'<g transform="translate(0 {number * _HEIGHT})">\n{chr(10).join(_draw(panel, number))}\n</g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="bounds on the difference between two models">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _draw(panel: Panel, number: int) -> Iterator[str]:
    yield f'<text class="title" x="{_LEFT}" y="20">{escape(panel.title)}</text>'
    yield f'<text class="faint" x="{_LEFT}" y="38">{escape(panel.note)}</text>'
    points = [
        (look.outcomes, look.estimate, look.lower, look.upper)
        for look in panel.looks
        if look.estimate is not None and look.lower is not None and look.upper is not None
    ]
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    yield f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}"/>'
    if not points:
        yield f'<text class="faint" x="{_LEFT + 12}" y="{_TOP + 24}">too few outcomes to bound the difference</text>'
        return
    # What the last look knew fills a third of the height; how wide the first ones were matters to nobody.
    last = points[-1]
    reach = max(1.5 * (last[3] - last[2]), 1.2 * abs(last[2]), 1.2 * abs(last[3]))
    most = max(outcomes for outcomes, *_ in points)

    def place(outcomes: float, value: float) -> str:
        x = _LEFT + width * outcomes / most
        y = _TOP + height / 2 * (1 - max(-1.0, min(1.0, value / reach)))
        return f"{x:.1f},{y:.1f}"

    upper = [place(outcomes, high) for outcomes, _, _, high in points]
    lower = [place(outcomes, low) for outcomes, _, low, _ in reversed(points)]
    yield f'<clipPath id="frame{number}"><rect x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}"/></clipPath>'
    yield f'<g clip-path="url(#frame{number})">'
    yield f'<polygon class="band" points="{" ".join([*upper, *lower])}"/>'
    middle = " ".join(place(outcomes, estimate) for outcomes, estimate, _, _ in points)
    yield f'<polyline class="estimate" points="{middle}"/>'
    yield "</g>"
    zero = _TOP + height / 2
    yield f'<line class="zero" x1="{_LEFT}" y1="{zero}" x2="{_LEFT + width}" y2="{zero}"/>'
    unit = escape(f" {panel.unit}" if panel.unit else "")
    for value, y in ((reach, _TOP + 12), (0.0, zero + 4), (-reach, _TOP + height)):
        yield f'<text class="faint" x="{_LEFT - 8}" y="{y:.1f}" text-anchor="end">{_sign(value)}{unit}</text>'
    above, below = ("worse", "better") if panel.better == "less" else ("better", "worse")
    yield f'<text class="faint" x="{_LEFT + 8}" y="{_TOP + 16}">{above}</text>'
    yield f'<text class="faint" x="{_LEFT + 8}" y="{_TOP + height - 8}">{below}</text>'
    yield f'<text class="faint" x="{_LEFT}" y="{_HEIGHT - 18}">0</text>'
    yield f'<text class="faint" x="{_LEFT + width}" y="{_HEIGHT - 18}" text-anchor="end">{most} outcomes</text>'


def _sign(value: float) -> str:
    return f"{value:+.3g}" if value else "0"
