"""The picture of a comparison is a drawing of what was known, and a well-formed one."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from noriba.rollout.pairing import Look
from noriba.rollout.picture import Panel, draw_bounds

SVG = "{http://www.w3.org/2000/svg}"


def look(outcomes: int, estimate: float, half: float) -> Look:
    return Look(outcomes=outcomes, estimate=estimate, lower=estimate - half, upper=estimate + half)


CLOSING = [
    Look(outcomes=40, estimate=1.0, lower=None, upper=None),
    *(look(n, -8.0, 2_000.0 / n) for n in (100, 200, 400)),
]


def parse(*panels: Panel) -> ET.Element:
    return ET.fromstring(draw_bounds(panels))  # noqa: S314  # ours


def test_the_band_goes_through_every_look_that_had_bounds() -> None:
    root = parse(Panel("A challenger", "promote: better", CLOSING))
    [band], [line] = root.iter(f"{SVG}polygon"), root.iter(f"{SVG}polyline")

    assert len(band.attrib["points"].split()) == 2 * 3
    assert len(line.attrib["points"].split()) == 3
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"A challenger", "promote: better", "400 outcomes"} <= set(texts)


def test_it_closes_from_left_to_right() -> None:
    root = parse(Panel("A challenger", "", CLOSING))
    points = [
        tuple(map(float, point.split(","))) for point in next(root.iter(f"{SVG}polygon")).attrib["points"].split()
    ]
    upper, lower = points[:3], points[3:][::-1]
    widths = [low[1] - high[1] for high, low in zip(upper, lower, strict=True)]

    assert [x for x, _y in upper] == sorted(x for x, _y in upper)
    assert widths == sorted(widths, reverse=True)


def test_panels_stand_one_under_the_other_and_words_are_never_markup() -> None:
    root = parse(Panel("better <b>", "a & b", CLOSING), Panel("worse", "", CLOSING))

    assert root.attrib["viewBox"] == "0 0 720 520"
    assert [group.attrib["transform"] for group in root if group.tag == f"{SVG}g"] == [
        "translate(0 0)",
        "translate(0 260)",
    ]
    ids = re.findall(r'id="(\w+)"', draw_bounds([Panel("a", "", CLOSING), Panel("b", "", CLOSING)]))
    assert len(set(ids)) == len(ids) == 2


def test_without_bounds_it_says_so() -> None:
    root = parse(Panel("A challenger", "", CLOSING[:1]))

    assert "too few outcomes to bound the difference" in [text.text for text in root.iter(f"{SVG}text")]
