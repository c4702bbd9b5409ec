"""What single entries of a topology look like; each refusal says what to write instead."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from aws_cdk.region_info import RegionInfo
from pydantic import AfterValidator

if TYPE_CHECKING:
    from collections.abc import Callable


def _matching(pattern: str, remedy: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} {remedy}")
        return value

    return check


def _check_region(name: str) -> str:
    known = {region.name for region in RegionInfo.regions}
    if name not in known:
        raise ValueError(f"{name!r} is no region of AWS; write one such as eu-central-1 (there are {len(known)})")
    return name


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network ({error}); write one such as 203.0.113.0/24") from error
    return text


AccountId: TypeAlias = Annotated[
    str, AfterValidator(_matching(r"\d{12}", "is no account id; write its 12 digits as text, in quotes"))
]
AccountName: TypeAlias = Annotated[
    str, AfterValidator(_matching(r"[a-z][a-z0-9-]{1,29}", "is no name; take small letters, digits and hyphens"))
]
Region: TypeAlias = Annotated[str, AfterValidator(_check_region)]
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-organizations-account.html
Email: TypeAlias = Annotated[
    str, AfterValidator(_matching(r"(?=.{6,64}$)[^\s@]+@[^\s@]+\.[^\s@.]+", "is no address of 6 to 64 characters"))
]
OrganisationId: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(r"o-[a-z0-9]{10,32}", "is no organisation's id; `aws organizations describe-organization` prints it")
    ),
]
RootId: TypeAlias = Annotated[
    str,
    AfterValidator(_matching(r"r-[a-z0-9]{4,32}", "is no root's id; `aws organizations list-roots` prints it")),
]
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sso-permissionset.html
InstanceArn: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(
            r"arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}",
            "is no instance of IAM Identity Center; `aws sso-admin list-instances` prints its InstanceArn",
        )
    ),
]
StoreId: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(r"d-[0-9a-f]{10}", "is no identity store; `aws sso-admin list-instances` prints IdentityStoreId")
    ),
]
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sso-assignment.html
GroupId: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([0-9a-f]{10}-)?[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}",
            "is no group's id; `aws identitystore list-groups` prints them",
        )
    ),
]
# https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html: connections of either name go on working.
ConnectionArn: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(
            r"arn:aws(-[a-z]{1,5}){0,3}:(codestar-connections|codeconnections):[a-z0-9-]+:\d{12}:connection/[a-f0-9-]{36}",
            "is no connection; `aws codeconnections list-connections` prints its ConnectionArn",
        )
    ),
]
Repository: TypeAlias = Annotated[
    str, AfterValidator(_matching(r"[\w.-]+/[\w.-]+", "is no repository; write it as owner/name"))
]
Branch: TypeAlias = Annotated[str, AfterValidator(_matching(r"[\w.][\w./-]*", "is no name of a branch"))]
RoleName: TypeAlias = Annotated[str, AfterValidator(_matching(r"[\w+=,.@-]{1,64}", "is no name of an IAM role"))]
Network: TypeAlias = Annotated[str, AfterValidator(_check_network)]
