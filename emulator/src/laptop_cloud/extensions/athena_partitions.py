"""Which files a query can need: a partition whose folder contradicts what stands in WHERE is not looked at.

As Athena prunes partitions. DuckDB does so only after it has opened each file to see its columns, which for a table of
some months takes longer than the query.
"""

from __future__ import annotations

import json
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_TELLS: Mapping[str, Callable[[str, str], bool]] = {
    "COMPARE_EQUAL": operator.eq,
    "COMPARE_LESSTHAN": operator.lt,
    "COMPARE_LESSTHANOREQUALTO": operator.le,
    "COMPARE_GREATERTHAN": operator.gt,
    "COMPARE_GREATERTHANOREQUALTO": operator.ge,
}
_Condition = tuple[str, "Callable[[str, str], bool]", str]
"""A column, a comparison, and the text that it is compared with."""


class Conditions:
    """What a query asks of columns, wherever it reads a table; what it asks otherwise prunes nothing.

    Args:
        query: one statement, its parameters filled in.
    """

    def __init__(self, query: str) -> None:
        [[text]] = _open_parser().cursor().execute("SELECT json_serialize_sql(?)", [query]).fetchall()
        # What cannot be read asks nothing.
        self._readers = [_list_conditions(node) for node in _find_readers(json.loads(text))]

    def may_need(self, name: str, keys: Collection[str]) -> bool:
        """Whether a file may hold a row that is asked for.

        Args:
            name: below the table's location, with folders such as `day=2026-07-01`.
            keys: the partition keys that the table declares.
        """
        known = {key: value for key, value in _read_folders(name.rpartition("/")[0]) if key in keys}
        return not self._readers or any(
            all(tells(known[column], value) for column, tells, value in conditions if column in known)
            for conditions in self._readers
        )


@lru_cache(100_000)
def _read_folders(path: str) -> tuple[tuple[str, str], ...]:
    """Keys and values of folders such as `day=2026-07-01`."""
    return tuple((key, value) for key, equals, value in (part.partition("=") for part in path.split("/")) if equals)


@lru_cache
def _open_parser() -> duckdb.DuckDBPyConnection:
    """A database without tables; to open one takes longer than to read a statement."""
    return duckdb.connect()


def _find_readers(tree: Any, named: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """Every SELECT that reads from a table by itself, wherever it stands.

    Args:
        tree: the statement, or a part of it.
        named: common table expressions that are known there; one of the same name as a table hides it.
    """
    if isinstance(tree, list):
        for inner in tree:
            yield from _find_readers(inner, named)
    elif isinstance(tree, dict):
        for one in (tree.get("cte_map") or {}).get("map", ()):
            yield from _find_readers(one["value"], named)
            named |= {one["key"].lower()}
        if tree.get("type") == "SELECT_NODE":
            tables = [table["table_name"].lower() for table in _find_tables(tree.get("from_table"))]
            if set(tables) - named:
                yield tree
        for name, inner in tree.items():
            if name != "cte_map":
                yield from _find_readers(inner, named)


def _find_tables(place: Any) -> Iterator[dict[str, Any]]:
    """Tables in a FROM, those of joins too, not those of SELECTs within."""
    if isinstance(place, dict):
        if place.get("type") == "BASE_TABLE":
            yield place
        elif place.get("type") != "SELECT_NODE":
            for inner in place.values():
                yield from _find_tables(inner)
    elif isinstance(place, list):
        for inner in place:
            yield from _find_tables(inner)


def _list_conditions(node: dict[str, Any]) -> list[_Condition]:
    """What must hold of text columns of the one table that is read; nothing where several are joined."""
    if node["from_table"].get("type") != "BASE_TABLE":
        return []
    return list(_read_conjunction(node.get("where_clause")))


def _read_conjunction(clause: Any) -> Iterator[_Condition]:
    if not isinstance(clause, dict):
        return
    if clause.get("type") == "CONJUNCTION_AND":
        for child in clause["children"]:
            yield from _read_conjunction(child)
    elif clause.get("type") == "COMPARE_BETWEEN":
        for bound, kind in (("lower", "COMPARE_GREATERTHANOREQUALTO"), ("upper", "COMPARE_LESSTHANOREQUALTO")):
            yield from _read_comparison(kind, clause["input"], clause[bound])
    elif clause.get("type") in _TELLS:
        yield from _read_comparison(clause["type"], clause["left"], clause["right"])


def _read_comparison(kind: str, column: dict[str, Any], constant: dict[str, Any]) -> Iterator[_Condition]:
    literal = constant.get("literal") or {}
    # Text is compared as text; what a number's folder means, the table's type would have to say.
    if column.get("type") == "COLUMN_REF" and literal.get("kind") == "STRING":
        yield column["column_names"][-1], _TELLS[kind], literal["text"]
