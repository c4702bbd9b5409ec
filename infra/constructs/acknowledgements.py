"""Findings of cdk-nag that are as they should be, each with its reason beside the resource that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations

if TYPE_CHECKING:
    from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, *, reason: str) -> None:
    """Say why a finding stands.

    Args:
        construct: what it is about.
        rule: the rule, or one finding of it such as `AwsSolutions-IAM5[Resource::*]`.
        reason: why it is as it should be.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason))


def acknowledge_nist(construct: IConstruct, rule: str, *, reason: str) -> None:
    """Say why a finding by NIST 800-53, which only the stacks of an organisation are checked against, stands."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"NIST.800.53.R5::NIST.800.53.R5-{rule}", reason=reason))


def acknowledge_wildcard(construct: IConstruct, *resources: str, reason: str) -> None:
    """Say why a policy's resources are patterns.

    Args:
        construct: the role or policy.
        resources: the patterns as cdk-nag writes them: a logical id in angle brackets, then the rest.
        reason: why nothing narrower would do.
    """
    for resource in resources:
        acknowledge(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
