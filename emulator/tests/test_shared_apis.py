"""An API is served under its address, whosever account it is."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from emulator.tests.conftest import NEIGHBOUR, make_role
from emulator.tests.permissions import act_as, allow

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

    from emulator.tests.conftest import Clients, Role, Zip
    from laptop_cloud.process import RunningCloud

    MakeApi = Callable[..., str]

INVOKE = ["execute-api:Invoke"]
NOT_FOUND = 404


@pytest.fixture
def their_api(neighbour: Clients, zipped: Zip, name: str) -> MakeApi:
    """`their_api("NONE")`: the id of another account's API with one method, `GET /`; it answers who called it."""

    def make(authorization: str, **more: Any) -> str:
        functions, gateway = neighbour("lambda"), neighbour("apigateway")
        answer = "{'statusCode': 200, 'body': event['requestContext']['accountId']}"
        function = functions.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Architectures=["arm64"],
            Handler="app.handler",
            Role=make_role(neighbour("iam"), NEIGHBOUR, name, allow(["logs:*"], "*")),
            Code={"ZipFile": zipped({"app.py": f"def handler(event, context):\n    return {answer}\n"})},
        )["FunctionArn"]
        api = str(gateway.create_rest_api(name=name, **more)["id"])
        functions.add_permission(
            FunctionName=name,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{NEIGHBOUR}:{api}/*",
        )
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        method: dict[str, Any] = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType=authorization)
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
        gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        gateway.create_deployment(restApiId=api, stageName="live")
        return api

    return make


def get(url: str, session: boto3.Session | None = None) -> tuple[int, str]:
    request = AWSRequest("GET", url)
    if session is not None:
        credentials = session.get_credentials()
        assert credentials is not None
        SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(request)
    asked = urllib.request.Request(url, headers=dict(request.headers.items()))  # noqa: S310 -- our own cloud
    try:
        with urllib.request.urlopen(asked) as response:  # noqa: S310 -- our own cloud
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_an_open_api_of_another_account_is_served(cloud: RunningCloud, their_api: MakeApi) -> None:
    assert get(f"{cloud.endpoint_url}/_aws/execute-api/{their_api('NONE')}/live/") == (200, NEIGHBOUR)


def test_an_api_that_is_nobody_s_is_not_found(cloud: RunningCloud, name: str) -> None:
    assert get(f"{cloud.endpoint_url}/_aws/execute-api/{name}/live/")[0] == NOT_FOUND


@pytest.mark.parametrize(("own", "let_in", "status"), [(True, True, 200), (True, False, 403), (False, True, 403)])
def test_a_closed_api_asks_its_policy_and_the_caller_s(  # fixtures
    cloud: RunningCloud,
    client: Clients,
    role: Role,
    their_api: MakeApi,
    own: bool,
    let_in: bool,
    status: int,
) -> None:
    caller = role(allow(INVOKE if own else ["s3:GetObject"], "*"))
    principal = caller if let_in else f"{caller}-other"
    statement = {**allow(INVOKE, "execute-api:/*"), "Principal": {"AWS": principal}}
    api = their_api("AWS_IAM", policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    url = f"{cloud.endpoint_url}/_aws/execute-api/{api}/live/"

    assert get(url, act_as(cloud, client, caller))[0] == status
    assert get(url)[0] == 403
