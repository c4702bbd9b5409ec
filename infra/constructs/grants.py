"""Permissions by action and by resource, spelt out: CDK's own grants carry wildcards such as `s3:GetObject*`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_cdk import IResource, Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.sharing import admit, is_elsewhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from constructs import Construct, IConstruct

Grantee: TypeAlias = iam.IRole | iam.ManagedPolicy
"""Who is given permissions: a role, or a policy that somebody else attaches to people's roles."""
_OBJECTS = "objects get their names at run time (keys of landed files, hashes of content); one bucket, one prefix"


def allow(role: Grantee, actions: Sequence[str], resources: Sequence[str], **conditions: dict[str, object]) -> None:
    """Allow actions on resources."""
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions or None)
    )


def allow_reading(role: Grantee, bucket: s3.IBucket, *, prefix: str = "") -> None:
    """Read objects under a prefix, in their latest version."""
    _allow_objects(role, bucket, prefix, ["s3:GetObject"])
    allow_using_key(role, bucket.encryption_key, writing=False)


def allow_reading_versions(role: Grantee, bucket: s3.IBucket) -> None:
    """Read versions of objects, given by their ids; that takes no permission to read the latest.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    _allow_objects(role, bucket, "", ["s3:GetObjectVersion"])
    allow_using_key(role, bucket.encryption_key, writing=False)


def allow_writing(role: Grantee, bucket: s3.IBucket, *, prefix: str = "") -> None:
    """Write objects under a prefix."""
    _allow_objects(role, bucket, prefix, ["s3:PutObject"])
    allow_using_key(role, bucket.encryption_key, writing=True)


def allow_deleting_versions(role: Grantee, bucket: s3.IBucket, *, prefix: str) -> None:
    """Delete versions of objects under a prefix, given by their ids."""
    _allow_objects(role, bucket, prefix, ["s3:DeleteObjectVersion"])


def allow_listing(role: Grantee, bucket: s3.IBucket) -> None:
    """List keys; a reader without it is told 403 for an object that is not there."""
    if _is_out_of_reach(role, bucket):
        return
    allow(role, ["s3:ListBucket"], [bucket.bucket_arn])
    admit(role, bucket, ["s3:ListBucket"], [bucket.bucket_arn])


def allow_using_key(role: Grantee, key: kms.IKey | None, *, writing: bool) -> None:
    """Decrypt with a key, and make data keys where something is written."""
    if key is not None:
        allow_key(role, key, ["kms:Decrypt", *(["kms:GenerateDataKey"] if writing else [])])


def allow_key(role: Grantee, key: kms.IKey, actions: Sequence[str]) -> None:
    """Named actions with a key.

    No name tells the id of another account's key before it is made; its own policy says which key lets the role in.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    if _is_out_of_reach(role, key):
        return
    if not is_elsewhere(role, key):
        allow(role, actions, [key.key_arn])
        return
    keys = format_arn(Stack.of(key), "kms", "key/*")
    allow(role, actions, [keys])
    admit(role, key, actions)
    acknowledge_wildcard(
        role, write_arn(keys), reason="another account's key has an id of its own; its policy lets this stack in"
    )


def allow_table(role: Grantee, table: dynamodb.ITable, *actions: str) -> None:
    """Named actions on a table's items."""
    named = [f"dynamodb:{action}" for action in actions]
    allow(role, named, [table.table_arn])
    admit(role, table, named)
    allow_using_key(role, table.encryption_key, writing=True)


def allow_reading_attributes(role: Grantee, table: dynamodb.ITable, attributes: Sequence[str]) -> None:
    """Get items, and see no other attributes of them than these; the key's are named among them.

    A request must say which attributes it wants: one that does not wants all. "If exists" is AWS's own example.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    only: dict[str, dict[str, object]] = {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": list(attributes)},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }
    allow(role, ["dynamodb:GetItem"], [table.table_arn], **only)
    admit(role, table, ["dynamodb:GetItem"])
    allow_using_key(role, table.encryption_key, writing=False)


def allow_publishing(
    role: Grantee, bus_arn: str, *, sources: Sequence[str], detail_types: Sequence[str] | None = None
) -> None:
    """Put events of these sources on a bus, so that nobody can speak in another part's name; of these kinds alone.

    A request holds several events, and the keys are typed as arrays there; one without a key must not slip through. So
    AWS's own example has it, where StringEquals alone would be met by requests of one source only.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    wanted = {"events:source": list(sources)}
    if detail_types is not None:
        wanted["events:detail-type"] = list(detail_types)
    only: dict[str, dict[str, object]] = {
        "ForAllValues:StringEquals": dict(wanted),
        "Null": dict.fromkeys(wanted, "false"),
    }
    allow(role, ["events:PutEvents"], [bus_arn], **only)


def admit_rules(topic: sns.ITopic) -> None:
    """Let rules send messages to a topic.

    EventBridge cannot meet conditions here.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    """
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
        )
    )


# By what a service says for whose account it assumes a role.
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html#prevent-cross-service-confused-deputy
# https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
# https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html
# Firehose: by an external id, in AWS's own example; nothing says that it sends the other key, and without a role it
# delivers nothing. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CreateFirehoseStream.html
_ACCOUNT_KEYS = {
    "events": "aws:SourceAccount",
    "firehose": "sts:ExternalId",
    "sagemaker": "aws:SourceAccount",
    "states": "aws:SourceAccount",
}


def trust(service: str, scope: Construct) -> iam.ServicePrincipal:
    """A service that acts for this account alone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    ours = {"StringEquals": {_ACCOUNT_KEYS[service]: Stack.of(scope).account}}
    return iam.ServicePrincipal(f"{service}.amazonaws.com", conditions=ours)


def format_arn(stack: Stack, service: str, resource: str) -> str:
    """The ARN of a resource of this account and region, given as `type/name`."""
    return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"


def _is_out_of_reach(role: Grantee, owned: IResource) -> bool:
    """A person's policy speaks of its own account: who works in two has one in each."""
    return isinstance(role, iam.ManagedPolicy) and is_elsewhere(role, owned)


def _allow_objects(role: Grantee, bucket: s3.IBucket, prefix: str, actions: Sequence[str]) -> None:
    if _is_out_of_reach(role, bucket):
        return
    pattern = f"{prefix}*"
    objects = [bucket.arn_for_objects(pattern)]
    allow(role, actions, objects)
    admit(role, bucket, actions, objects)
    acknowledge_wildcard(role, f"{_write_arn(bucket, Stack.of(role))}/{pattern}", reason=_OBJECTS)


def _write_arn(bucket: s3.IBucket, where: Stack) -> str:
    """A bucket's ARN as cdk-nag writes it."""
    if bucket.node.default_child is None:
        # One that was kept: it is known by its name.
        return f"arn:<AWS::Partition>:s3:::{bucket.bucket_name}"
    if is_elsewhere(where, bucket):
        return f"arn:<AWS::Partition>:s3:::{where.resolve(bucket.bucket_name)}"
    return write_reference(bucket, bucket.bucket_arn, where)


def name_table(table: dynamodb.ITable, where: IConstruct) -> str:
    """How requests name a table: by its name at home, by its ARN from another account.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html
    """
    return table.table_arn if is_elsewhere(where, table) else table.table_name


def write_arn(arn: str) -> str:
    """An ARN by `format_arn` as cdk-nag writes it, which names what only a deployment knows."""
    return re.sub(r"\$\{Token\[AWS\.(\w+)\.\d+\]\}", r"<AWS::\1>", arn)


def write_reference(resource: IResource, reference: str, where: Stack) -> str:
    """A reference to a resource as cdk-nag writes it: by logical id in its own stack, by the export's name in another.

    Args:
        resource: what is referred to.
        reference: one of its attributes.
        where: the stack that refers to it.
    """
    home = Stack.of(resource)
    found: dict[str, Any] = where.resolve(reference if home is where else home.export_value(reference))
    match found:
        case {"Fn::ImportValue": name} | {"Ref": name}:
            return str(name) if "Fn::ImportValue" in found else f"<{name}>"
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{logical_id}.{attribute}>"
    raise TypeError(f"no reference to a resource: {found}")
