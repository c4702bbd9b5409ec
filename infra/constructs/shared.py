"""What the stacks of one account share: settings, packages, and the few resources that all of them use.

What goes from one stack to another beside it is handed over by itself: a bucket, a table, an image. Stacks do not know
each other, so that each can stand in another account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from infra.packages import Packages
    from infra.settings import Settings


@dataclass(frozen=True)
class Shared:
    """Settings and packages, and the resources of the events stack."""

    settings: Settings
    packages: Packages
    key: kms.IKey
    bus: events.IEventBus
    dead_letters: sqs.IQueue
    operators: sns.ITopic
    access_logs: s3.IBucket

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long logs are kept."""
        return logs.RetentionDays[self.settings.log_retention]
