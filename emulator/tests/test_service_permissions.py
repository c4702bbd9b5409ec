"""What services do as themselves, the policy of what they reach must allow."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Functions, Queue
    from laptop_cloud.process import RunningCloud

HERE = "us-east-1:123456789012"


@pytest.mark.parametrize(
    ("admitted", "status"), [("POST/things/*", 200), ("GET/things/*", 500), ("POST/others/*", 500)]
)
def test_an_api_asks_a_function_whose_policy_lets_this_method_in(
    cloud: RunningCloud, client: Clients, function: Functions, name: str, admitted: str, status: int
) -> None:
    answer = "{'statusCode': 200, 'body': 'here'}"
    arn = function(f"def handler(event, context):\n    return {answer}\n")
    api = _make_api(client, name, arn)
    client("lambda").remove_permission(FunctionName=arn, StatementId="apigateway")
    client("lambda").add_permission(
        FunctionName=arn,
        StatementId="method",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{HERE}:{api}/live/{admitted}",
    )
    url = f"{cloud.endpoint_url}/_aws/execute-api/{api}/live/things/1"

    found, said = _post(url)

    assert found == status
    assert said == ("here" if status == 200 else json.dumps({"message": "Internal server error"}))


def _make_api(client: Clients, name: str, function_arn: str) -> str:
    """An API with one method, `POST /things/{id}`, behind which is a function; its id."""
    gateway = client("apigateway")
    api = str(gateway.create_rest_api(name=name)["id"])
    parent = gateway.get_resources(restApiId=api)["items"][0]["id"]
    for part in ("things", "{id}"):
        parent = gateway.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]
    method: dict[str, Any] = {"restApiId": api, "resourceId": parent, "httpMethod": "POST"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName="live")
    return api


def _post(url: str) -> tuple[int, str]:
    request = urllib.request.Request(url, data=b"{}")  # noqa: S310 -- our own cloud
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310 -- our own cloud
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.parametrize(
    ("principal", "told"), [("cloudwatch.amazonaws.com", True), ("events.amazonaws.com", False), (None, True)]
)
def test_an_alarm_tells_a_topic_whose_policy_lets_it(
    client: Clients, queue: Queue, name: str, principal: str | None, told: bool
) -> None:
    sns, cloudwatch = client("sns"), client("cloudwatch")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    if principal is not None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": principal},
            "Action": "sns:Publish",
            "Resource": topic,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")

    if told:
        assert json.loads(queue.receive_json()["Message"])["AlarmName"] == name
    else:
        # What was told came before what is sent now.
        client("sqs").send_message(QueueUrl=queue.url, MessageBody="{}")
        assert queue.receive_json() == {}
