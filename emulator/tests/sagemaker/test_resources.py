"""SageMaker's CloudFormation resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from_config = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}


@pytest.fixture
def stack(client: Any, name: str, eventually: Any) -> Any:
    """`stack(resources, outputs)`: create or update the test's stack; its description when it has settled."""
    cloudformation = client("cloudformation")

    def settled() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    def deploy(resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
        named = {key: {"Value": value} for key, value in (outputs or {}).items()}
        body = json.dumps({"Resources": resources, **({"Outputs": named} if named else {})})
        try:
            cloudformation.describe_stacks(StackName=name)
        except ClientError:
            cloudformation.create_stack(StackName=name, TemplateBody=body)
        else:
            cloudformation.update_stack(StackName=name, TemplateBody=body)
        found = eventually(settled, 30)
        found["Outputs"] = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        return dict(found)

    yield deploy
    cloudformation.delete_stack(StackName=name)


def resource(noun: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::SageMaker::{noun}", "Properties": properties}


def test_a_group(stack: Any, sagemaker: Any, name: str) -> None:
    resources = {"Group": resource("ModelPackageGroup", ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": "1"}])}
    outputs = {"Ref": {"Ref": "Group"}, "Status": {"Fn::GetAtt": ["Group", "ModelPackageGroupStatus"]}}

    made = stack(resources, outputs)

    group = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert made["Outputs"] == {"Ref": group["ModelPackageGroupArn"], "Status": "Completed"}


def test_tags_change_in_place(stack: Any, sagemaker: Any, name: str) -> None:
    def tagged(*tags: str) -> dict[str, Any]:
        return resource("ModelPackageGroup", ModelPackageGroupName=name, Tags=[{"Key": t, "Value": "1"} for t in tags])

    first = stack({"Group": tagged("a", "b")}, {"Ref": {"Ref": "Group"}})["Outputs"]
    second = stack({"Group": tagged("b", "c")}, {"Ref": {"Ref": "Group"}})["Outputs"]

    assert first == second
    tags = sagemaker.list_tags(ResourceArn=first["Ref"])["Tags"]
    assert {tag["Key"] for tag in tags if not tag["Key"].startswith("aws:")} == {"b", "c"}


def test_an_endpoint_is_there_when_the_stack_is_and_gone_with_it(
    stack: Any, client: Any, config: Any, ask: Any, name: str, eventually: Any, is_running: Any
) -> None:
    first, second = config("one"), config("two")

    def resources(model: str) -> dict[str, Any]:
        # CloudFormation may spell numbers as text.
        variant = {"VariantName": "A", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": "1"}
        return {
            "Config": resource("EndpointConfig", ProductionVariants=[variant]),
            "Endpoint": resource("Endpoint", EndpointName=name, EndpointConfigName=from_config),
        }

    outputs = {"Name": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}, "Ref": {"Ref": "Endpoint"}}

    made = stack(resources(first), outputs)
    assert (made["StackStatus"], made["Outputs"]["Name"]) == ("CREATE_COMPLETE", name)
    assert made["Outputs"]["Ref"].endswith(f"endpoint/{name}")
    assert ask(name)["model"] == "one"

    changed = stack(resources(second), outputs)
    assert (changed["StackStatus"], changed["Outputs"]) == ("UPDATE_COMPLETE", made["Outputs"])
    answer = ask(name)
    assert answer["model"] == "two"

    client("cloudformation").delete_stack(StackName=name)
    eventually(lambda: not is_running(answer["pid"]))
    eventually(lambda: not client("sagemaker").list_endpoint_configs(NameContains=f"{name}-Config")["EndpointConfigs"])


def test_an_endpoint_is_updated_as_its_template_says(stack: Any, config: Any, settled: Any, name: str) -> None:
    # CloudFormation may spell numbers and booleans as text.
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": "0"},
        "TerminationWaitInSeconds": "10",
    }
    asked = {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy}, "RetainAllVariantProperties": "true"}

    for model in ("one", "two"):
        endpoint = resource("Endpoint", EndpointName=name, EndpointConfigName=config(model), **asked)
        assert stack({"Endpoint": endpoint})["StackStatus"].endswith("_COMPLETE")

    described = settled(name)
    assert described["EndpointConfigName"] == f"{name}-two"
    assert described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 10


def test_an_endpoint_that_does_not_come_up_fails_the_stack_with_its_reason(
    stack: Any, client: Any, config: Any, name: str
) -> None:
    resources = {"Endpoint": resource("Endpoint", EndpointName=name, EndpointConfigName=config("bad", broken=True))}

    assert stack(resources)["StackStatus"] == "ROLLBACK_COMPLETE"

    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    reasons = [one.get("ResourceStatusReason", "") for one in events if one["ResourceStatus"] == "CREATE_FAILED"]
    assert any("did not pass the ping health check" in reason for reason in reasons)


def test_a_model(stack: Any, sagemaker: Any, image: str) -> None:
    role = "arn:aws:iam::123456789012:role/sagemaker"
    model = resource("Model", ExecutionRoleArn=role, PrimaryContainer={"Image": image, "Environment": {"A": "1"}})

    made = stack({"Model": model}, {"Name": {"Fn::GetAtt": ["Model", "ModelName"]}, "Ref": {"Ref": "Model"}})

    described = sagemaker.describe_model(ModelName=made["Outputs"]["Name"])
    assert described["ModelArn"] == made["Outputs"]["Ref"]
    assert described["PrimaryContainer"]["Environment"] == {"A": "1"}


def test_properties_that_the_laptop_has_not_are_refused(stack: Any, client: Any, name: str) -> None:
    group = resource("ModelPackageGroup", ModelPackageGroupName=name, ModelPackageGroupOwner="us")

    assert stack({"Group": group})["StackStatus"] == "ROLLBACK_COMPLETE"

    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any("does not support ModelPackageGroupOwner" in one.get("ResourceStatusReason", "") for one in events)
