"""Whoever calls SageMaker is held to their role: by resource, by the role that they hand on, and by what they say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.conftest import NEIGHBOUR
from emulator.tests.permissions import act_as, allow, refusal
from emulator.tests.sagemaker.conftest import ROLE
from laptop_cloud.sagemaker.permissions import list_permissions
from laptop_cloud.sagemaker.scopes import Scope

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Role, Run
    from laptop_cloud.process import RunningCloud

HERE = "arn:aws:sagemaker:us-east-1:123456789012:"
DENIED = "AccessDeniedException"


def test_each_resource_that_a_call_names_is_asked_about() -> None:
    needed = list_permissions(
        Scope("123456789012", "us-east-1"),
        "CreateEndpoint",
        {"EndpointName": "Eta", "EndpointConfigName": "eta-v7", "Tags": [{"Key": "k", "Value": "v"}]},
    )

    assert {(one.action, one.resource) for one in needed} == {
        ("sagemaker:CreateEndpoint", f"{HERE}endpoint/eta"),
        ("sagemaker:CreateEndpoint", f"{HERE}endpoint-config/eta-v7"),
        ("sagemaker:AddTags", f"{HERE}endpoint/eta"),
        ("sagemaker:AddTags", f"{HERE}endpoint-config/eta-v7"),
    }


@pytest.mark.parametrize(
    ("operation", "params", "resources"),
    [
        ("ListEndpoints", {}, {"*"}),
        ("ListModelPackages", {"ModelPackageGroupName": "eta"}, {f"{HERE}model-package/eta/*"}),
        ("DescribeModelPackage", {"ModelPackageName": f"{HERE}model-package/eta/7"}, {f"{HERE}model-package/eta/7"}),
        ("UpdateModelPackage", {"ModelPackageArn": f"{HERE}model-package/eta/7"}, {f"{HERE}model-package/eta/7"}),
        ("ListTags", {"ResourceArn": f"{HERE}endpoint/eta"}, {f"{HERE}endpoint/eta"}),
        ("InvokeEndpoint", {"EndpointName": "eta"}, {f"{HERE}endpoint/eta"}),
    ],
)
def test_what_is_asked_about(operation: str, params: dict[str, Any], resources: set[str]) -> None:
    needed = list(list_permissions(Scope("123456789012", "us-east-1"), operation, params))

    assert {one.resource for one in needed} == resources
    assert {one.action for one in needed} == {f"sagemaker:{operation}"}


def test_who_registers_a_model_cannot_approve_it(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    group = client("sagemaker").create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    packages = group.replace("model-package-group/", "model-package/") + "/*"
    undecided = {"StringEquals": {"sagemaker:ModelApprovalStatus": ["PendingManualApproval", "Rejected"]}}
    registrar = role(
        {**allow(["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"], packages, **undecided)},
        {**allow(["sagemaker:CreateModelPackage"], group, **undecided)},
    )
    sagemaker = act_as(cloud, client, registrar).client("sagemaker", endpoint_url=cloud.endpoint_url)

    assert refusal(sagemaker.create_model_package, ModelPackageGroupName=name, ModelApprovalStatus="Approved") == DENIED
    made = sagemaker.create_model_package(ModelPackageGroupName=name, ModelApprovalStatus="PendingManualApproval")
    arn = made["ModelPackageArn"]
    assert refusal(sagemaker.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved") == DENIED
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")


def test_a_role_is_handed_on_by_who_may_pass_it(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    may_create = allow(["sagemaker:CreateModel"], f"{HERE}model/*")
    passing = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    session = act_as(cloud, client, role(may_create))
    sagemaker = session.client("sagemaker", endpoint_url=cloud.endpoint_url)
    model: dict[str, Any] = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "none:1"}}

    with pytest.raises(ClientError, match="iam:PassRole"):
        sagemaker.create_model(**model)
    policy = {"Version": "2012-10-17", "Statement": [may_create, allow(["iam:PassRole"], ROLE, **passing)]}
    client("iam").put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    # It may be handed on now; only the image is not there.
    with pytest.raises(ClientError, match="none:1 not found"):
        sagemaker.create_model(**model)


def test_an_endpoint_is_asked_by_who_may_ask_it(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    session = act_as(cloud, client, role(allow(["sagemaker:InvokeEndpoint"], f"{HERE}endpoint/{name}")))
    runtime = session.client("sagemaker-runtime", endpoint_url=cloud.endpoint_url)

    assert refusal(runtime.invoke_endpoint, EndpointName=f"{name}-other", Body=b"{}") == DENIED
    # Nobody refuses; there is none.
    assert refusal(runtime.invoke_endpoint, EndpointName=name, Body=b"{}") == "ValidationError"


def test_a_job_works_in_another_account_s_bucket_as_its_role(
    neighbour: Clients, role: Role, process: Any, processing_request: Any, name: str
) -> None:
    bucket = f"{name}-theirs"
    neighbour("s3").create_bucket(Bucket=bucket)
    neighbour("s3").put_object(Bucket=bucket, Key="numbers/a.txt", Body=b"1 2")
    objects, listing = f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"
    worker = role(allow(["s3:GetObject", "s3:PutObject"], objects), allow(["s3:ListBucket"], listing))
    request = processing_request(f"s3://{bucket}/numbers/", RoleArn=worker)
    request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"s3://{bucket}/sums"

    def let_in(*actions: str) -> None:
        statement = {**allow(list(actions), objects), "Resource": [objects, listing], "Principal": {"AWS": worker}}
        policy = {"Version": "2012-10-17", "Statement": statement}
        neighbour("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def run(number: int) -> Any:
        again = {**request, "ProcessingJobName": f"{name}-{number}"}
        return process("", **again)

    assert "s3:ListBucket" in run(1)["FailureReason"]
    let_in("s3:GetObject", "s3:ListBucket")
    assert run(2)["ProcessingJobStatus"] == "Failed"
    let_in("s3:GetObject", "s3:ListBucket", "s3:PutObject")
    assert run(3)["ProcessingJobStatus"] == "Completed"
    stored = neighbour("s3").get_object(Bucket=bucket, Key="sums/sum.json")["Body"].read()
    assert json.loads(stored)["sum"] == 3


def test_a_job_of_another_account_is_run_by_a_task_with_a_role_there(  # fixtures
    client: Clients, role: Role, their_role: Role, run_there: Run, processing_request: Any, put: Any, name: str
) -> None:
    request = processing_request(put(f"numbers/{name}/a.txt", "1 2").removesuffix("a.txt"))
    inside = role(allow(["sagemaker:CreateProcessingJob"], f"{HERE}processing-job/*"), allow(["iam:PassRole"], ROLE))
    trust = {"Effect": "Allow", "Principal": {"AWS": NEIGHBOUR}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    task = {
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Parameters": request,
        "Credentials": {"RoleArn": inside},
    }

    ended = run_there(their_role(allow(["sts:AssumeRole"], inside)), task)

    job = json.loads(ended["output"])
    assert job["ProcessingJobArn"] == f"{HERE}processing-job/{name}"
    assert job["ProcessingJobStatus"] == "Completed"
    role(allow(["sagemaker:CreateProcessingJob"], f"{HERE}processing-job/*"))
    client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    assert "iam:PassRole" in run_there(their_role(allow(["sts:AssumeRole"], inside)), task)["cause"]
