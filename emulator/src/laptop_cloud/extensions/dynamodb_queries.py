"""A query looks at the items that it asks for, not at all of their partition.

MiniStack sorts the whole partition for each query, and reads the expression anew for each of its items. Here a
partition knows its sort keys in order, and MiniStack is handed the items within the bounds that the key condition sets;
whether they meet it, it still decides itself. An expression is read once.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

from __future__ import annotations

from collections import defaultdict
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from laptop_cloud.ministack_seams import Seam, complete_records, reach, wrap
from laptop_cloud.sorted_dict import SortedDict, after, after_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laptop_cloud.ministack_seams import Function, Response

Json = dict[str, Any]
Token = tuple[str, str]
_EXPRESSIONS = 1_000


class Bounds(NamedTuple):
    """Of texts; what is asked for is not outside."""

    begin: str
    """The least text."""
    end: str | None
    """What follows the last text; None for no end."""


_asked: ContextVar[Mapping[str, Bounds]] = ContextVar("asked")
"""The bounds of attributes that the query asks for which is being answered."""


def install() -> None:
    """Close the gap."""
    complete_records(Seam.DYNAMODB_TABLES, sort_items)
    wrap(Seam.QUERY_ITEMS, within_bounds)
    wrap(Seam.EXPRESSION_FAULT, lru_cache(_EXPRESSIONS))
    wrap(Seam.EXPRESSION_TOKENS, _once)


def sort_items(table: Json) -> None:
    """Keep a table's items in order of their sort key, where that is text."""
    types = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions") or ()}
    sort_key = table.get("sk_name")
    if sort_key and types.get(sort_key) == "S":
        table["items"] = Partitions(sort_key, table["items"])


def within_bounds(query: Function) -> Function:
    """Let MiniStack answer a query from the items that it can be about."""

    def query_items(data: Json) -> Response:
        token = _asked.set(read_bounds(data))
        try:
            answer: Response = query(data)
        finally:
            _asked.reset(token)
        return answer

    return query_items


class Partitions(defaultdict[str, SortedDict[Json]]):
    """A table's items by partition key and sort key; a query is given those of a partition that it can be about.

    Args:
        sort_key: the attribute, of type text.
        items: what it holds at first.
    """

    def __init__(self, sort_key: str, items: Mapping[str, dict[str, Json]]) -> None:
        super().__init__(SortedDict, {key: SortedDict(partition) for key, partition in items.items()})
        self._sort_key = sort_key

    def get(self, key: str, default: Any = None) -> Any:
        """A partition, or that part of it."""
        partition = super().get(key)
        if partition is None:
            return default
        bounds = _asked.get({}).get(self._sort_key)
        if bounds is None:
            return partition
        # MiniStack tells what is wrong with an expression when it asks an item: there must be one, if any is there.
        return partition.between(*bounds) or partition.first()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The partition, made where there is none."""
        if key not in self:
            self[key] = SortedDict(default)
        return self[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._sort_key, dict(self))


def read_bounds(request: Json) -> dict[str, Bounds]:
    """What a query asks of attributes that are text; nothing where it is of an index, or anything is not understood."""
    expression = request.get("KeyConditionExpression")
    if request.get("IndexName") or not isinstance(expression, str):
        return {}
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    if not isinstance(names, dict) or not isinstance(values, dict):
        return {}
    bounds: dict[str, Bounds] = {}
    for clause in reach(Seam.KEY_CONDITIONS)(_bare(reach(Seam.EXPRESSION_TOKENS)(expression))):
        found = _read_clause(clause, values)
        if found is None:
            return {}
        name, asked = found
        bounds[str(names.get(name, name))] = asked
    return bounds


def _bare(tokens: list[Token]) -> list[Token]:
    """Without the parentheses around the whole, which boto3 writes.

    Those of `(a) AND (b)` are not around the whole: no clause of what is left is understood.
    """
    words = [token for token in tokens if token[0] != "EOF"]
    return words[1:-1] if words and words[0][0] == "LPAREN" and words[-1][0] == "RPAREN" else words


def _read_clause(clause: Iterable[Token], values: Json) -> tuple[str, Bounds] | None:
    """The name of an attribute and its bounds; None for what is not understood."""
    name, texts, form = "", [], []
    for kind, word in clause:
        if kind == "NAME_REF" or (kind == "IDENT" and word.upper() not in _KEYWORDS):
            name = word
            form.append("name")
        elif kind == "VALUE_REF":
            texts.append(_read_text(values.get(word)))
            form.append("value")
        else:
            form.append(word.upper())
    bound = _FORMS.get(" ".join(form))
    if bound is None or any(text is None for text in texts):
        return None
    return name, bound(*texts)


def _read_text(value: Any) -> str | None:
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


_KEYWORDS = {"AND", "OR", "NOT", "IN", "BETWEEN", "BEGINS_WITH"}
_FORMS: Mapping[str, Function] = {
    "name = value": lambda text: Bounds(text, after(text)),
    "name < value": lambda text: Bounds("", text),
    "name <= value": lambda text: Bounds("", after(text)),
    "name > value": lambda text: Bounds(after(text), None),
    "name >= value": lambda text: Bounds(text, None),
    "name BETWEEN value AND value": lambda low, high: Bounds(low, after(high)),
    "BEGINS_WITH ( name , value )": lambda text: Bounds(text, after_prefix(text)),
}


def _once(read: Function) -> Function:
    remembered = lru_cache(_EXPRESSIONS)(read)
    # Whoever is given a list may change it.
    return lambda expression: list(remembered(expression))
