"""What the monitor has found of the model in production; and a look of its own, at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noriba.aws.measurements import Measurements
from noriba.aws.objects import ObjectStore
from noriba.client.waiting import StepFailedError, wait_for_end
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from noriba.client.session import Session
    from noriba.records.monitoring import MonitoringReport

_LIMIT_S = 900.0


class NoReportError(NoribaError):
    """The monitor has not looked yet, or there is nothing to look at."""


def read_monitoring_report(session: Session) -> MonitoringReport:
    """The report of the monitor's last look, which it takes every hour.

    Raises:
        NoReportError: it has not looked yet.
    """
    observations = ObjectStore(session.at("observations").s3, session.deployment.observations_bucket)
    report = Measurements(observations, session.use_case_name).find_report()
    if report is None:
        raise NoReportError(f"nobody has looked at the model of {session.use_case_name} yet: noriba monitor")
    return report


def run_monitor(session: Session, *, limit_s: float = _LIMIT_S) -> MonitoringReport:
    """Let the monitor look at what has come until now, and wait for its report.

    Raises:
        NoReportError: no model is in production.
        StepFailedError: the look failed; the message holds the cause.
    """
    history = session.history("monitor")
    execution = history.start(json.dumps({"use_case": session.use_case_name}))
    ended = wait_for_end(history, execution, "the monitor", limit_s=limit_s)
    if ended.failed:
        raise StepFailedError(f"the monitor failed: {': '.join(ended.read_failure())}")
    if session.ledger.read_champion() is None:
        raise NoReportError(f"no model of {session.use_case_name} is in production yet")
    return read_monitoring_report(session)
