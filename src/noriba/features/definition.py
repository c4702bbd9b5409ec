"""A feature's identity: its name and a hash of what its definition says.

The hash covers the function's own words (not its comments, docstring or layout), the helper functions and constants
it uses, and the definitions of the features it reads. It is made from source text, never from bytecode: the functions,
the container and the laptop may run different Python versions and must agree.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import json
import textwrap
import tokenize
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.errors import FeatureDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HASH_LENGTH = 12
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def hash_definition(function: Callable[..., Any], *, upstream: Iterable[str] = ()) -> str:
    """The first 12 hex digits of a SHA-256 over the function's definition and its upstream features' hashes."""
    document = {"parts": sorted(set(_describe(function, seen=set()))), "upstream": sorted(upstream)}
    return hash_text(json.dumps(document))


def hash_text(text: str) -> str:
    """The first 12 hex digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _describe(function: Callable[..., Any], *, seen: set[str]) -> Iterator[str]:
    """The function's words, then those of every helper and constant that it names."""
    yield " ".join(_words(function))
    for name in sorted(_global_names(function.__code__)):
        value = function.__globals__.get(name)
        if name in seen or value is None or isinstance(value, ModuleType):
            continue
        seen.add(name)
        if isinstance(value, FunctionType):
            yield from _describe(value, seen=seen)
        elif isinstance(value, np.ndarray):
            yield f"{name}={value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
        elif isinstance(value, bool | int | float | str | tuple | frozenset):
            yield f"{name}={value!r}"


def _global_names(code: Any) -> set[str]:
    nested = (constant for constant in code.co_consts if inspect.iscode(constant))
    return set(code.co_names).union(*(_global_names(inner) for inner in nested))


def _words(function: Callable[..., Any]) -> Iterator[str]:
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise FeatureDefinitionError(f"{function!r} is not a plain function; a feature is defined with `def`")
    if any(isinstance(node, ast.JoinedStr) for node in ast.walk(definition)):
        # Python 3.12 began to split f-strings into several tokens, so the hash would depend on the version.
        raise FeatureDefinitionError(f"{definition.name} uses an f-string; features compute numbers only")
    docstring = _docstring_start(definition)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        # Decorators stand above the `def` line and are not part of what is computed.
        if token.type not in _LAYOUT and token.start[0] >= definition.lineno and token.start != docstring:
            yield token.string


def _docstring_start(definition: ast.FunctionDef) -> tuple[int, int] | None:
    first = definition.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.lineno, first.col_offset
    return None
