"""Compact captures and outcomes, hour by hour, into the Parquet that SQL reads."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from functions.use_cases import do_for_each
from noriba.aws.compaction import Compaction
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.objects import ObjectStore
from noriba.errors import NoribaError
from noriba.records.compaction import LATE, CompactionReport, CompactionTask
from noriba.records.metrics import LINES_UNREADABLE, OUTCOMES_COMPACTED, PREDICTIONS_COMPACTED
from noriba.records.names import name_endpoint
from noriba.records.observations import OUTCOMES, PREDICTIONS
from noriba.timestamps import begin_hour
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.compaction import Compacted
    from noriba.records.observations import ObservationTable

MARGIN_S = 120.0
"""What is left of the function's time when it begins with no further hour."""


class Settings(Environment):
    """Environment of this function."""

    captures_bucket: str
    outcomes_bucket: str
    observations_bucket: str
    resource_prefix: str


class NotCompactedError(NoribaError):
    """A use case's hours could not be compacted; what is wrong is in the log."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Compact what is due: a `CompactionTask`, or an event of the clock; answers with a `CompactionReport`."""
    task = CompactionTask.model_validate(event)
    left_s = max(0.0, context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    deadline_s = time.monotonic() + min(left_s, task.at_most_s or left_s)
    reports = do_for_each(
        [task.use_case] if task.use_case else list_use_cases(),
        lambda use_case: compact(use_case, task, deadline_s=deadline_s),
        trouble="not compacted",
        fail=lambda names: NotCompactedError(f"observations of {names} could not be compacted; the log says why"),
    )
    return CompactionReport(
        done=all(report.done for report in reports),
        files=sum(report.files for report in reports),
        predictions=sum(report.predictions for report in reports),
        outcomes=sum(report.outcomes for report in reports),
        unreadable=sum(report.unreadable for report in reports),
    ).model_dump()


def compact(use_case: str, task: CompactionTask, *, deadline_s: float) -> CompactionReport:
    """Compact one use case's hours, the oldest first, as far as the time goes."""
    settings, clients = load_dependencies()
    compaction = Compaction(
        ObjectStore(clients.s3, settings.captures_bucket),
        ObjectStore(clients.s3, settings.outcomes_bucket),
        ObjectStore(clients.s3, settings.observations_bucket),
        endpoint=name_endpoint(use_case, prefix=settings.resource_prefix),
        use_case=use_case,
    )
    now = datetime.now(UTC)
    since, before = (now - LATE, begin_hour(now)) if task.since is None else (task.since, now)
    due = compaction.find_due(since=since, before=before)
    written: list[tuple[ObservationTable, Compacted]] = []
    for one in due:
        # One at least, or whoever asks until all is done would ask for ever.
        if written and time.monotonic() > deadline_s:
            break
        written.append((one.table, compaction.compact(one)))
    report = CompactionReport(
        done=len(written) == len(due),
        files=len(written),
        predictions=sum(made.rows for table, made in written if table is PREDICTIONS),
        outcomes=sum(made.rows for table, made in written if table is OUTCOMES),
        unreadable=sum(made.unreadable for _, made in written),
    )
    if written:  # an hour in which a metric is written costs something
        count(
            use_case,
            {
                PREDICTIONS_COMPACTED: report.predictions,
                OUTCOMES_COMPACTED: report.outcomes,
                LINES_UNREADABLE: report.unreadable,
            },
        )
    logger.info("compacted", extra={"use_case": use_case, **report.model_dump()})
    return report
