"""Athena puts execution parameters into a query.

MiniStack runs the query as it stands, so DuckDB finds a `?` without a value. Athena fills them in order, each as the
SQL literal that it is: text stands in single quotes.
https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html

What else is different here: MiniStack reads whatever lies under a table's location, by the `key=value` folders of its
keys, and neither a catalogue's partitions nor projected ones narrow that. So a query finds no less than on AWS, and a
file that AWS would find by a template of locations alone has to lie in such folders.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laptop_cloud.ministack_seams import Function, Response

_LITERAL = re.compile(r"'(?:[^']|'')*'|[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null", re.IGNORECASE)

Json = dict[str, Any]


class _ParameterError(ValueError):
    """Parameters that do not fit the query."""


def install() -> None:
    """Close the gap."""
    wrap(Seam.START_QUERY, _with_parameters)


def _with_parameters(start: Function) -> Function:
    def start_query(data: Json) -> Response:
        try:
            query = bind(data.get("QueryString", ""), data.get("ExecutionParameters") or ())
        except _ParameterError as error:
            body = json.dumps({"__type": "InvalidRequestException", "message": str(error)}).encode()
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, body
        answer: Response = start({**data, "QueryString": query})
        return answer

    return start_query


def bind(query: str, parameters: Sequence[str]) -> str:
    """The query with its parameters in the places of its question marks.

    Raises:
        _ParameterError: there are more or fewer of them, or one is no literal.
    """
    places = [start for kind, text, start, _end in reach(Seam.SQL_TOKENS)(query) if (kind, text) == ("punct", "?")]
    if len(places) != len(parameters):
        raise _ParameterError(f"Incorrect number of parameters: expected {len(places)} but found {len(parameters)}")
    # What is none Athena takes for text; nobody should count on which.
    for parameter in parameters:
        if not _LITERAL.fullmatch(parameter):
            raise _ParameterError(f"{parameter!r} is no literal: text stands in single quotes")
    for place, parameter in reversed(list(zip(places, parameters, strict=True))):
        query = f"{query[:place]}{parameter}{query[place + 1 :]}"
    return query
