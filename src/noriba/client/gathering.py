"""Traffic with known outcomes, gathered for training when a person says so rather than when its day is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.functions import invoke
from noriba.client.observations import compact_observations
from noriba.records.traffic import GatherReport, GatherTask
from noriba.timestamps import begin_day

if TYPE_CHECKING:
    from datetime import date

    from noriba.client.session import Session
    from noriba.records.traffic import GatheredDay


def gather_traffic(session: Session, *, day: date | None = None) -> tuple[GatheredDay, ...]:
    """Gather the days that are due, or one UTC day as it stands now; what is new lands, and is ingested by itself.

    Raises:
        FunctionError: a day could not be compacted or gathered, or the use case's policy says that none is.
    """
    if day is not None:
        compact_observations(session, since=begin_day(day))
        return _gather(session, GatherTask(use_case=session.use_case_name, day=day)).days
    days: list[GatheredDay] = []
    while True:
        report = _gather(session, GatherTask(use_case=session.use_case_name))
        days += report.days
        if report.done:
            return tuple(days)


def _gather(session: Session, task: GatherTask) -> GatherReport:
    answer = invoke(session.at("observations").functions, session.deployment.gather_function, task.model_dump_json())
    return GatherReport.model_validate_json(answer)
