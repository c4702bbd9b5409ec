"""A query is MiniStack's own, and is answered without a look at the rest of the partition."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.tests.conftest import deploy
from laptop_cloud.extensions.dynamodb_queries import Partitions, read_bounds, sort_items, within_bounds
from laptop_cloud.ministack_seams import Seam, in_scope, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emulator.tests.conftest import Clients

Json = dict[str, Any]
PLAIN, SORTED = "111111111111", "222222222222"
"""Accounts, with a table each: as MiniStack keeps it, and in order."""
TYPES = {"text": "S", "number": "N"}

TEXTS = st.sampled_from(["a", "a\0", "aa", "ab", "abb", "b", "ba", "\U0010ffff", "\U0010ffff\U0010ffff"])
NUMBERS = st.sampled_from(["-1", "-10", "9", "10", "11", "100"])
VALUES = st.one_of(
    st.builds(lambda text: {"S": text}, TEXTS),
    st.builds(lambda number: {"N": number}, NUMBERS),
    st.just({"BOOL": True}),
)
BOUNDED = [
    "#p = :p AND begins_with(#s, :a)",
    "(#p = :p AND begins_with(#s, :a))",
    "begins_with ( #s , :a ) and part = :p",
    "#p = :p AND #s BETWEEN :a AND :b",
    "#s between :a and :b AND #p = :p",
    "(#p = :p AND #s BETWEEN :a AND :b)",
    "#p = :p AND #s = :a",
    "#p = :p AND #s < :a",
    "#p = :p AND #s <= :a",
    "#p = :p AND #s > :a",
    "#p = :p AND #s >= :a",
    "#p = :p",
]
OTHERS = [
    # A reserved word, of which MiniStack tells when it asks the first item.
    "#p = :p AND begins_with(range, :a)",
    "#p = :p AND :a <= #s",
    "(#p = :p) AND (begins_with(#s, :a))",
    "((#p = :p AND #s = :a))",
    "#p = :p AND #s <> :a",
    "#p = :p AND NOT #s = :a",
    "#p = :p AND #s = :a OR #s = :b",
    "#p = :p AND #s = :a AND #s = :b",
    "#p = :p AND #s IN (:a, :b)",
    "#p = :p AND #s.inner = :a",
    "#p = :p AND item = :a",
    "#p = :p AND size(#s) = :a",
    "#p = :p AND #s = :none",
    "#p = :p AND #s =",
    "#s = :a",
    "(",
    "",
]


@pytest.fixture(autouse=True, scope="module")
def _in_its_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIR", str(tmp_path_factory.mktemp("ministack")))
        yield


def make_table(account: str, name: str, sort_type: str) -> Json:
    """A new table of an account; MiniStack's own record of it."""
    with in_scope(account, "us-east-1"):
        reach(Seam.DYNAMODB_TABLES).pop(name, None)
        keys = {"part": ("HASH", "S"), "range": ("RANGE", sort_type)}
        status, _, body = reach(Seam.CREATE_TABLE)(
            {
                "TableName": name,
                "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, (kind, _) in keys.items()],
                "AttributeDefinitions": [
                    {"AttributeName": key, "AttributeType": type_} for key, (_, type_) in keys.items()
                ],
                "BillingMode": "PAY_PER_REQUEST",
            }
        )
        assert status == 200, body
        record: Json = reach(Seam.DYNAMODB_TABLES).get(name)
        return record


def ask(account: str, operation: Callable[[Json], Any], request: Json) -> Any:
    with in_scope(account, "us-east-1"):
        status, _, body = operation(copy.deepcopy(request))
        return status, json.loads(body)


def query_all(account: str, query: Callable[[Json], Any], request: Json) -> list[Any]:
    """All pages."""
    pages = []
    while True:
        pages.append(ask(account, query, request))
        if "LastEvaluatedKey" not in pages[-1][1]:
            return pages
        request = {**request, "ExclusiveStartKey": pages[-1][1]["LastEvaluatedKey"]}


WRITES = st.lists(
    st.tuples(st.sampled_from("xxy"), TEXTS, NUMBERS, st.sampled_from([True, True, False])), min_size=5, max_size=25
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "Limit": st.integers(1, 4),
        "ScanIndexForward": st.booleans(),
        "FilterExpression": st.sampled_from(["kept = :a", "size(kept) > :n", "NOT kept = :b"]),
        "Select": st.just("COUNT"),
    },
)


@pytest.mark.parametrize("condition", BOUNDED)
@settings(deadline=None, max_examples=60)
@given(WRITES, TEXTS, TEXTS, OPTIONS)
def test_pages_are_those_of_a_look_at_the_whole_partition(
    condition: str, writes: list[tuple[str, str, str, bool]], low: str, high: str, options: Json
) -> None:
    low, high = sorted([low, high])

    compare("text", writes, condition, {":a": {"S": low}, ":b": {"S": high}}, options)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(TYPES)), WRITES, st.sampled_from([*BOUNDED, *OTHERS]), VALUES, VALUES, OPTIONS)
@example("text", [("x", "b", "1", True)], "#p = :p AND begins_with(range, :a)", {"S": "a"}, {"S": "b"}, {})
@example("number", [("x", "b", one, True) for one in ("9", "10")], "#p = :p AND #s < :a", {"N": "10"}, {"N": "1"}, {})
def test_everything_else_is_answered_or_refused_as_before(
    sort: str, writes: list[tuple[str, str, str, bool]], condition: str, low: Json, high: Json, options: Json
) -> None:
    compare(sort, writes, condition, {":a": low, ":b": high}, options)


def compare(sort: str, writes: list[tuple[str, str, str, bool]], condition: str, values: Json, options: Json) -> None:
    """Ask a table that is in order and one that is not."""
    tables = {account: make_table(account, "ledger", TYPES[sort]) for account in (PLAIN, SORTED)}
    sort_items(tables[SORTED])
    for part, text, number, stays in writes:
        key = {"part": {"S": part}, "range": {"S": text} if sort == "text" else {"N": number}}
        for account in tables:
            ask(account, reach(Seam.PUT_ITEM), {"TableName": "ledger", "Item": {**key, "kept": {"S": text}}})
            if not stays:
                ask(account, reach(Seam.DELETE_ITEM), {"TableName": "ledger", "Key": key})
    said = f"{condition} {options.get('FilterExpression', '')}"
    names, values = {"#p": "part", "#s": "range"}, {":p": {"S": "x"}, ":n": {"N": "1"}, **values}
    request = {
        "TableName": "ledger",
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": {name: word for name, word in names.items() if name in said},
        "ExpressionAttributeValues": {name: value for name, value in values.items() if name in said},
        **options,
    }
    request = {name: value for name, value in request.items() if value != {}}
    query = reach(Seam.QUERY_ITEMS)

    assert query_all(SORTED, within_bounds(query), request) == query_all(PLAIN, query, request)
    assert copy.deepcopy(tables[SORTED]["items"]) == tables[PLAIN]["items"]


class Counted(Partitions):
    """Counts the items that it hands out."""

    told = 0

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        self.told += len(found)
        return found


def items_looked_at(others: int) -> int:
    record = make_table(SORTED, "ledger", "S")
    record["items"] = items = Counted("range", {})
    for entry in (
        *(f"rollout/{one}" for one in range(5)),
        *(f"{kind}/{one}" for kind in "az" for one in range(others)),
    ):
        item = {"part": {"S": "taxi"}, "range": {"S": entry}}
        ask(SORTED, reach(Seam.PUT_ITEM), {"TableName": "ledger", "Item": item})
    items.told = 0
    request = {
        "TableName": "ledger",
        "KeyConditionExpression": "#p = :p AND begins_with(#s, :s)",
        "ExpressionAttributeNames": {"#p": "part", "#s": "range"},
        "ExpressionAttributeValues": {":p": {"S": "taxi"}, ":s": {"S": "rollout/"}},
    }
    _, answer = ask(SORTED, within_bounds(reach(Seam.QUERY_ITEMS)), request)
    assert answer["Count"] == 5
    return items.told


def test_what_begins_otherwise_is_not_looked_at() -> None:
    assert items_looked_at(20) == items_looked_at(200) == 5


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"KeyConditionExpression": 7},
        {"KeyConditionExpression": "#p = :p", "ExpressionAttributeNames": [], "ExpressionAttributeValues": {}},
        {"KeyConditionExpression": "#p = :p", "ExpressionAttributeNames": {"#p": []}, "ExpressionAttributeValues": 1},
        {"KeyConditionExpression": "#p = :p", "ExpressionAttributeValues": {":p": {"S": 1}}},
        {"KeyConditionExpression": "#p = :p", "ExpressionAttributeValues": {":p": "S"}},
        {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}, "IndexName": "i"},
    ],
)
def test_what_is_not_understood_bounds_nothing(request_: Mapping[str, Any]) -> None:
    assert read_bounds(dict(request_)) == {}


def test_tables_of_templates_and_of_calls_are_queried(client: Clients, name: str) -> None:
    keys = {"part": "HASH", "sort": "RANGE"}
    shape = {
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "BillingMode": "PAY_PER_REQUEST",
    }
    made = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": f"{name}-t", **shape}}
    deploy(client, name, {"Resources": {"Table": made}})
    dynamodb = client("dynamodb")
    dynamodb.create_table(TableName=f"{name}-c", **shape)
    put = TypeSerializer().serialize
    for table in (f"{name}-t", f"{name}-c"):
        for sort in ("b/2", "a/1", "b/1", "c"):
            dynamodb.put_item(TableName=table, Item={"part": put("x"), "sort": put(sort)})
        found = dynamodb.query(
            TableName=table,
            KeyConditionExpression="part = :x AND begins_with(sort, :b)",
            ExpressionAttributeValues={":x": put("x"), ":b": put("b/")},
        )
        assert [item["sort"]["S"] for item in found["Items"]] == ["b/1", "b/2"]
