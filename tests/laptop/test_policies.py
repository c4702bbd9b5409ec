"""The evaluator by which the loop's calls are judged lets nothing through that a policy does not name."""

from __future__ import annotations

from typing import Any

import pytest

from laptop_cloud.calls import RecordedCall
from tests.laptop.policies import Deployed, Grant, Names, holds

HERE = "us-east-1:123456789012"
NAMES = Names(
    account="123456789012",
    region="us-east-1",
    resources={
        "RawBucket": Deployed("AWS::S3::Bucket", "noriba-raw"),
        "DeadLettersQueue": Deployed("AWS::SQS::Queue", "http://127.0.0.1/123456789012/letters"),
        "TrainMachine": Deployed("AWS::StepFunctions::StateMachine", f"arn:aws:states:{HERE}:stateMachine:train"),
    },
    stacks={},
)


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("<RawBucket.Arn>/taxi_eta/*", "arn:aws:s3:::noriba-raw/taxi_eta/*"),
        ("<DeadLettersQueue.Arn>", f"arn:aws:sqs:{HERE}:letters"),
        ("<TrainMachine>", f"arn:aws:states:{HERE}:stateMachine:train"),
        (
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<TrainMachine.Name>:*",
            f"arn:aws:states:{HERE}:execution:train:*",
        ),
    ],
)
def test_references_become_the_names_in_the_account(text: str, resolved: str) -> None:
    assert NAMES.resolve(text) == resolved


def test_what_is_not_deployed_has_no_name() -> None:
    with pytest.raises(KeyError, match="Elsewhere"):
        NAMES.resolve("<Elsewhere.Arn>")


GRANT = Grant("Reader", "role/reader", "s3:GetObject", "RawBucket/taxi_eta/*", "arn:aws:s3:::noriba-raw/taxi_eta/*", {})
CALL = RecordedCall(
    account="123456789012",
    principal="role/reader",
    action="s3:GetObject",
    resource="arn:aws:s3:::noriba-raw/taxi_eta/",
    keys={},
    allowed=True,
    count=1,
)


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({}, True),
        ({"principal": "role/writer"}, False),
        ({"action": "s3:GetObjectVersion"}, False),
        ({"resource": "arn:aws:s3:::noriba-raw/"}, False),
        ({"resource": "*"}, False),
    ],
)
def test_a_grant_is_for_one_role_one_action_and_its_resources(changed: dict[str, Any], allowed: bool) -> None:
    assert GRANT.allows(CALL.model_copy(update=changed)) is allowed


@pytest.mark.parametrize(
    ("test", "known", "met"),
    [
        ("StringEquals", {"k": "a"}, True),
        ("StringEquals", {"k": "c"}, False),
        ("StringEquals", {"k": ["a", "c"]}, True),
        ("StringEquals", {}, False),
        ("StringEqualsIfExists", {}, True),
        ("StringEqualsIfExists", {"k": "c"}, False),
        ("ForAllValues:StringEquals", {"k": ["a", "b"]}, True),
        ("ForAllValues:StringEquals", {"k": ["a", "c"]}, False),
        ("ForAllValues:StringEquals", {}, True),
    ],
)
def test_a_condition_is_met(test: str, known: dict[str, Any], met: bool) -> None:
    assert holds(test, "K", ["a", "b"], known) is met


@pytest.mark.parametrize(
    ("expected", "known", "met"), [("false", {"k": "a"}, True), ("false", {}, False), ("true", {}, True)]
)
def test_a_key_must_be_there_or_must_not(expected: str, known: dict[str, Any], met: bool) -> None:
    assert holds("Null", "k", [expected], known) is met


def test_an_operator_that_is_not_known_lets_nobody_through() -> None:
    with pytest.raises(KeyError, match="Bool"):
        holds("Bool", "k", ["true"], {"k": "true"})
