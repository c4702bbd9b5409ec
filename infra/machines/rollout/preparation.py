"""First: is it still approved, is it what was registered, and is no other rollout under way?"""

from __future__ import annotations

from infra.machines.ledger import name_key
from infra.machines.rollout.approval import read_approval
from infra.machines.rollout.lock import release_lock, take_lock
from infra.machines.rollout.props import REGISTERED, ROLL_BACK, SDK, RolloutProps
from infra.machines.states import (
    DISCARD,
    State,
    call,
    catch_all,
    choose,
    equals,
    present,
    succeed,
)
from noriba.records import ledger_entries as entries
from noriba.records.names import CANARY_FORMAT, MODEL_FORMAT, SHADOW_FORMAT, STAGING_FORMAT, VARIANT_FORMAT
from noriba.records.rollout import DIRECT


def prepare(props: RolloutProps) -> dict[str, State]:
    """States that name what will be made, see that the package is what was registered, and take the lock."""
    return {
        "Is there a plan?": choose((present("$.plan"), "Name"), otherwise="Go straight to production"),
        # A way back, begun by hand, says none: what served before needs no comparison.
        "Go straight to production": {
            "Type": "Pass",
            "Result": DIRECT.model_dump(mode="json"),
            "ResultPath": "$.plan",
            "Next": "Name",
        },
        # Names of this attempt: a model approved twice must not meet what the first rollout left.
        "Name": {
            "Type": "Pass",
            "Parameters": {
                "use_case.$": "$.use_case",
                "endpoint_name.$": "$.endpoint_name",
                "model_package_arn.$": "$.model_package_arn",
                "plan.$": "$.plan",
                "started_at.$": "$$.Execution.StartTime",
                "giving_back": {"tries": 0},
                "variant.$": f"States.Format('{VARIANT_FORMAT}', $.version)",
                "attempt.$": "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)",
            },
            "Next": "Name resources",
        },
        "Name resources": {
            "Type": "Pass",
            "Parameters": {
                "model.$": f"States.Format('{MODEL_FORMAT}', $.endpoint_name, $.variant, $.attempt)",
                "staging.$": f"States.Format('{STAGING_FORMAT}', $.endpoint_name, $.attempt)",
                "shadow.$": f"States.Format('{SHADOW_FORMAT}', $.endpoint_name, $.attempt)",
                "canary.$": f"States.Format('{CANARY_FORMAT}', $.endpoint_name, $.attempt)",
            },
            "ResultPath": "$.names",
            "Next": "Read package",
        },
        "Read package": call(
            f"{SDK}describeModelPackage",
            {"ModelPackageName.$": "$.model_package_arn"},
            follow="Is it still approved?",
            ResultSelector={
                "status.$": "$.ModelApprovalStatus",
                "model_data_uri.$": "$.InferenceSpecification.Containers[0].ModelDataUrl",
                "image_uri.$": "$.InferenceSpecification.Containers[0].Image",
                "modified.$": "States.Format('{}', $.LastModifiedTime)",
            },
            ResultPath="$.package",
            **catch_all(ROLL_BACK),
        ),
        "Is it still approved?": choose(
            (equals("$.package.status", "Approved"), "Read registration"), otherwise="Approval was withdrawn"
        ),
        # Whoever may update a package may also point it at another artifact: only what was evaluated is rolled out.
        "Read registration": call(
            "arn:aws:states:::dynamodb:getItem",
            {
                "TableName": props.ledger_table,
                "Key": name_key(entries.REGISTERED, "$.model_package_arn"),
                "ConsistentRead": True,
            },
            follow="Is it as registered?",
            ResultPath="$.registered",
            **catch_all(ROLL_BACK),
        ),
        "Is it as registered?": choose(
            (
                {
                    "And": [
                        present("$.registered.Item"),
                        {"Variable": "$.package.model_data_uri", "StringEqualsPath": f"{REGISTERED}.model_data_uri.S"},
                        {"Variable": "$.package.image_uri", "StringEqualsPath": f"{REGISTERED}.image_uri.S"},
                    ]
                },
                "Who asked for it?",
            ),
            otherwise="Not as registered",
        ),
        "Who asked for it?": choose(
            (equals("$.plan.asked_by", "approval"), "Take the approval"), otherwise="Take the lock"
        ),
        # SageMaker "may send multiple events to EventBridge for each state change", and EventBridge may deliver one
        # twice: an approval's second event must not undo a newer one's rollout.
        # https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
        "Take the approval": call(
            "arn:aws:states:::dynamodb:putItem",
            {
                "TableName": props.ledger_table,
                "Item": {
                    **name_key(entries.APPROVAL, "$.model_package_arn"),
                    "execution": {"S.$": "$$.Execution.Id"},
                    "modified": {"S.$": "$.package.modified"},
                },
                "ConditionExpression": "attribute_not_exists(entry) OR modified <> :modified OR execution = :mine",
                "ExpressionAttributeValues": {
                    ":modified": {"S.$": "$.package.modified"},
                    ":mine": {"S.$": "$$.Execution.Id"},
                },
            },
            follow="Take the lock",
            Catch=[
                {
                    "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
                    "ResultPath": DISCARD,
                    "Next": "Approval was rolled out already",
                },
                *catch_all(ROLL_BACK)["Catch"],
            ],
        ),
        "Approval was rolled out already": succeed(),
        "Not as registered": {
            "Type": "Pass",
            "Result": {
                "Error": "PackageChangedError",
                "Cause": "the package is not one that was registered after training, or its image or artifact was "
                "changed since; approve one that was",
            },
            "ResultPath": "$.failure",
            "Next": ROLL_BACK,
        },
        "Approval was withdrawn": succeed(),
        **take_lock(props.ledger_table, props.bus_name, follow="Look at the approval again"),
        # It may have waited for days.
        **read_approval("Look at the approval again", follow="Is it approved all the same?", catch=ROLL_BACK),
        "Is it approved all the same?": choose(
            (equals("$.again.status", "Approved"), "Announce staging"), otherwise="Let go"
        ),
        "Let go": release_lock(props.ledger_table, follow="Approval was withdrawn"),
    }
