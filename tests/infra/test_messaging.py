"""The bus and what stands beside it: archive, dead letters, topics, and the key that all of them share."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from noriba.events import NORIBA_EVENTS
from tests.infra.assembly import as_list

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

WEEKS_2_S = 14 * 24 * 3600


def test_the_archive_keeps_every_event_that_noriba_knows(assembly: Assembly, customised: Assembly) -> None:
    [archive] = assembly.find("AWS::Events::Archive")
    [shorter] = customised.find("AWS::Events::Archive")

    assert archive.properties["SourceArn"] == "<Bus.Arn>"
    assert set(archive.properties["EventPattern"]["source"]) == {event.source for event in NORIBA_EVENTS}
    assert archive.properties["RetentionDays"] == 90
    assert shorter.properties["RetentionDays"] == 30


def test_statements_of_the_bus_are_named_after_the_deployment(assembly: Assembly, customised: Assembly) -> None:
    ours, others = (
        [policy.properties["StatementId"] for policy in found.find("AWS::Events::EventBusPolicy")]
        for found in (assembly, customised)
    )

    # CloudFormation knows them by these names alone, in all stacks of an account.
    assert all(name.startswith("noriba-") for name in ours)
    assert all(name.startswith("trial-") for name in others)
    assert len(set(ours)) == len(ours)
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ours + others)


def test_statements_of_the_bus_are_put_one_after_the_other(assembly: Assembly) -> None:
    policies = {policy.logical_id: policy for policy in assembly.find("AWS::Events::EventBusPolicy")}
    waits_for = {name: as_list(policy.attributes.get("DependsOn", [])) for name, policy in policies.items()}

    # One waits for none, each other for one, and no two for the same: a chain.
    assert Counter(map(len, waits_for.values())) == {0: 1, 1: len(policies) - 1}
    assert len({before for names in waits_for.values() for before in names}) == len(policies) - 1


def test_queues_are_encrypted_and_wait_two_weeks_for_somebody_to_look(assembly: Assembly) -> None:
    for queue in assembly.find("AWS::SQS::Queue"):
        assert queue.properties["KmsMasterKeyId"] == "<Key.Arn>"
        assert queue.properties["MessageRetentionPeriod"] == WEEKS_2_S


def test_topics_are_encrypted(assembly: Assembly) -> None:
    topics = assembly.by_name("AWS::SNS::Topic")

    assert topics.keys() == {"Operators", "Approvers"}
    assert {topic.properties["KmsMasterKeyId"] for topic in topics.values()} == {"<Key.Arn>"}


@pytest.mark.parametrize("kind", ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"])
def test_queues_and_topics_refuse_plain_text(assembly: Assembly, kind: str) -> None:
    for policy in assembly.find(kind):
        refusals = [s for s in policy.properties["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]

        assert [refusal["Condition"] for refusal in refusals] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_every_queue_and_topic_has_a_policy(assembly: Assembly) -> None:
    queues = {f"<{queue.name}>" for queue in assembly.find("AWS::SQS::Queue")}
    topics = {f"<{topic.name}>" for topic in assembly.find("AWS::SNS::Topic")}

    assert {q for policy in assembly.find("AWS::SQS::QueuePolicy") for q in policy.properties["Queues"]} == queues
    assert {t for policy in assembly.find("AWS::SNS::TopicPolicy") for t in policy.properties["Topics"]} == topics


def allowed(document: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Service, action and condition of what a resource's policy lets in from outside of roles."""
    return [
        (statement["Principal"]["Service"], statement["Action"], statement.get("Condition"))
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_only_rules_of_this_account_may_fill_the_dead_letters(assembly: Assembly) -> None:
    [policy] = assembly.find("AWS::SQS::QueuePolicy")
    rules = "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/*"

    assert allowed(policy.properties["PolicyDocument"]) == [
        ("events.amazonaws.com", "sqs:SendMessage", {"ArnLike": {"aws:SourceArn": rules}})
    ]


def test_only_alarms_of_this_account_and_rules_may_call_the_operators(assembly: Assembly) -> None:
    policy = assembly.one("AWS::SNS::TopicPolicy", "OperatorsPolicy")

    assert allowed(policy.properties["PolicyDocument"]) == [
        ("cloudwatch.amazonaws.com", "sns:Publish", {"StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"}}),
        ("events.amazonaws.com", "sns:Publish", None),
    ]


def test_only_rules_may_write_to_the_approvers(assembly: Assembly) -> None:
    policy = assembly.one("AWS::SNS::TopicPolicy", "ApproversPolicy")

    # EventBridge meets no condition in a topic's policy: with one, no approver would ever be told.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    assert allowed(policy.properties["PolicyDocument"]) == [("events.amazonaws.com", "sns:Publish", None)]


def test_the_key_rotates_and_serves_this_account_alarms_and_rules(assembly: Assembly) -> None:
    [key] = assembly.find("AWS::KMS::Key")
    owner, *services = key.properties["KeyPolicy"]["Statement"]
    use = ["kms:Decrypt", "kms:GenerateDataKey"]

    assert key.properties["EnableKeyRotation"] is True
    assert owner["Principal"] == {"AWS": "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"}
    # EventBridge says no source when it encrypts for a topic or a queue.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    assert allowed({"Statement": services}) == [
        ("cloudwatch.amazonaws.com", use, {"StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"}}),
        ("events.amazonaws.com", use, None),
    ]


def test_nobody_is_subscribed_unless_named(assembly: Assembly) -> None:
    assert [r for r in assembly.resources if r.type == "AWS::SNS::Subscription"] == []


def test_the_named_are_subscribed_each_to_their_topic(customised: Assembly) -> None:
    subscriptions = [s.properties for s in customised.find("AWS::SNS::Subscription")]

    assert [(s["TopicArn"], s["Protocol"], s["Endpoint"]) for s in subscriptions] == [
        ("<Operators>", "email", "operator@example.com"),
        ("<Approvers>", "email", "approver@example.com"),
    ]
