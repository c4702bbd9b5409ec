"""Feature definitions that travel with a model: whoever must compute them later needs no code of that time.

A definition uses nothing but plain functions, constants and NumPy (see `definition`), so it can be written down whole:
the source of each function, and what each of its global names stands for. What is read back has the identities that
were written, or is refused: they are hashes of what the definitions say.

The text is JSON:

    inputs      the columns that a request or a trip brings
    features    numbers of the functions that are features, in order
    functions   each with its name, its source and its globals
"""

from __future__ import annotations

import ast
import base64
import json
import linecache
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.errors import FeatureDefinitionError
from noriba.features.definition import (
    TRUSTED,
    find_trusted,
    hash_text,
    list_default_names,
    list_globals,
    parse_function,
)
from noriba.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {module.__name__: module for module in TRUSTED}


def freeze_features(features: FeatureSet) -> str:
    """The definitions as text.

    Raises:
        FeatureDefinitionError: a definition would not be the same when read back.
    """
    writer = _Writer()
    numbers = [writer.write(feature.function) for feature in features.features]
    text = json.dumps({"inputs": features.inputs, "features": numbers, "functions": writer.functions}, indent=1)
    # Now, while the author is here, rather than when a request waits for it.
    if thaw_features(text).identities != features.identities:
        raise FeatureDefinitionError("the features' definitions cannot be written down: read back, they differ")
    return text


def thaw_features(text: str, *, fingerprint: str | None = None) -> FeatureSet:
    """The feature set of a text that `freeze_features` wrote.

    Args:
        text: what was written.
        fingerprint: what the set's must be; whoever got the text from elsewhere names it.

    Raises:
        FeatureDefinitionError: the text is none of ours, or its definitions have another fingerprint.
    """
    try:
        document = json.loads(text)
        functions = _make_functions(document["functions"], hash_text(text))
        features = FeatureSet((functions[number] for number in document["features"]), inputs=document["inputs"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, SyntaxError, NameError) as error:
        raise FeatureDefinitionError(f"this is no text of feature definitions: {error!r}") from error
    if fingerprint not in (None, features.fingerprint):
        raise FeatureDefinitionError(f"these are the definitions of {features.fingerprint}, not of {fingerprint}")
    return features


class _Writer:
    """Functions, each written once, whoever uses it."""

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = []
        self._numbers: dict[FunctionType, int] = {}

    def write(self, function: Callable[..., Any]) -> int:
        """The function's number."""
        assert isinstance(function, FunctionType)  # noqa: S101  # a feature set takes no others
        if function in self._numbers:
            return self._numbers[function]
        number = self._numbers[function] = len(self.functions)
        tree = parse_function(function)
        entry: dict[str, Any] = {"name": function.__name__, "source": ast.unparse(tree)}
        self.functions.append(entry)
        names = (list_globals(tree) | list_default_names(tree)) & function.__globals__.keys()
        entry["globals"] = {name: self._refer(function.__globals__[name], name) for name in sorted(names)}
        return number

    def _refer(self, value: object, name: str) -> dict[str, Any]:
        if isinstance(value, ModuleType):
            return {"module": value.__name__}
        if (trusted := find_trusted(value)) is not None:
            return {"trusted": trusted}
        if isinstance(value, FunctionType):
            return {"function": self.write(value)}
        return _write_constant(value, name)


def _make_functions(entries: list[dict[str, Any]], label: str) -> list[FunctionType]:
    """Each function with globals of its own, so that no two constants of one name meet."""
    scopes = [
        {name: _resolve(meaning) for name, meaning in entry["globals"].items() if "function" not in meaning}
        for entry in entries
    ]
    numbered = enumerate(zip(entries, scopes, strict=True))
    made = [_define(entry, scope, f"<features {label} {number}>") for number, (entry, scope) in numbered]
    # Only now: functions may need each other.
    for entry, scope in zip(entries, scopes, strict=True):
        meanings = entry["globals"].items()
        scope.update({name: made[meaning["function"]] for name, meaning in meanings if "function" in meaning})
    return made


def _define(entry: dict[str, Any], scope: dict[str, Any], file: str) -> FunctionType:
    name, source = entry["name"], entry["source"]
    # `inspect` finds the source here, and so the hash is made of what really runs.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec", dont_inherit=True), scope)  # noqa: S102  # identities are compared before any call
    function = scope[name]
    if not isinstance(function, FunctionType):
        raise FeatureDefinitionError(f"{name} is not a plain function")
    return function


def _write_constant(value: object, name: str) -> dict[str, Any]:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        content = base64.b64encode(array.tobytes()).decode()
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: [array.dtype.str, array.shape, content]}
    # Exactly these: a subclass, a named tuple say, can do more than it says.
    if type(value) is tuple or type(value) is frozenset:
        return {type(value).__name__: [_write_constant(item, name) for item in value]}
    if value is None or type(value) in {bool, int, float, str}:
        return {"value": value}
    raise FeatureDefinitionError(f"{name}, a {type(value).__name__}, cannot be written down; use a plain constant")


def _resolve(meaning: dict[str, Any]) -> Any:
    ((kind, content),) = meaning.items()
    if kind == "module":
        return _MODULES[content]
    if kind == "trusted":
        module, name = content
        return getattr(_MODULES[module], name)
    return _read_constant(kind, content)


def _read_constant(kind: str, content: Any) -> Any:
    if kind in {"array", "scalar"}:
        dtype, shape, text = content
        array = np.frombuffer(base64.b64decode(text), dtype=dtype).reshape(shape)
        return array if kind == "array" else array[()]
    if kind in {"tuple", "frozenset"}:
        items = (_read_constant(*only) for item in content for only in item.items())
        return tuple(items) if kind == "tuple" else frozenset(items)
    if kind == "value":
        return content
    raise ValueError(f"unknown kind of constant: {kind}")
