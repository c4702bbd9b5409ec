"""The table: entries of one use case, read and written on conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from noriba.aws.ledger_reading import ReadEntries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Entries(ReadEntries):
    """The entries of one use case, by name."""

    def _put(self, entry: str, item: dict[str, Any], *, unless_exists_but: ConditionBase | None) -> bool:
        """Write an entry if there is none, or if the one there is meets the condition; whether it was written."""
        condition: ConditionBase = Attr("entry").not_exists()
        if unless_exists_but is not None:
            condition |= unless_exists_but
        return _attempt(self._table.put_item, Item={**self._key(entry), **item}, ConditionExpression=condition)

    def _update(self, entry: str, *, only_if: ConditionBase, **values: str | bool) -> bool:
        """Set values of an entry, which is made where there is none, if it meets a condition; whether it did."""
        return _attempt(
            self._table.update_item,
            Key=self._key(entry),
            ConditionExpression=only_if,
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def _remove(self, entry: str, name: str, *, only_if: ConditionBase) -> bool:
        """Take one value out of an entry that meets a condition; whether it did."""
        return _attempt(
            self._table.update_item,
            Key=self._key(entry),
            ConditionExpression=only_if,
            UpdateExpression="REMOVE #name",
            ExpressionAttributeNames={"#name": name},
        )

    def _delete(self, entry: str, *, only_if: ConditionBase) -> bool:
        """Remove an entry that meets a condition; whether it did."""
        return _attempt(self._table.delete_item, Key=self._key(entry), ConditionExpression=only_if)

    def _query(self, prefix: str) -> Iterator[dict[str, Any]]:
        condition = Key("use_case").eq(self._use_case) & Key("entry").begins_with(prefix)
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(KeyConditionExpression=condition, ConsistentRead=True, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _attempt(write: Callable[..., object], **request: object) -> bool:
    """Write on a condition; whether it held."""
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True
