"""A feature's identity changes when what is computed changes, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.errors import FeatureDefinitionError
from noriba.features.definition import HASH_LENGTH, hash_definition

if TYPE_CHECKING:
    from tests.unit.features.conftest import Define

ORIGINAL = """
    import numpy as np

    LIMIT = 30.0

    def soften(value):
        return np.minimum(value, LIMIT)

    def speed(length_m, duration_s):
        '''Metres a second.'''
        raw = length_m / duration_s
        for _ in range(2):
            raw = soften(raw)
            raw = raw * 1.5
        return raw
"""

OTHER_MEANING = {
    "an operator": ("length_m / duration_s", "length_m * duration_s"),
    "a number": ("* 1.5", "* 1.25"),
    "the feature's name": ("def speed(", "def pace("),
    "an argument": ("def speed(length_m, duration_s)", "def speed(duration_s, length_m)"),
    "a constant that a helper uses": ("LIMIT = 30.0", "LIMIT = 31.0"),
    "a constant's type": ("LIMIT = 30.0", "LIMIT = 30"),
    "a helper": ("np.minimum", "np.maximum"),
    "a helper's default": ("def soften(value)", "def soften(value, times=2)"),
    "where a block ends": ("            raw = raw * 1.5\n", "        raw = raw * 1.5\n"),
    "where a statement ends": ("return raw\n", "return raw\\\n        - 1\n"),
}

SAME_MEANING = {
    "a comment": ("raw = soften(raw)", "raw = soften(raw)  # gently"),
    "the docstring": ("Metres a second.", "How fast, in metres a second."),
    "no docstring": ("        '''Metres a second.'''\n", ""),
    "blank lines": ("        for _", "\n\n        for _"),
    "line breaks": ("length_m / duration_s\n", "(\n            length_m\n            / duration_s\n        )\n"),
    "a trailing comma": ("soften(raw)", "soften(\n                raw,\n            )"),
    "the way a number is written": ("1.5", "15e-1"),
    "annotations": ("def soften(value)", "def soften(value: np.ndarray) -> np.ndarray"),
    "a helper that is not used": ("    LIMIT", "    def other(value):\n        return value\n\n    LIMIT"),
}


@pytest.mark.parametrize("change", OTHER_MEANING)
def test_identity_changes_with(change: str, define: Define) -> None:
    old, new = OTHER_MEANING[change]
    assert old in ORIGINAL
    before = define(ORIGINAL).speed
    module = define(ORIGINAL.replace(old, new))
    after = module.pace if "pace" in new else module.speed

    assert hash_definition(before) != hash_definition(after)


@pytest.mark.parametrize("change", SAME_MEANING)
def test_identity_does_not_change_with(change: str, define: Define) -> None:
    old, new = SAME_MEANING[change]
    assert old in ORIGINAL

    assert hash_definition(define(ORIGINAL).speed) == hash_definition(define(ORIGINAL.replace(old, new)).speed)


def test_identity_does_not_depend_on_the_order_in_which_a_module_defines_things(define: Define) -> None:
    first = define("A = 1.0\nB = 2.0\ndef f(x):\n    return g(x) + A\ndef g(x):\n    return x * B\n")
    second = define("def g(x):\n    return x * B\ndef f(x):\n    return g(x) + A\nB = 2.0\nA = 1.0\n")

    assert hash_definition(first.f) == hash_definition(second.f)


def test_constants_of_one_name_in_two_modules_are_told_apart(define: Define) -> None:
    """The feature reads its own `FACTOR`, and its helper that of the helper's module; swapping the two matters."""
    helper = "FACTOR = {factor}\ndef scale(x):\n    return x * FACTOR\n"
    feature = "FACTOR = {factor}\ndef f(x):\n    return scale(x) + FACTOR\n"

    def make(*, of_helper: float, of_feature: float) -> str:
        scale = define(helper.format(factor=of_helper)).scale
        return hash_definition(define(feature.format(factor=of_feature), scale=scale).f)

    assert make(of_helper=1.0, of_feature=2.0) != make(of_helper=2.0, of_feature=1.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
        (np.array([1.0, 2.0]), np.array([[1.0, 2.0]])),
        (np.array([1, 2], dtype=np.int64), np.array([1, 2], dtype=np.int32)),
        (np.float64(1.0), np.float32(1.0)),
        ((1.0, (2.0,)), (1.0, (3.0,))),
        (frozenset({"a", "b"}), frozenset({"a", "c"})),
        ("north", "south"),
        (0.0, -0.0),
        (True, 1),
        (None, 0),
    ],
)
def test_identity_changes_with_the_value_of_a_constant(before: object, after: object, define: Define) -> None:
    text = "def f(x):\n    return TABLE\n"

    hashes = [hash_definition(define(text, TABLE=value).f) for value in (before, after, before)]

    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_a_helper_may_call_itself(define: Define) -> None:
    text = (
        "def halve(x, times):\n    return halve(x / 2, times - 1) if times else x\ndef f(x):\n    return halve(x, 3)\n"
    )

    assert len(hash_definition(define(text).f)) == HASH_LENGTH


def test_a_definition_depends_on_those_it_reads(define: Define) -> None:
    feature = define("def f(x):\n    return x\n").f

    assert hash_definition(feature, upstream=["1"]) != hash_definition(feature, upstream=["2"])
    assert hash_definition(feature, upstream=["1", "2"]) == hash_definition(feature, upstream=["2", "1"])


REFUSED = {
    "an f-string": ("def f(x):\n    return x + len(f'{x}')\n", "f uses an f-string"),
    "an f-string in a helper": (
        "def g(x):\n    return len(f'{x}')\ndef f(x):\n    return g(x)\n",
        "g uses an f-string",
    ),
    "a variable of an enclosing function": (
        "def make(k):\n    def f(x):\n        return x * k\n    return f\nf = make(2)\n",
        "f uses k of an enclosing function",
    ),
    "a lambda": ("f = lambda x: x\n", "is not a plain function"),
    "a coroutine": ("async def f(x):\n    return x\n", "is not a plain function"),
    "a constant that anybody may change": ("TABLE = {1: 2}\ndef f(x):\n    return TABLE[x]\n", "f uses TABLE, a dict"),
    "a module of the project": (
        "from noriba.features import geometry\ndef f(x):\n    return geometry.measure_north_m(x, x)\n",
        "f uses module geometry; import its functions by name",
    ),
    "a cached helper, whose source is not all there is to it": (
        "import functools\n@functools.cache\ndef g(x):\n    return x\ndef f(x):\n    return g(x)\n",
        "f uses g",
    ),
    "objects, whose content cannot be told": (
        "import numpy as np\nTABLE = np.array([{}])\ndef f(x):\n    return TABLE\n",
        "f uses TABLE, a ndarray",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_definition_is_refused_for(what: str, define: Define) -> None:
    text, message = REFUSED[what]

    with pytest.raises(FeatureDefinitionError, match=message):
        hash_definition(define(text).f)


def test_a_definition_without_source_is_refused() -> None:
    names: dict[str, object] = {}
    exec("def f(x):\n    return x\n", names)  # noqa: S102  # as an interactive session does

    with pytest.raises(FeatureDefinitionError, match="f has no source"):
        hash_definition(names["f"])  # type: ignore[arg-type]


def test_functions_of_numpy_and_math_may_be_imported_by_name(define: Define) -> None:
    text = "from math import tau\nfrom numpy import where, sin\ndef f(x):\n    return where(x > tau, sin(x), x)\n"

    assert hash_definition(define(text).f) != hash_definition(define(text.replace("sin", "cos")).f)


def test_identities_are_the_same_in_every_process() -> None:
    """The function that serves, the container that trains and the laptop must agree; hash seeds differ between them."""
    program = (
        "import pathlib, runpy, sys, tempfile\n"
        "from noriba.features.definition import hash_definition\n"
        "from usecases.taxi_eta.features import FEATURES\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'named.py'\n"
        "path.write_text('NAMES = frozenset(\"abcdef\")\\ndef f(x):\\n    return x + len(NAMES)\\n')\n"
        "print(FEATURES.identities, hash_definition(runpy.run_path(str(path))['f']))\n"
    )

    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(answers) == 1
