"""A feature's identity: its name and a hash of what its definition says.

The hash covers the function's own syntax tree (so not its comments, docstring, annotations or layout), the helper
functions and constants it uses, and the definitions of the features it reads. It is made from source text, never from
bytecode: the functions, the container and the laptop may run different Python versions and must agree.

What a hash could not vouch for is refused: a closure, a mutable constant, a module other than `numpy` and `math`.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import math
import symtable
import textwrap
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.errors import FeatureDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HASH_LENGTH = 12
TRUSTED = (np, math)
"""The modules whose functions and constants a definition may use."""
_SAY_NOTHING = {"annotation", "returns"}


def hash_definition(function: Callable[..., Any], *, upstream: Iterable[str] = ()) -> str:
    """The first 12 hex digits of a SHA-256 over the function's definition and its upstream features' hashes.

    Raises:
        FeatureDefinitionError: the definition is not a plain function, or uses what cannot be hashed.
    """
    return hash_text(json.dumps([_describe_function(function, callers=()), sorted(upstream)]))


def hash_text(text: str) -> str:
    """The first 12 hex digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _describe_function(function: Callable[..., Any], *, callers: tuple[object, ...]) -> Any:
    """The function's tree, its defaults, and every helper and constant that it uses, by name."""
    if function in callers:
        return "recursion"
    if not isinstance(function, FunctionType):
        raise FeatureDefinitionError(f"{function!r} is not a plain function; a feature is defined with `def`")
    if function.__closure__:
        enclosed = ", ".join(function.__code__.co_freevars)
        raise FeatureDefinitionError(
            f"{function.__name__} uses {enclosed} of an enclosing function; move it to the module's own level"
        )
    tree = parse_function(function)
    names = list_globals(tree) & function.__globals__.keys()
    used = {name: function.__globals__[name] for name in sorted(names)}
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    inside = (*callers, function)
    return [
        _write_tree(tree),
        [_describe(value, function.__name__, "a default", callers=inside) for value in defaults],
        {name: _describe(value, function.__name__, name, callers=inside) for name, value in used.items()},
    ]


def list_globals(tree: ast.FunctionDef) -> set[str]:
    """The names that a function's body takes from its module, or from Python."""
    (function,) = symtable.symtable(ast.unparse(tree), "<feature>", "exec").get_children()
    return _list_global_symbols(function)


def _list_global_symbols(table: symtable.SymbolTable) -> set[str]:
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return own.union(*(_list_global_symbols(inner) for inner in table.get_children()))


def list_default_names(tree: ast.FunctionDef) -> set[str]:
    """The names that a function's defaults are made of."""
    defaults = [*tree.args.defaults, *(default for default in tree.args.kw_defaults if default is not None)]
    return {node.id for default in defaults for node in ast.walk(default) if isinstance(node, ast.Name)}


def find_trusted(value: object) -> tuple[str, str] | None:
    """Module and name of what NumPy or `math` offers; None for anything else."""
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        for module in TRUSTED:
            if getattr(module, name, None) is value:
                return module.__name__, name
    return None


def _describe(value: Any, user: str, name: str, *, callers: tuple[object, ...]) -> Any:
    """What a name stands for: a function's description, or a constant's."""
    if isinstance(value, ModuleType):
        if value not in TRUSTED:
            raise FeatureDefinitionError(
                f"{user} uses module {name}; import its functions by name, so that their definitions count"
            )
        return value.__name__
    if (trusted := find_trusted(value)) is not None:
        return trusted[1]
    if isinstance(value, FunctionType):
        return _describe_function(value, callers=callers)
    return _describe_constant(value, user, name)


def _describe_constant(value: Any, user: str, name: str) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != np.object_:
        return [value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    if isinstance(value, np.generic):
        return [value.dtype.str, repr(value.item())]
    if isinstance(value, tuple):
        return [_describe_constant(item, user, name) for item in value]
    if isinstance(value, frozenset):
        # The order of a set of strings changes from process to process.
        return sorted(json.dumps(_describe_constant(item, user, name)) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise FeatureDefinitionError(
        f"{user} uses {name}, a {type(value).__name__}; use plain functions, numbers, strings, tuples, frozensets "
        "and NumPy arrays, whose content can be told"
    )


def parse_function(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a definition, without what does not count: decorators, docstring, annotations.

    Raises:
        FeatureDefinitionError: there is no source, or it is not a plain definition.
    """
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError) as error:
        raise FeatureDefinitionError(f"{function.__name__} has no source of its own to hash: {error}") from error
    if not isinstance(definition, ast.FunctionDef):
        raise FeatureDefinitionError(f"{function!r} is not a plain function; a feature is defined with `def`")
    if any(isinstance(node, ast.JoinedStr) for node in ast.walk(definition)):
        # What an f-string parses to differs between versions of Python.
        raise FeatureDefinitionError(f"{definition.name} uses an f-string; features compute numbers only")
    if ast.get_docstring(definition, clean=False) is not None:
        definition.body = definition.body[1:] or [ast.Pass()]
    # They stand above the function and are not part of what is computed.
    definition.decorator_list = []
    return _without_annotations(definition)


def _without_annotations(definition: ast.FunctionDef) -> ast.FunctionDef:
    """Annotations say nothing of what is computed, and name what may not be there when the source is read again."""
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return definition


def _write_tree(node: Any) -> Any:
    """A syntax tree as lists. Empty fields are left out: later versions of Python add such."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if name not in _SAY_NOTHING]
        written = [[name, _write_tree(value)] for name, value in fields if value is not None and value != []]
        return [type(node).__name__, *written]
    return [_write_tree(item) for item in node] if isinstance(node, list) else repr(node)
