"""What NIST 800-53 Rev. 5 would have otherwise in the loop, rule by rule, each with the reason why it is as it is.

The loop is checked against it where it stands in an organisation's accounts; there, somebody will ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from cdk_nag import NIST80053R5Checks

from infra.constructs.acknowledgements import acknowledge_nist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import App

REASONS: Mapping[str, str] = {
    "APIGWAssociatedWithWAF": "keys and usage plans, or IAM, guard the APIs; a web ACL is the owner's choice and cost",
    "APIGWCacheEnabledAndEncrypted": "an answer is of its moment: nothing is cached",
    "APIGWExecutionLoggingEnabled": "the setting api_logs makes them; they hold paths, and cost by the request",
    "APIGWSSLEnabled": "client certificates are for back ends over HTTP; behind these APIs are functions",
    "CloudWatchAlarmAction": "what the monitor finds is told in words, and asks for training by one composite alarm",
    "CloudWatchLogGroupEncrypted": "CloudWatch encrypts logs with a key of its own; places and riders are not in them",
    "DynamoDBInBackupPlan": "point-in-time recovery reaches back 35 days; a plan of AWS Backup is the owner's",
    "IAMNoInlinePolicy": "each policy is of one role and goes with it; as a managed one, it could be given to others",
    "LambdaConcurrency": "what is reserved for one is taken from all, and a new account may run ten; APIs throttle",
    "LambdaDLQ": "what is invoked by events keeps its failures; the others are waited for by who calls them",
    "LambdaInsideVPC": "they reach APIs of AWS alone, by TLS and IAM; there is no network of the owner's in it",
    "S3BucketLoggingEnabled": "only the buckets of access logs, which would log themselves without end",
    "S3BucketReplicationEnabled": "buckets are versioned, in one region by choice; a copy elsewhere is the owner's",
    "S3DefaultEncryptionKMS": "only the buckets of access logs: S3 delivers none to a bucket with a key of ours",
}
"""Rule → reason. https://docs.aws.amazon.com/config/latest/developerguide/operational-best-practices-for-nist-800-53_rev_5.html"""


def check_by_nist(app: App) -> NIST80053R5Checks:
    """The pack, with what it has nothing left to say of."""
    for stack in app.node.children:
        if isinstance(stack, Stack):
            for rule, reason in REASONS.items():
                acknowledge_nist(stack, rule, reason=reason)
    return NIST80053R5Checks(app)
