"""Service control policies: what nobody may do in a member account, whatever their own policies say.

They bind neither the management account nor service-linked roles.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from infra.organisation.names import list_sagemaker_names, name_trail_bucket, name_trail_key
from infra.topology import TopologyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.topology import Topology

Document: TypeAlias = dict[str, Any]

# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
LARGEST_POLICY = 5120
MOST_POLICIES = 5
"""On an account or unit; AWS's own FullAWSAccess, without which nothing would be allowed, is one of them."""

# What is asked in us-east-1 or us-west-2 wherever one works; the list of AWS's own example:
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html
_GLOBAL = (
    *("a4b:*", "acm:*", "aws-marketplace-management:*", "aws-marketplace:*", "aws-portal:*", "budgets:*", "ce:*"),
    *("chime:*", "cloudfront:*", "config:*", "cur:*", "directconnect:*", "ec2:DescribeRegions"),
    *("ec2:DescribeTransitGateways", "ec2:DescribeVpnGateways", "fms:*", "globalaccelerator:*", "health:*", "iam:*"),
    *("importexport:*", "kms:*", "mobileanalytics:*", "networkmanager:*", "organizations:*", "pricing:*"),
    *("route53:*", "route53domains:*", "route53-recovery-cluster:*", "route53-recovery-control-config:*"),
    *("route53-recovery-readiness:*", "s3:GetAccountPublic*", "s3:ListAllMyBuckets", "s3:ListMultiRegionAccessPoints"),
    *("s3:PutAccountPublic*", "shield:*", "sts:*", "support:*", "trustedadvisor:*", "waf-regional:*", "waf:*"),
    *("wafv2:*", "wellarchitected:*"),
)
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access-cross-account-role.html
_BOOTSTRAPPER = "OrganizationAccountAccessRole"
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
_DEPLOYERS = ("cdk-hnb659fds-cfn-exec-role-*", _BOOTSTRAPPER)
"""The role that CloudFormation deploys as, and the one by which an account is bootstrapped."""
_CHANGES_OF_ROLES = (
    *("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy"),
    *("DetachRolePolicy", "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy", "UpdateRole"),
)


def make_service_control_policies(topology: Topology, *, prefix: str) -> dict[str, Document]:
    """Name → document, in the order in which they are attached to every unit.

    Raises:
        TopologyError: a document is larger than AWS takes.
    """
    policies = {
        "regions": _keep_regions(topology),
        "membership": _keep_membership(topology),
        "trail": _keep_trail(topology, prefix=prefix),
        "data": _keep_data(topology, prefix=prefix),
    }
    for name, document in policies.items():
        size = len(json.dumps(document, separators=(",", ":")))
        if size > LARGEST_POLICY:
            longest = "regions.allowed" if name == "regions" else "use_cases"
            raise TopologyError(
                f"{longest}: the policy {name} has {size} characters, and AWS takes {LARGEST_POLICY}; name fewer"
            )
    return policies


def _deny(sid: str, *, unless: Sequence[str] = (), **elements: Any) -> Document:
    """A denial, of everything where it names no resource; roles that it spares are ARN patterns."""
    if "NotResource" not in elements:
        elements.setdefault("Resource", "*")
    conditions = elements.pop("Condition", {})
    if unless:
        conditions = {**conditions, "ArnNotLike": {"aws:PrincipalArn": list(unless)}}
    return {"Sid": sid, "Effect": "Deny", **elements, **({"Condition": conditions} if conditions else {})}


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _spare(topology: Topology, *others: str) -> list[str]:
    """The break-glass role, and others where nothing could be deployed otherwise."""
    return [f"arn:{topology.partition}:iam::*:role/{role}" for role in (topology.guardrails.break_glass_role, *others)]


def _keep_regions(topology: Topology) -> Document:
    outside = {"StringNotEquals": {"aws:RequestedRegion": topology.all_regions}}
    return _document(
        _deny("OtherRegions", unless=_spare(topology), NotAction=list(_GLOBAL), Condition=outside),
    )


def _keep_membership(topology: Topology) -> Document:
    """Not even the break-glass role leaves: who breaks glass still belongs to the organisation."""
    root = {"ArnLike": {"aws:PrincipalArn": f"arn:{topology.partition}:iam::*:root"}}
    return _document(
        _deny("Leaving", Action=["organizations:LeaveOrganization", "account:CloseAccount"]),
        _deny("RootUser", Action=["*"], Condition=root),
        # Whoever could make or change a role that is spared would be spared.
        _deny(
            "SparedRoles",
            Action=[f"iam:{action}" for action in _CHANGES_OF_ROLES],
            unless=_spare(topology, _BOOTSTRAPPER),
            Resource=_spare(topology, *_DEPLOYERS),
        ),
    )


def _keep_trail(topology: Topology, *, prefix: str) -> Document:
    bucket = f"arn:{topology.partition}:s3:::{name_trail_bucket(topology, prefix=prefix)}"
    alias = name_trail_key(prefix)
    ours = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": [alias]}}
    spared, deployers = _spare(topology), _spare(topology, *_DEPLOYERS)
    stop = ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors", "PutInsightSelectors")
    settings = ("BucketPolicy", "BucketVersioning", "BucketObjectLockConfiguration", "LifecycleConfiguration")
    return _document(
        _deny("Trail", Action=[f"cloudtrail:{action}" for action in stop], unless=spared),
        _deny(
            "TrailLogs",
            Action=["s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            unless=spared,
            Resource=[bucket, f"{bucket}/*"],
        ),
        _deny("TrailBucket", Action=[f"s3:Put{one}" for one in settings], unless=deployers, Resource=bucket),
        _deny("TrailKey", Action=["kms:DisableKey", "kms:ScheduleKeyDeletion"], unless=spared, Condition=ours),
        # A key that CloudTrail may no longer use stops the trail.
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
        _deny("TrailKeyPolicy", Action=["kms:PutKeyPolicy"], unless=deployers, Condition=ours),
        # Without its alias, the key would not be found by the denial before.
        _deny(
            "TrailKeyAlias",
            Action=["kms:DeleteAlias", "kms:UpdateAlias"],
            unless=deployers,
            Resource=f"arn:{topology.partition}:kms:*:*:{alias}",
        ),
    )


def _keep_data(topology: Topology, *, prefix: str) -> Document:
    # CloudFormation names a bucket after its stack and its logical id.
    captures = f"arn:{topology.partition}:s3:::{prefix}-rollout-captures*"
    spared, deployers = _spare(topology), _spare(topology, *_DEPLOYERS)
    return _document(
        _deny("PublicAccount", Action=["s3:PutAccountPublicAccessBlock"], unless=spared),
        # Every template sets it, to block; the role that deploys must be able to.
        _deny("PublicBucket", Action=["s3:PutBucketPublicAccessBlock"], unless=deployers),
        _deny(
            "CapturesDeleted",
            Action=["s3:DeleteObject", "s3:DeleteObjectVersion"],
            unless=spared,
            Resource=f"{captures}/*",
        ),
        _deny("CapturesExpired", Action=["s3:PutLifecycleConfiguration"], unless=deployers, Resource=captures),
        # https://aws.amazon.com/blogs/security/unlock-new-possibilities-aws-organizations-service-control-policy-now-supports-full-iam-language/
        _deny(
            "UnknownUseCase",
            Action=["sagemaker:CreateEndpoint", "sagemaker:CreateModelPackageGroup"],
            unless=spared,
            NotResource=list_sagemaker_names(topology, prefix=prefix),
        ),
    )
