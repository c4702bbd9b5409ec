"""Other accounts register, approve and deploy models where a group's policy and their own let them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.conftest import NEIGHBOUR, deploy, make_role
from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients, Role, Run, Watch
    from laptop_cloud.process import RunningCloud

HERE = "arn:aws:sagemaker:us-east-1:123456789012"
THERE = f"arn:aws:sagemaker:us-east-1:{NEIGHBOUR}"
DENIED = "AccessDeniedException"
PACKAGES = ["CreateModelPackage", "DescribeModelPackage", "ListModelPackages", "UpdateModelPackage"]
ALL = [f"sagemaker:{call}" for call in PACKAGES]


@pytest.fixture
def group(sagemaker: Any, name: str) -> str:
    """The ARN of a group that lets in nobody else."""
    return str(sagemaker.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"])


@pytest.fixture
def packages(name: str) -> str:
    """What the group's packages are called in a policy."""
    return f"{HERE}:model-package/{name}/*"


def admit(principal: str, actions: list[str], *resources: str) -> dict[str, Any]:
    statement = {**allow(actions, ""), "Resource": list(resources), "Principal": {"AWS": principal}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def let_in(sagemaker: Any, group: str, *resources: str, principal: str = NEIGHBOUR, actions: list[str] = ALL) -> None:
    policy = json.dumps(admit(principal, actions, group, *resources))
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group.rpartition("/")[2], ResourcePolicy=policy)


def test_a_group_keeps_its_policy(sagemaker: Any, name: str, group: str, packages: str) -> None:
    policy = json.dumps(admit(NEIGHBOUR, ALL, group, packages))

    put = sagemaker.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy)

    assert put["ModelPackageGroupArn"] == group
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=name)["ResourcePolicy"] == policy
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=name)
    for look in (sagemaker.get_model_package_group_policy, sagemaker.delete_model_package_group_policy):
        with pytest.raises(ClientError, match=f"Cannot find resource policy for: {group}"):
            look(ModelPackageGroupName=name)


@pytest.mark.parametrize(("policy", "message"), [("no JSON", "is not JSON"), ("[]", "no Statement")])
def test_what_is_no_policy_is_refused(sagemaker: Any, name: str, group: str, policy: str, message: str) -> None:
    del group
    with pytest.raises(ClientError, match=message):
        sagemaker.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy)


def test_a_model_is_registered_and_decided_about_from_another_account(  # fixtures
    sagemaker: Any, acting: Acting, watch: Watch, name: str, group: str, packages: str
) -> None:
    let_in(sagemaker, group, packages, principal=f"arn:aws:iam::{NEIGHBOUR}:role/{name}")
    theirs = acting("sagemaker", allow(ALL, group), allow(ALL, packages))
    queue = watch({"source": ["aws.sagemaker"], "resources": [f"{HERE}:model-package/{name}/1"]})

    arn = theirs.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]

    assert arn == f"{HERE}:model-package/{name}/1"
    told = queue.receive_json()
    assert (told["account"], told["detail"]["ModelApprovalStatus"]) == ("123456789012", "PendingManualApproval")
    assert theirs.describe_model_package(ModelPackageName=arn)["ModelPackageGroupName"] == name
    [listed] = theirs.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert listed["ModelPackageArn"] == arn
    theirs.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert queue.receive_json()["detail"]["ModelApprovalStatus"] == "Approved"
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"


def test_who_may_not_by_their_own_policy_is_refused(sagemaker: Any, acting: Acting, group: str, packages: str) -> None:
    let_in(sagemaker, group, packages)
    theirs = acting("sagemaker", allow(ALL, group), allow(["sagemaker:DescribeModelPackage"], packages))
    arn = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]

    theirs.describe_model_package(ModelPackageName=arn)
    assert refusal(theirs.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved") == DENIED
    assert refusal(theirs.create_model_package, ModelPackageGroupName=group) == DENIED


def test_who_is_not_let_in_by_the_group_is_refused(
    sagemaker: Any, neighbour: Clients, acting: Acting, group: str, packages: str
) -> None:
    arn = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    theirs = acting("sagemaker", allow(ALL, group), allow(ALL, packages))
    for somebody in (theirs, neighbour("sagemaker")):
        assert refusal(somebody.describe_model_package, ModelPackageName=arn) == DENIED
        assert refusal(somebody.create_model_package, ModelPackageGroupName=group) == DENIED
        assert refusal(somebody.list_model_packages, ModelPackageGroupName=group) == DENIED

    let_in(sagemaker, group, packages, actions=["sagemaker:DescribeModelPackage"])
    for somebody in (theirs, neighbour("sagemaker")):
        somebody.describe_model_package(ModelPackageName=arn)
        assert refusal(somebody.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved") == DENIED


def test_a_new_group_of_an_old_name_lets_in_nobody(
    sagemaker: Any, acting: Acting, name: str, group: str, packages: str
) -> None:
    let_in(sagemaker, group, packages)
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    sagemaker.create_model_package_group(ModelPackageGroupName=name)

    theirs = acting("sagemaker", allow(ALL, group), allow(ALL, packages))

    assert refusal(theirs.create_model_package, ModelPackageGroupName=group) == DENIED


def test_a_template_gives_a_group_its_policy(client: Clients, sagemaker: Any, name: str) -> None:
    group = f"{HERE}:model-package-group/{name}"
    properties: dict[str, Any] = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupPolicy": admit(NEIGHBOUR, ALL, group),
    }
    template = {"Resources": {"Group": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": properties}}}

    def update() -> None:
        client("cloudformation").update_stack(StackName=name, TemplateBody=json.dumps(template))
        client("cloudformation").get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    def read() -> Any:
        return json.loads(sagemaker.get_model_package_group_policy(ModelPackageGroupName=name)["ResourcePolicy"])

    deploy(client, name, template)
    assert read() == properties["ModelPackageGroupPolicy"]
    properties["ModelPackageGroupPolicy"] = admit(NEIGHBOUR, ALL[:1], group)
    update()
    assert read() == properties["ModelPackageGroupPolicy"]
    del properties["ModelPackageGroupPolicy"]
    update()
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        read()


@pytest.fixture
def approved(sagemaker: Any, client: Clients, group: str, image: str, name: str) -> str:
    """An approved package, its data in a bucket of its account that is closed to others."""
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="model.tar.gz", Body=b"")
    container = {"Image": image, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    return str(
        sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
    )


def test_a_model_is_made_of_another_account_s_package(  # fixtures
    cloud: RunningCloud,
    client: Clients,
    neighbour: Clients,
    sagemaker: Any,
    approved: str,
    name: str,
) -> None:
    data = f"arn:aws:s3:::{name}/*"
    server = make_role(neighbour("iam"), NEIGHBOUR, f"{name}-server", allow(["s3:GetObject"], data))
    deployer = [allow(["sagemaker:CreateModel"], f"{THERE}:model/*"), allow(["iam:PassRole"], server)]
    both = [*deployer, allow(["sagemaker:CreateModel"], approved)]
    request: dict[str, Any] = {
        "ModelName": name,
        "ExecutionRoleArn": server,
        "PrimaryContainer": {"ModelPackageName": approved},
    }

    def create(*statements: dict[str, Any]) -> Any:
        session = act_as(cloud, neighbour, make_role(neighbour("iam"), NEIGHBOUR, name, *statements))
        return session.client("sagemaker", endpoint_url=cloud.endpoint_url).create_model(**request)

    with pytest.raises(ClientError, match=f"sagemaker:CreateModel on resource: {approved}"):
        create(*both)
    let_in(sagemaker, f"{HERE}:model-package-group/{name}", approved, actions=["sagemaker:CreateModel"])
    with pytest.raises(ClientError, match=f"sagemaker:CreateModel on resource: {approved}"):
        create(*deployer)
    with pytest.raises(ClientError, match="Could not find model data"):
        create(*both)
    policy = admit(server, ["s3:GetObject"], data)
    client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))

    assert create(*both)["ModelArn"] == f"{THERE}:model/{name}"


def test_a_task_registers_a_model_in_another_account(
    sagemaker: Any, their_role: Role, run_there: Run, name: str, group: str, packages: str
) -> None:
    task = {
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModelPackage",
        "Parameters": {"ModelPackageGroupName": group},
    }
    role = their_role(allow(ALL, group), allow(ALL, packages))
    assert run_there(role, task)["error"] == "States.Permissions"

    let_in(sagemaker, group, packages)

    ended = run_there(role, task)
    assert json.loads(ended["output"])["ModelPackageArn"] == f"{HERE}:model-package/{name}/1"
