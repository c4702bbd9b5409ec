"""Champion and challenger beside each other: what has come since the last look is read, counted and kept in S3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from noriba.aws.executions import answer_token
from noriba.aws.observations import Lines, list_keys
from noriba.records.captures import name_capture_folders, name_outcome_folders, read_hour
from noriba.records.measured import ENDPOINT, FAILED, INVOCATIONS, MODEL_LATENCY, OF_SAGEMAKER, REFUSED, VARIANT
from noriba.records.rollout import name_comparison
from noriba.rollout.health import FEWEST_ANSWERS, FEWEST_ASKED, VariantHealth
from noriba.rollout.pairing import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_stepfunctions import SFNClient

    from noriba.aws.ledger import Awaited, Ledger
    from noriba.aws.objects import ObjectStore
    from noriba.records.rollout import ChallengerVerdict

LATE = timedelta(hours=2)
"""How long after its hour an object of captures may still come, and is looked for."""
PIECE = timedelta(hours=2)
"""So much is read, counted and kept before the rest: some 400 MB of memory where there are fifty requests a second."""
# Points of a minute are there for 15 days; who begins earlier must ask for longer periods, or finds none.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
RECENT = (
    (timedelta(hours=1), FEWEST_ANSWERS, 60),
    (timedelta(days=1), FEWEST_ASKED, 60),
    (timedelta(days=30), 0, 300),
)
"""How far back health looks, with how many requests to the challenger it looks no farther, and by points of how many
seconds. An execution of the rollout lasts for 30 days."""


class Comparison:
    """What one stage of one rollout has counted, or one step of its canary.

    Args:
        captures: the bucket of captures, where the count is kept too.
        outcomes: the bucket of outcomes.
        execution: ARN of the rollout's execution.
        awaited: what it waits for.
        trusts_times: whether outcomes count at the times that they say.
    """

    def __init__(
        self,
        captures: ObjectStore,
        outcomes: ObjectStore,
        *,
        execution: str,
        awaited: Awaited,
        trusts_times: bool,
    ) -> None:
        self._captures, self._outcomes = captures, outcomes
        self._awaited, self._trusts_times = awaited, trusts_times
        self._key = name_comparison(awaited.endpoint, execution, awaited.stage, awaited.percent)

    def take_stock(self, *, use_case: str, now: datetime) -> Tally:
        """Count what is new; `keep` makes it known to the next look.

        Where nobody has looked for long, all pieces but the last are kept at once: a look that is cut off in the middle
        is no look in vain.
        """
        tally = self._begin()
        while (until := (tally.looked_at or tally.since) + PIECE) < now:
            self._count(tally, use_case=use_case, until=until)
            self.keep(tally)
        self._count(tally, use_case=use_case, until=now)
        return tally

    def _begin(self) -> Tally:
        """What is known so far."""
        known = self._captures.find(self._key)
        if known is None:
            tally = Tally(since=self._awaited.since, paired=self._awaited.stage == "shadow")
        else:
            tally = Tally.model_validate_json(known)
        tally.trusts_times = self._trusts_times
        return tally

    def _count(self, tally: Tally, *, use_case: str, until: datetime) -> None:
        """Count what lies under the hours from the last look until a time."""
        awaited = self._awaited
        # Captures come within hours of their hour; earlier ones were read at the last look.
        since = max(tally.since, (tally.looked_at or until) - LATE)
        # A capture's time is in whole seconds.
        began = tally.since.replace(microsecond=0)
        read, lines = set(tally.read), Lines()
        found: list[str] = []

        def list_new(store: ObjectStore, folders: list[str]) -> list[str]:
            # Of outcomes, days are listed.
            keys = [key for key in list_keys(store, folders) if (read_hour(key) or until) <= until]
            found.extend(keys)
            return [key for key in keys if key not in read]

        for side, variant in (("champion", awaited.champion), ("challenger", awaited.challenger)):
            folders = list(name_capture_folders(awaited.endpoint, variant, since=since, until=until))
            answers = lines.read_answers(self._captures, list_new(self._captures, folders))
            tally.add_answers(side, (one for one in answers if one.at >= began))  # type: ignore[arg-type]  # the two sides
        folders = list(name_outcome_folders(since=since, until=until))
        outcomes = lines.read_outcomes(
            self._outcomes, list_new(self._outcomes, folders), use_case=use_case, reported_since=tally.since
        )
        tally.add_outcomes(outcomes, now_s=until.timestamp())
        tally.forget(now_s=until.timestamp())
        tally.unreadable += lines.unreadable
        tally.read, tally.looked_at = found, until

    def keep(self, tally: Tally) -> None:
        """Keep a count for the next look."""
        self._captures.write(self._key, tally.model_dump_json().encode())


def give_verdict(stepfunctions: SFNClient, ledger: Ledger, awaited: Awaited, verdict: ChallengerVerdict) -> bool:
    """Answer a rollout that waits; False when it waits no more.

    Told first, forgotten then: an answer that comes twice is refused. One that comes too late is not forgotten: the
    rollout asks for its verdict itself, and finds what it waited for.
    """
    if not answer_token(stepfunctions, awaited.token, verdict.model_dump_json()):
        return False
    ledger.forget_token(awaited.token)
    return True


def measure_health(
    cloudwatch: CloudWatchClient, awaited: Awaited, *, namespace: str = OF_SAGEMAKER, now: datetime
) -> tuple[VariantHealth, VariantHealth]:
    """How the challenger and the champion have been of late, over the same time; a young stage counts as a whole.

    Not all of a long stage, unless hardly anybody asks: after ten good days, who fails everything would look well for
    hours.
    """
    for window, enough, period_s in RECENT:
        since = max(awaited.since, now - window)
        challenger, champion = (
            _measure(cloudwatch, _Series(namespace, awaited.endpoint, variant, period_s), since=since, until=now)
            for variant in (awaited.challenger, awaited.champion)
        )
        if challenger.requests >= enough or since == awaited.since:
            break
    return challenger, champion


def find_alarm(cloudwatch: CloudWatchClient, name: str) -> str | None:
    """Why an alarm is on, in CloudWatch's words; None when it is not, or not there."""
    for alarm in cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        if alarm["StateValue"] == "ALARM":
            return f"{name}: {alarm.get('StateReason', 'no reason was given')}"
    return None


class _Series(NamedTuple):
    """Points of one variant."""

    namespace: str
    endpoint: str
    variant: str
    period_s: int


def _measure(cloudwatch: CloudWatchClient, series: _Series, *, since: datetime, until: datetime) -> VariantHealth:
    """What SageMaker, or the function in its place, has said of a variant in CloudWatch, a minute after each minute.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    """
    wanted = {"requests": (INVOCATIONS, "Sum"), "answers": (MODEL_LATENCY, "SampleCount")}
    wanted |= {"failed": (FAILED, "Sum"), "latency": (MODEL_LATENCY, "Sum")}
    # A model refuses what it cannot read, such as other features, in the 400s; of a shadow nobody else hears that.
    wanted |= {"refused": (REFUSED, "Sum")}
    queries = [_query(name, *what, series) for name, what in wanted.items()]
    # A point that began earlier is left out, with all that was asked in it later.
    begin = datetime.fromtimestamp(since.timestamp() // series.period_s * series.period_s, UTC)
    # Step Functions' clock, which says since when, may be ahead of ours as a minute begins: an empty time is refused.
    end = max(until, begin + timedelta(seconds=series.period_s))
    found: dict[str, float] = dict.fromkeys(wanted, 0.0)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=begin, EndTime=end
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            found[result["Id"]] += sum(result["Values"])
    # Microseconds.
    latency_ms = found["latency"] / found["answers"] / 1000 if found["answers"] else None
    return VariantHealth(round(found["requests"]), round(found["failed"] + found["refused"]), latency_ms)


def _query(name: str, metric: str, statistic: str, series: _Series) -> MetricDataQueryTypeDef:
    dimensions: Mapping[str, str] = {ENDPOINT: series.endpoint, VARIANT: series.variant}
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": series.namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": series.period_s,
            "Stat": statistic,
        },
    }
