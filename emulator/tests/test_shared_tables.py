"""Items of another account's table are there for whom its policy and their own let in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR, deploy
from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients, Role, Run
    from laptop_cloud.process import RunningCloud

REFUSED = {"AccessDenied", "AccessDeniedException"}
ITEMS = [f"dynamodb:{call}" for call in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")]
KEY = {"k": {"S": "1"}}
SHAPE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "k", "AttributeType": "S"},
        {"AttributeName": "day", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_day",
            "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.fixture
def table(client: Clients, name: str) -> str:
    """The ARN of a table without a policy, an item in it."""
    arn = client("dynamodb").create_table(TableName=name, **SHAPE)["TableDescription"]["TableArn"]
    client("dynamodb").put_item(TableName=name, Item={**KEY, "day": {"S": "Monday"}, "n": {"N": "1"}})
    return str(arn)


def admit(principal: str, *resources: str, actions: list[str] = ITEMS) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": list(resources)}
    return {"Version": "2012-10-17", "Statement": [statement]}


def let_in(client: Clients, table: str, principal: str, *resources: str, actions: list[str] = ITEMS) -> None:
    policy = admit(principal, *(resources or (table,)), actions=actions)
    client("dynamodb").put_resource_policy(ResourceArn=table, Policy=json.dumps(policy))


def test_items_of_another_account_s_table(client: Clients, acting: Acting, name: str, table: str) -> None:
    let_in(client, table, f"arn:aws:iam::{NEIGHBOUR}:role/{name}")
    items = acting("dynamodb", allow(ITEMS, table))

    assert items.get_item(TableName=table, Key=KEY)["Item"]["n"] == {"N": "1"}
    items.put_item(TableName=table, Item={"k": {"S": "2"}, "n": {"N": "2"}})
    items.update_item(
        TableName=table, Key=KEY, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "5"}}
    )
    found = items.query(TableName=table, KeyConditionExpression="k = :k", ExpressionAttributeValues={":k": {"S": "2"}})[
        "Items"
    ]
    assert found == [{"k": {"S": "2"}, "n": {"N": "2"}}]
    items.delete_item(TableName=table, Key={"k": {"S": "2"}})

    assert client("dynamodb").scan(TableName=name)["Items"] == [{**KEY, "day": {"S": "Monday"}, "n": {"N": "5"}}]


def test_who_may_not_by_their_own_policy_is_refused(client: Clients, acting: Acting, table: str) -> None:
    let_in(client, table, NEIGHBOUR)
    items = acting("dynamodb", allow(["dynamodb:PutItem"], table), allow(ITEMS, f"{table}-other"))

    assert refusal(items.get_item, TableName=table, Key=KEY) in REFUSED
    items.put_item(TableName=table, Item=KEY)


def test_who_is_not_let_in_by_the_table_is_refused(
    client: Clients, neighbour: Clients, acting: Acting, table: str
) -> None:
    items = acting("dynamodb", allow(ITEMS, table))
    assert refusal(items.get_item, TableName=table, Key=KEY) in REFUSED
    assert refusal(neighbour("dynamodb").get_item, TableName=table, Key=KEY) in REFUSED

    let_in(client, table, NEIGHBOUR, actions=["dynamodb:GetItem"])
    assert items.get_item(TableName=table, Key=KEY)["Item"]["n"] == {"N": "1"}
    assert neighbour("dynamodb").get_item(TableName=table, Key=KEY)["Item"]["n"] == {"N": "1"}
    assert refusal(items.delete_item, TableName=table, Key=KEY) in REFUSED


def test_an_index_is_asked_for_by_its_own_arn(client: Clients, acting: Acting, table: str) -> None:
    index = f"{table}/index/by_day"
    items = acting("dynamodb", allow(ITEMS, index))
    query = {
        "TableName": table,
        "IndexName": "by_day",
        "KeyConditionExpression": "#day = :day",
        "ExpressionAttributeNames": {"#day": "day"},
        "ExpressionAttributeValues": {":day": {"S": "Monday"}},
    }
    let_in(client, table, NEIGHBOUR)
    assert refusal(items.query, **query) in REFUSED

    let_in(client, table, NEIGHBOUR, table, index)
    assert [item["k"] for item in items.query(**query)["Items"]] == [KEY["k"]]


def test_a_table_s_policy_is_enough_in_its_own_account(
    cloud: RunningCloud, client: Clients, role: Role, name: str, table: str
) -> None:
    arn = role(allow(["dynamodb:ListTables"], "*"))
    items = act_as(cloud, client, arn).client("dynamodb", endpoint_url=cloud.endpoint_url)
    assert refusal(items.get_item, TableName=table, Key=KEY) in REFUSED

    let_in(client, table, arn)

    for named in (table, name):
        assert items.get_item(TableName=named, Key=KEY)["Item"]["n"] == {"N": "1"}


def test_a_policy_is_set_by_who_may_set_it(cloud: RunningCloud, client: Clients, role: Role, table: str) -> None:
    arn = role(allow(["dynamodb:PutResourcePolicy"], table))
    admin = act_as(cloud, client, arn).client("dynamodb", endpoint_url=cloud.endpoint_url)
    policy = json.dumps(admit(NEIGHBOUR, table))

    admin.put_resource_policy(ResourceArn=table, Policy=policy)
    assert refusal(admin.put_resource_policy, ResourceArn=f"{table}-other", Policy=policy) in REFUSED


def test_a_table_is_made_with_its_policy_and_leaves_none_behind(client: Clients, acting: Acting, name: str) -> None:
    tables = client("dynamodb")
    arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}"
    policy = json.dumps(admit(NEIGHBOUR, arn))
    made = tables.create_table(TableName=name, ResourcePolicy=policy, **SHAPE)["TableDescription"]["TableArn"]
    items = acting("dynamodb", allow(ITEMS, made))
    assert "Item" not in items.get_item(TableName=made, Key=KEY)

    tables.delete_table(TableName=name)
    tables.create_table(TableName=name, **SHAPE)

    assert refusal(items.get_item, TableName=made, Key=KEY) in REFUSED


def test_a_template_gives_a_table_its_policy(client: Clients, acting: Acting, name: str) -> None:
    properties = {"TableName": name, **SHAPE, "ResourcePolicy": {"PolicyDocument": admit(NEIGHBOUR, "*")}}
    template = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}
    deploy(client, name, template)
    arn = client("dynamodb").describe_table(TableName=name)["Table"]["TableArn"]
    items = acting("dynamodb", allow(ITEMS, arn))
    assert "Item" not in items.get_item(TableName=arn, Key=KEY)

    del properties["ResourcePolicy"]
    client("cloudformation").update_stack(StackName=name, TemplateBody=json.dumps(template))
    client("cloudformation").get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    assert refusal(items.get_item, TableName=arn, Key=KEY) in REFUSED


@pytest.mark.parametrize("integration", ["dynamodb", "aws-sdk:dynamodb"])
@pytest.mark.parametrize("call", ["getItem", "putItem", "updateItem", "deleteItem"])
def test_a_task_works_with_another_account_s_table(  # fixtures
    client: Clients,
    their_role: Role,
    run_there: Run,
    table: str,
    integration: str,
    call: str,
) -> None:
    let_in(client, table, NEIGHBOUR)
    about = {"Item": KEY} if call == "putItem" else {"Key": KEY}

    ended = run_there(
        their_role(allow(ITEMS, table)),
        {"Resource": f"arn:aws:states:::{integration}:{call}", "Parameters": {"TableName": table, **about}},
    )

    assert ended["status"] == "SUCCEEDED"
    if call == "getItem":
        assert json.loads(ended["output"])["Item"]["n"] == {"N": "1"}


def test_a_task_is_refused_by_a_table_that_does_not_let_its_machine_in(
    their_role: Role, run_there: Run, table: str
) -> None:
    task = {"Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": {"TableName": table, "Key": KEY}}

    assert run_there(their_role(allow(ITEMS, table)), task)["error"] == "States.Permissions"
