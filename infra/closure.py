"""What a program imports, and what that imports: the files that must travel with it, and no others.

Read from sources, of any checkout, without importing them. (grimp, which import-linter uses, knows only packages that
are importable in this process.) Imports for type checkers alone do not count; those within functions do.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DATA = (".csv",)


def find_closure(
    programs: Iterable[Path], packages: Mapping[str, Path], *, also: Iterable[str] = ()
) -> dict[str, Path]:
    """The files of our packages that programs need, by their path below the folder of packages.

    Args:
        programs: files that belong to no package.
        packages: our packages' names and folders; whatever else is imported comes from elsewhere.
        also: names of modules that are needed besides, because something loads them by name.
    """
    found: dict[str, Path] = {}
    waiting = [*also, *(name for program in programs for name in _list_imports(program, package=()))]
    while waiting:
        name = waiting.pop()
        for parts in _list_ancestors(name):
            file = _find_module(parts, packages)
            if file is None or file in found.values():
                continue
            found[_name_file(file, parts, packages)] = file
            inside = parts if file.name == "__init__.py" else parts[:-1]
            waiting += _list_imports(file, package=inside)
    return found | _find_data(found)


def _list_ancestors(name: str) -> Iterator[tuple[str, ...]]:
    """`a.b.c` runs the modules `a`, `a.b` and `a.b.c`."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield tuple(parts[:length])


def _find_module(parts: tuple[str, ...], packages: Mapping[str, Path]) -> Path | None:
    if parts[0] not in packages:
        return None
    base = packages[parts[0]].joinpath(*parts[1:])
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file():
            return file
    # A name within a module, or one of somebody else's.
    return None


def _name_file(file: Path, parts: tuple[str, ...], packages: Mapping[str, Path]) -> str:
    return (Path(parts[0]) / file.relative_to(packages[parts[0]])).as_posix()


def _find_data(modules: Mapping[str, Path]) -> dict[str, Path]:
    """Tables that lie beside the modules, or in a folder of theirs that holds no modules."""
    data = {}
    for name, module in modules.items():
        folder = module.parent
        plain = [folder, *(path for path in folder.iterdir() if path.is_dir() and not (path / "__init__.py").exists())]
        for path in (path for place in plain for path in place.iterdir() if path.suffix in _DATA):
            data[(Path(name).parent / path.relative_to(folder)).as_posix()] = path
    return data


def _list_imports(file: Path, *, package: tuple[str, ...]) -> Iterator[str]:
    """Every name that a file imports, as if each were a module."""
    for node in _list_statements(file.read_bytes()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=1024)
def _list_statements(source: bytes) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(_walk(ast.parse(source)))


def _walk(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for other in child.orelse:
                yield from _walk(other)
        else:
            yield from _walk(child)


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
