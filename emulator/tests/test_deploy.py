"""The real `cdk` command deploys an assembly to the laptop cloud, and what was deployed works."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.tests.conftest import NEIGHBOUR, connect
from emulator.tests.organization import deny
from laptop_cloud.deploy import DeployError, deploy
from laptop_cloud.entrances import ACCESS_ROLE, Entrance
from laptop_cloud.organization import put_in_force

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.tests.conftest import Clients, Eventually
    from laptop_cloud.process import RunningCloud

HANDLER = """
def handler(event, context):
    return {"landed": event["detail"]["object"]["key"], "version": event["detail"]["object"]["version-id"]}
"""


def assembly(folder: Path, stack_name: str, resources: dict[str, Any], outputs: dict[str, Any]) -> Path:
    """What `cdk synth` makes of one stack whose function is the folder `code`."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "index.py").write_text(HANDLER)
    code_key = f"{stack_name}.zip"
    template = json.dumps({"Resources": resources, "Outputs": outputs}).replace("CODE", code_key)
    (folder / "stack.template.json").write_text(template)
    staging = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"

    def file_asset(path: str, packaging: str, key: str) -> dict[str, Any]:
        return {
            "source": {"path": path, "packaging": packaging},
            "destinations": {"here": {"bucketName": staging, "objectKey": key}},
        }

    key = f"{hashlib.sha256(template.encode()).hexdigest()}.json"
    assets = {
        "code": file_asset("code", "zip", code_key),
        "template": file_asset("stack.template.json", "file", key),
    }
    (folder / "stack.assets.json").write_text(json.dumps({"version": "36.0.0", "files": assets, "dockerImages": {}}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "dependencies": ["stack.assets"],
        "properties": {
            "templateFile": "stack.template.json",
            "stackName": stack_name,
            "stackTemplateAssetObjectUrl": f"s3://{staging}/{key}",
        },
    }
    manifest = {"type": "cdk:asset-manifest", "properties": {"file": "stack.assets.json"}}
    artifacts = {"stack.assets": manifest, "stack": stack}
    (folder / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts}))
    return folder


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        },
        "Policies": [
            {
                "PolicyName": "chain",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["states:StartExecution", "lambda:InvokeFunction"],
                            "Resource": "*",
                        }
                    ],
                },
            }
        ],
    },
}
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Runtime": "python3.14",
        "Architectures": ["arm64"],
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "CODE"},
    },
}
BUCKET = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "VersioningConfiguration": {"Status": "Enabled"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    },
}
MACHINE = {
    "Type": "AWS::StepFunctions::StateMachine",
    "Properties": {
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DefinitionString": {
            "Fn::Sub": json.dumps(
                {"StartAt": "Look", "States": {"Look": {"Type": "Task", "Resource": "${Function.Arn}", "End": True}}}
            )
        },
    },
}
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {
        "EventPattern": {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [{"Ref": "Bucket"}]}},
        },
        "Targets": [{"Id": "machine", "Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}],
    },
}


def test_an_object_that_lands_starts_the_state_machine_that_runs_the_function(
    cloud: RunningCloud, client: Clients, tmp_path: Path, name: str, eventually: Eventually
) -> None:
    resources = {"Role": ROLE, "Function": FUNCTION, "Bucket": BUCKET, "Machine": MACHINE, "Rule": RULE}
    outputs = {"Bucket": {"Value": {"Ref": "Bucket"}}, "Machine": {"Value": {"Ref": "Machine"}}}
    lines: list[str] = []

    deployed = deploy(cloud, assembly(tmp_path / "cdk.out", name, resources, outputs), lines.append)[name]

    assert any(name in line and "CREATE_COMPLETE" in line for line in lines)
    version = client("s3").put_object(Bucket=deployed["Bucket"], Key="trips.csv", Body=b"x")["VersionId"]
    states = client("stepfunctions")

    def output() -> Any:
        listed = states.list_executions(stateMachineArn=deployed["Machine"], statusFilter="SUCCEEDED")["executions"]
        return listed and json.loads(states.describe_execution(executionArn=listed[0]["executionArn"])["output"])

    assert eventually(output) == {"landed": "trips.csv", "version": version}


def test_a_stack_that_fails_is_named_with_the_resource_and_the_reason(
    cloud: RunningCloud, tmp_path: Path, name: str
) -> None:
    folder = assembly(tmp_path / "cdk.out", name, {"Role": ROLE, "Function": FUNCTION}, {})
    package = folder / "code" / "futuristic-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: futuristic\nVersion: 1.0\nRequires-Python: >=3.99\n"
    )

    with pytest.raises(
        DeployError, match=f"^stack {name}: AWS::Lambda::Function Function: futuristic 1.0 needs Python"
    ):
        deploy(cloud, folder, lambda _line: None)


def bind(folder: Path, stack_name: str, template: dict[str, Any], accounts: list[str], region: str) -> Path:
    """What `cdk synth` makes of one stack in each of these accounts, all of one name."""
    folder.mkdir(parents=True)
    content = json.dumps(template)
    (folder / "stack.template.json").write_text(content)
    key = f"{hashlib.sha256(content.encode()).hexdigest()}.json"
    artifacts: dict[str, Any] = {}
    for account in accounts:
        staging = f"cdk-hnb659fds-assets-{account}-{region}"
        roles = f"arn:aws:iam::{account}:role/cdk-hnb659fds"
        publishing = f"{roles}-file-publishing-role-{account}-{region}"
        here = {"bucketName": staging, "objectKey": key, "region": region, "assumeRoleArn": publishing}
        source = {"path": "stack.template.json", "packaging": "file"}
        assets = {"version": "36.0.0", "files": {key: {"source": source, "destinations": {"here": here}}}}
        (folder / f"{account}.assets.json").write_text(json.dumps({**assets, "dockerImages": {}}))
        properties = {"file": f"{account}.assets.json"}
        artifacts[f"{account}.assets"] = {"type": "cdk:asset-manifest", "properties": properties}
        artifacts[account] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{account}/{region}",
            "dependencies": [f"{account}.assets"],
            "properties": {
                "templateFile": "stack.template.json",
                "stackName": stack_name,
                "stackTemplateAssetObjectUrl": f"s3://{staging}/{key}",
                "assumeRoleArn": f"{roles}-deploy-role-{account}-{region}",
                "cloudFormationExecutionRoleArn": f"{roles}-cfn-exec-role-{account}-{region}",
            },
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts}))
    return folder


def test_stacks_of_one_name_go_each_to_its_account_and_are_told_apart(
    cloud: RunningCloud, client: Clients, neighbour: Clients, tmp_path: Path, name: str
) -> None:
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}},
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
            "Account": {"Value": {"Ref": "AWS::AccountId"}},
        },
    }
    accounts = [cloud.account, NEIGHBOUR]
    folder = bind(tmp_path / "cdk.out", name, template, accounts, cloud.region)

    deployed = deploy(cloud, folder, lambda _line: None)

    assert deployed == {
        f"{name} in {account}": {"Arn": f"arn:aws:sqs:{cloud.region}:{account}:{name}", "Account": account}
        for account in accounts
    }
    for one, account in ((client, cloud.account), (neighbour, NEIGHBOUR)):
        [url] = one("sqs").list_queues(QueueNamePrefix=name)["QueueUrls"]
        assert account in url


def test_an_account_whose_root_user_may_do_nothing_is_entered_by_a_role(
    cloud: RunningCloud, tmp_path: Path, name: str
) -> None:
    """From the account that manages the organisation, as on AWS; even the bootstrap is made so."""
    account = "818181818181"
    root = {"aws:PrincipalArn": "arn:aws:iam::*:root"}
    guardrail = {"Version": "2012-10-17", "Statement": [deny("*", ArnLike=root)]}
    put_in_force(cloud, [cloud.account, account], {name: guardrail}, roles=[ACCESS_ROLE])
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}}
    folder = bind(tmp_path / "cdk.out", name, template, [account], cloud.region)

    with pytest.raises(ClientError, match="explicit deny in a service control policy"):
        connect(cloud, account)("sqs").list_queues()
    deploy(cloud, folder, lambda _line: None, entrance=Entrance(cloud, ACCESS_ROLE))

    inside: Any = boto3.client("sqs", **Entrance(cloud, ACCESS_ROLE).connect(account, cloud.region))
    [url] = inside.list_queues(QueueNamePrefix=name)["QueueUrls"]
    assert account in url
