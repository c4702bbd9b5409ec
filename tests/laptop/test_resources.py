"""What the loop touched, told of what the laptop cloud recorded."""

from __future__ import annotations

import pytest

from laptop.resources import Resource, find_resources
from laptop_cloud.calls import OTHERS, RecordedCall

HERE, OTHER = "444444444444", "777777777777"
ROLE = "role/noriba-data-PlanIngestRole"


def call(resource: str, *, principal: str = ROLE, allowed: bool = True) -> RecordedCall:
    return RecordedCall(
        account=HERE, principal=principal, action="a:B", resource=resource, keys={}, allowed=allowed, count=1
    )


def find(*calls: RecordedCall) -> set[Resource]:
    return find_resources(calls, prefix="noriba", owners={"raw": OTHER})


@pytest.mark.parametrize(
    ("arn", "account", "kind", "name"),
    [
        # Whose a bucket is, no ARN says.
        ("arn:aws:s3:::raw/taxi_eta/parts/", OTHER, "AWS::S3::Bucket", "raw"),
        ("arn:aws:s3:::raw", OTHER, "AWS::S3::Bucket", "raw"),
        (f"arn:aws:dynamodb:eu-west-1:{OTHER}:table/ledger", OTHER, "AWS::DynamoDB::Table", "ledger"),
        (f"arn:aws:dynamodb:eu-west-1:{OTHER}:table/ledger/index/x", OTHER, "AWS::DynamoDB::Table", "ledger"),
        (f"arn:aws:lambda:eu-west-1:{HERE}:function:predict:live", HERE, "AWS::Lambda::Function", "predict"),
        (f"arn:aws:states:eu-west-1:{HERE}:execution:train:1-2", HERE, "AWS::StepFunctions::StateMachine", "train"),
        (f"arn:aws:states:eu-west-1:{HERE}:mapRun:in/Map:7", HERE, "AWS::StepFunctions::StateMachine", "in"),
        (f"arn:aws:states:eu-west-1:{HERE}:stateMachine:train", HERE, "AWS::StepFunctions::StateMachine", "train"),
        (f"arn:aws:sqs:eu-west-1:{HERE}:letters", HERE, "AWS::SQS::Queue", "letters"),
        (f"arn:aws:execute-api:eu-west-1:{HERE}:ab12/live/GET/", HERE, "AWS::ApiGateway::RestApi", "ab12"),
        (f"arn:aws:logs:eu-west-1:{HERE}:log-group:/aws/x/y:*", HERE, "AWS::Logs::LogGroup", "/aws/x/y"),
        (f"arn:aws:glue:eu-west-1:{HERE}:table/noriba/outcomes", HERE, "AWS::Glue::Table", "noriba/outcomes"),
        (
            f"arn:aws:sagemaker:eu-west-1:{OTHER}:model-package/taxi/1",
            OTHER,
            "AWS::SageMaker::ModelPackage",
            "taxi/1",
        ),
        (f"arn:aws:sagemaker:eu-west-1:{HERE}:training-job/t-1", HERE, "sagemaker:training-job", "t-1"),
        (f"arn:aws-cn:iam::{OTHER}:role/stage", OTHER, "AWS::IAM::Role", "stage"),
        (f"arn:aws:cloudformation:eu-west-1:{HERE}:stack/s/0-1", HERE, "AWS::CloudFormation::Stack", "s"),
    ],
)
def test_a_resource_is_told_with_its_account_its_type_and_its_name(
    arn: str, account: str, kind: str, name: str
) -> None:
    assert find(call(arn)) == {Resource(account, kind, name)}


def test_what_is_touched_twice_is_told_once() -> None:
    calls = [call("arn:aws:s3:::raw/a/"), call("arn:aws:s3:::raw/b/"), call("arn:aws:s3:::raw", principal=f"{ROLE}2")]

    assert find(*calls) == {Resource(OTHER, "AWS::S3::Bucket", "raw")}


@pytest.mark.parametrize(
    "untold",
    [
        call("arn:aws:s3:::raw", allowed=False),
        call("arn:aws:s3:::raw", principal="role/cdk-hnb659fds-deploy-role"),
        call("arn:aws:s3:::raw", principal="root"),
        call("*"),
        call(OTHERS),
        call(f"arn:aws:sagemaker:eu-west-1:{HERE}:model-package/taxi/*"),
        call(f"arn:aws:sagemaker:eu-west-1:{HERE}:*"),
    ],
    ids=["refused", "of who deploys", "of a person", "all", "uncounted", "a pattern", "a kind"],
)
def test_what_no_role_of_the_loop_touched_or_what_is_no_one_resource_is_left_out(untold: RecordedCall) -> None:
    assert find(untold) == set()
