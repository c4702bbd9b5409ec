"""What an account lacks for a deployment, or a deployment for its work; looks only, with ordinary credentials.

Every finding that is not good says what to do, with the command.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from noriba.aws.deployment import read_outputs, read_stacks
from noriba.aws.places import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from noriba.aws.clients import Clients
    from noriba.aws.places import Part, Place

Level: TypeAlias = Literal["good", "look", "bad"]

BOOTSTRAP_VERSION = 6
ROOMY_CONCURRENCY = 100
NEW_ACCOUNT_MEMORY_MB = 3008
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_FUNCTIONS_QUOTA = "L-B99A9384"
_ALL_ENDPOINTS = "Number of instances across active endpoints"
_FLEETS_AT_ONCE = {"full": 4, "canary": 3, "direct": 2}
"""Fleets of one endpoint while it is updated, by the setting `rollout`: the old one stands beside the new, and each has
a challenger where one is asked. https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html"""
_JOBS_LOGS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs")
KEPT_AS = "kept-as"
"""The tag that says under which setting a resource is used again when its deployment is gone."""


@dataclass(frozen=True)
class CheckResult:
    """One thing that was looked at: good, worth a look, or bad enough that something will fail.

    Attributes:
        level: which of these.
        what: was looked at.
        found: in words.
        remedy: what to do, where it is not good.
        account: in which it was found; None where there is one alone.
    """

    level: Level
    what: str
    found: str
    remedy: str = ""
    account: str | None = None


@dataclass(frozen=True)
class Wishes:
    """What a deployment asks for: the settings that an account may refuse, and the number of its use cases."""

    prefix: str = "noriba"
    training_instance: str = "ml.m5.xlarge"
    staging_instance: str = "ml.m5.large"
    production_instance: str = "ml.m5.large"
    production_instances: int = 1
    serving: str = "endpoint"
    rollout: str = "full"
    use_cases: int = 1
    chunks_at_once: int = 8
    transform_memory_mb: int = 1769
    container_engine: str = "docker"

    def count_instances(self, parts: Collection[Part] = PARTS) -> dict[str, int]:
        """Quota's name → how many instances at the same time, while one use case's model is rolled out.

        Args:
            parts: that stand in the account.
        """
        fleets = _FLEETS_AT_ONCE.get(self.rollout, max(_FLEETS_AT_ONCE.values()))
        # The other use cases have their production meanwhile.
        production = (fleets + self.use_cases - 1) * self.production_instances
        # A shadow comes before most fleets stand at once; by then staging is gone.
        in_place = "rollout" in parts and self.rollout == "full" and self.staging_instance == self.production_instance
        beside = 0 if in_place else 1
        needs: dict[str, int] = {}
        uses: tuple[tuple[Part, str, str, int], ...] = (
            ("training", self.training_instance, "training job", 1),
            ("training", self.training_instance, "processing job", 1),
            ("rollout", self.production_instance, "endpoint", production),
            ("staging", self.staging_instance, "endpoint", beside),
        )
        for part, instance, use, count in uses:
            # Where functions answer, there is no endpoint.
            if part in parts and not (use == "endpoint" and self.serving == "function"):
                for name in (f"{instance} for {use} usage", *([_ALL_ENDPOINTS] if use == "endpoint" else ())):
                    needs[name] = needs.get(name, 0) + count
        return needs


def check_account(place: Place, wishes: Wishes, *, environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """What `cdk deploy` and the first loop will need of an account, and of this computer, which makes the image."""
    clients = place.clients
    yield from _try("credentials", partial(_check_credentials, clients))
    yield from _try("bootstrap", partial(_check_bootstrap, place))
    if "data" in place.parts:
        yield from _try("functions", partial(_check_functions, clients, wishes))
    if needed := wishes.count_instances(place.parts):
        yield from _try("instances", partial(_check_instances, clients, needed))
    if "training" in place.parts:
        yield from _check_engine(wishes, environment)


def check_deployment(place: Place, wishes: Wishes) -> Iterator[CheckResult]:
    """What a deployment lacks in an account, or what an earlier one left there."""
    clients = place.clients
    stacks = read_stacks(clients.cloudformation, prefix=wishes.prefix)
    if not stacks:
        yield CheckResult("good", "stacks", "nothing is deployed yet")
        yield from _try("kept", partial(_find_kept, clients, wishes.prefix))
        return
    for name, status in stacks.items():
        if not status.endswith("_COMPLETE") or "ROLLBACK" in status:
            remedy = f"aws cloudformation describe-stack-events --stack-name {name} says why"
            yield CheckResult("bad", f"stack {name}", status, remedy)
    yield CheckResult("good", "stacks", f"{len(stacks)} are there")
    outputs = read_outputs(clients.cloudformation, prefix=wishes.prefix)
    for people, setting in (("Operators", "operator_email"), ("Approvers", "approver_email")):
        if topic := outputs.get(f"{people}TopicArn"):
            yield from _try(people.lower(), partial(_check_topic, clients, topic, setting))
    yield from _try("logs", partial(_check_logs, clients))


def _try(what: str, check: Callable[[], Iterator[CheckResult]]) -> Iterator[CheckResult]:
    """A check's findings; what the credentials may not look at is no reason to stop."""
    try:
        yield from check()
    except ClientError as error:
        detail = error.response["Error"]
        yield CheckResult("look", what, f"could not be looked at: {detail['Code']}", detail["Message"])
    except BotoCoreError as error:
        yield CheckResult("bad", what, str(error), "set AWS_PROFILE and AWS_REGION")


def _check_credentials(clients: Clients) -> Iterator[CheckResult]:
    found = clients.sts.get_caller_identity()
    yield CheckResult("good", "credentials", f"{found['Arn']} in {clients.region}")


def _check_bootstrap(place: Place) -> Iterator[CheckResult]:
    ssm = place.clients.other("ssm")
    try:
        version = int(ssm.get_parameter(Name=_BOOTSTRAP)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        version = 0
    if version < BOOTSTRAP_VERSION:
        found = f"version {version}, {BOOTSTRAP_VERSION} is needed" if version else "missing"
        remedy = f"cdk bootstrap aws://{place.account}/{place.clients.region}"
        if place.profile is not None:
            remedy += f" --profile {place.profile}; where another account deploys to it, --trust that one"
        yield CheckResult("bad", "bootstrap", found, remedy)
        return
    yield CheckResult("good", "bootstrap", f"version {version}")


def _check_functions(clients: Clients, wishes: Wishes) -> Iterator[CheckResult]:
    limit = clients.other("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    more = (
        f"aws service-quotas request-service-quota-increase --service-code lambda --quota-code {_FUNCTIONS_QUOTA} "
        "--desired-value 1000"
    )
    level: Level = "good"
    if limit < ROOMY_CONCURRENCY:
        level = "bad" if limit <= wishes.chunks_at_once else "look"
    remedy = "" if level == "good" else f"{more}; until then, chunks_at_once under {limit}"
    yield CheckResult(level, "functions at once", f"{limit}, and a file takes {wishes.chunks_at_once}", remedy)
    if wishes.transform_memory_mb > NEW_ACCOUNT_MEMORY_MB:
        yield CheckResult(
            "look",
            "functions' memory",
            f"{wishes.transform_memory_mb} MB; new accounts may have {NEW_ACCOUNT_MEMORY_MB}",
            "AWS raises it with use, or on request (a support case); until then, a smaller transform_memory_mb",
        )


def _check_instances(clients: Clients, needs: Mapping[str, int]) -> Iterator[CheckResult]:
    pages = clients.other("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    quotas = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    for name, needed in needs.items():
        quota = quotas.get(name)
        if quota is None:
            remedy = f"aws service-quotas list-aws-default-service-quotas --service-code sagemaker; look for {name!r}"
            yield CheckResult("look", name, "no such quota is told", remedy)
        elif quota["Value"] < needed:
            remedy = (
                "aws service-quotas request-service-quota-increase --service-code sagemaker "
                f"--quota-code {quota['QuotaCode']} --desired-value {needed}"
            )
            yield CheckResult("bad", name, f"{quota['Value']:.0f}, and {needed} are needed", remedy)
        else:
            yield CheckResult("good", name, f"{quota['Value']:.0f}, and {needed} are needed")


def _check_engine(wishes: Wishes, environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """Which program builds the image, and whether it will write the manifest that SageMaker takes."""
    engine = environment.get("CDK_DOCKER", "docker")
    if shutil.which(engine, path=environment.get("PATH")) is None:
        remedy = "install Docker or Podman; for Podman, set CDK_DOCKER=podman and BUILDAH_FORMAT=docker"
        yield CheckResult("bad", "container engine", f"no {engine} here", remedy)
        return
    podman = "podman" in engine
    if podman and (environment.get("BUILDAH_FORMAT") != "docker" or wishes.container_engine != "podman"):
        remedy = 'export BUILDAH_FORMAT=docker, and container_engine = "podman" in noriba.toml'
        yield CheckResult("bad", "container engine", f"{engine} writes OCI manifests, which SageMaker refuses", remedy)
        return
    yield CheckResult("good", "container engine", engine)


def _find_kept(clients: Clients, prefix: str) -> Iterator[CheckResult]:
    """What an earlier deployment with `keep_data` left: a new one would begin empty beside it."""
    pages = (
        clients.other("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(
            TagFilters=[{"Key": "application", "Values": [prefix]}],
            ResourceTypeFilters=["s3", "dynamodb:table", "kms:key"],
        )
    )
    lines = [line for page in pages for found in page["ResourceTagMappingList"] if (line := _name_kept(found))]
    if lines:
        remedy = "to use it again, in noriba.toml: [kept] " + "; ".join(sorted(lines))
        yield CheckResult("look", "kept", "an earlier deployment left data", remedy)


def _name_kept(found: Mapping[str, Any]) -> str | None:
    """The setting that uses a resource again."""
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    setting, arn = tags.get(KEPT_AS), found["ResourceARN"]
    if setting is None:
        return None
    return f'{setting} = "{arn if setting.endswith("_arn") else arn.rpartition(":")[2].rpartition("/")[2]}"'


def _check_topic(clients: Clients, topic: str, setting: str) -> Iterator[CheckResult]:
    pages = clients.other("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    found = [one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]]
    if not found:
        yield CheckResult("look", setting, "nobody is told", f"set {setting} in noriba.toml and deploy again")
    elif "PendingConfirmation" in found:
        yield CheckResult("bad", setting, "not confirmed", "open the mail from AWS Notifications and follow its link")
    else:
        yield CheckResult("good", setting, "confirmed")


def _check_logs(clients: Clients) -> Iterator[CheckResult]:
    """The logs of jobs are the account's, for all its jobs: how long they stay is not ours to say."""
    for group in _JOBS_LOGS:
        found = clients.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if any(one["logGroupName"] == group and "retentionInDays" not in one for one in found):
            remedy = f"aws logs put-retention-policy --log-group-name {group} --retention-in-days 90"
            yield CheckResult("look", group, "kept for ever", remedy)
