"""Items of another account's table, which is named by its ARN; and the policy that a table is made with.

Who may is asked before (`resource_policies`).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.authorization import find_by
from laptop_cloud.extensions.resource_policies import where_it_is
from laptop_cloud.ministack_seams import (
    Seam,
    complete_resource_type,
    current_account,
    current_region,
    reach,
    wrap,
)

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Properties, Response

_ITEMS = (Seam.GET_ITEM, Seam.PUT_ITEM, Seam.UPDATE_ITEM, Seam.DELETE_ITEM, Seam.QUERY_ITEMS)
_MADE = 200


def install() -> None:
    """Close the gap."""
    for operation in _ITEMS:
        wrap(operation, _where_the_table_is)
    wrap(Seam.CREATE_TABLE, _with_policy)
    complete_resource_type("AWS::DynamoDB::Table", _complete_table)
    find_by("dynamodb", lambda request, _here: request.get("ResourceArn"))


def _where_the_table_is(operate: Function) -> Function:
    def operate_there(data: dict[str, Any]) -> Response:
        with where_it_is("dynamodb", data.get("TableName")):
            answer: Response = operate(data)
            return answer

    return operate_there


def _with_policy(create: Function) -> Function:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html ."""

    def create_table(data: dict[str, Any]) -> Response:
        answer: Response = create(data)
        if answer[0] == _MADE:
            _set_policy(str(data["TableName"]), data.get("ResourcePolicy"))
        return answer

    return create_table


def _complete_table(name: str, properties: Properties) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html ."""
    given = properties.get("ResourcePolicy")
    _set_policy(name, json.dumps(given["PolicyDocument"]) if given else None)


def _set_policy(table: str, policy: str | None) -> None:
    arn = f"arn:aws:dynamodb:{current_region()}:{current_account()}:table/{table}"
    # An earlier table of that name may have left one.
    reach(Seam.TABLE_POLICIES).pop(arn, None)
    if policy is None:
        return
    status, _, body = reach(Seam.PUT_TABLE_POLICY)({"ResourceArn": arn, "Policy": policy})
    if status != _MADE:
        raise ValueError(json.loads(body)["message"])
