"""A report says what the measured hours say, each question of its own hours, and what is news in it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

import pytest

from noriba.monitoring.reports import build_hours, find_first_hour, list_changes, write_report
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from noriba.records.monitoring import Finding, MonitoringReport
from noriba.records.profiles import ColumnProfile, Profile
from noriba.records.reference import Reference
from noriba.timestamps import HOUR, begin_hour, to_microseconds
from noriba.usecase import load_use_case
from tests.unit.monitoring.hold_outs import hold_out

if TYPE_CHECKING:
    from noriba.records.monitoring import Kind

Verdict: TypeAlias = Literal["steady", "changed", "unknown"]

USE_CASE = load_use_case("taxi_eta")
POLICY = USE_CASE.policies.monitoring
NOW = datetime(2026, 7, 4, 9, 20, tzinfo=UTC)
THIS_HOUR = begin_hour(NOW)
REFERENCE = Reference(3, hold_out(100.0), None, ())


# --- hours -----------------------------------------------------------------------------------------------------------


def errors_row(hour: datetime, *, version: int = 3, answered: int = 10) -> dict[str, str | None]:
    sums = dict.fromkeys((name for name in AnswerTally.model_fields if name != "sizes"), "0")
    hour_us = str(to_microseconds(hour))
    return {**sums, "hour_us": hour_us, "model_version": str(version), "size": None, "answered": str(answered)}


def test_every_hour_that_was_asked_about_is_measured_those_without_an_answer_too() -> None:
    since, until = THIS_HOUR - 3 * HOUR + timedelta(minutes=5), NOW
    answers = {"errors": [errors_row(THIS_HOUR - 2 * HOUR)]}

    hours = list(build_hours(REFERENCE, [], answers, [], since=since, until=until))

    assert [one.hour for one in hours] == [THIS_HOUR - ago * HOUR for ago in (3, 2, 1, 0)]
    assert {one.until for one in hours} == {until}
    assert [one.versions.keys() for one in hours] == [set(), {3}, set(), set()]
    assert hours[1].versions[3][EVERYTHING].answered == 10


def test_what_was_counted_of_another_version_stays_and_one_s_own_is_counted_anew() -> None:
    column = ColumnProfile(edges=(0.0,), counts=((3, 4, 0),))
    profile = Profile(days=(date(2026, 6, 1),), columns={"length": column})
    reference = Reference(3, hold_out(100.0), profile, ("length@0a1b2c",))
    hour = THIS_HOUR - HOUR
    known = [HourMeasurement(hour=hour, counts={2: {"length": (1, 1, 0)}, 3: {"length": (9, 9, 9)}})]
    row: dict[str, str | None] = {
        "hour_us": str(to_microseconds(hour)),
        "asked": "7",
        "known0": "6",
        "below0_0": "2",
    }
    answers = {"errors": [errors_row(hour), errors_row(THIS_HOUR)], "counts": [row]}

    busy, quiet = build_hours(reference, [], answers, known, since=hour, until=NOW)

    assert busy.counts == {2: {"length": (1, 1, 0)}, 3: {"length": (2, 4, 1)}}
    # It answered, and nothing of it counts: its hour all the same.
    assert quiet.counts == {3: {"length": (0, 0, 0)}}


# --- the report ------------------------------------------------------------------------------------------------------

ROWS = 40


def measured(ago: int, error: float) -> HourMeasurement:
    """An hour that began so many hours before this one, of answers as often too high as too low."""
    tally = AnswerTally(
        answered=ROWS,
        requests=ROWS,
        requests_with_outcome=ROWS,
        with_outcome=ROWS,
        width=ROWS * 300.0,
        abs_error=ROWS * error,
        bounded=ROWS * error,
        covered=round(0.8 * ROWS),
        claimed=0.8 * ROWS,
    )
    return HourMeasurement(hour=THIS_HOUR - ago * HOUR, versions={3: {EVERYTHING: tally}})


def report_on(hours: list[HourMeasurement], before: MonitoringReport | None = None) -> MonitoringReport:
    return write_report(USE_CASE, REFERENCE, hours, before, stretch=1.1, now=NOW)


def find(report: MonitoringReport, kind: Kind) -> Verdict:
    return next(one.verdict for one in report.findings if one.kind == kind)


def test_hours_are_read_from_the_first_whole_day_on() -> None:
    assert find_first_hour(POLICY, now=NOW) == datetime(2026, 7, 1, tzinfo=UTC)
    week = POLICY.model_copy(update={"window_hours": 168})
    assert find_first_hour(week, now=NOW) == THIS_HOUR - timedelta(days=7)


def test_hours_whose_outcomes_still_come_are_shown_and_not_judged() -> None:
    young = POLICY.truth_hours
    hours = [measured(ago, 100.0 if ago > young else 1_000.0) for ago in range(30, -1, -1)]

    report = report_on(hours)

    accuracy = next(one for one in report.findings if one.kind == "accuracy")
    assert accuracy.reason == f"the error is 1.00 times the hold-out's, over {24 * ROWS} outcomes"
    assert report.parts[0].mae is not None
    assert report.parts[0].mae > 200.0
    assert (report.stretch, report.until, report.since) == (1.1, NOW, THIS_HOUR - timedelta(hours=24))


def test_a_change_of_days_ago_is_over_when_the_window_has_passed_it() -> None:
    hours = [measured(ago, 100.0 if ago < 40 else 1_000.0) for ago in range(70, -1, -1)]

    assert find(report_on(hours), "accuracy") == "steady"


def test_what_nobody_can_say_now_stands_as_it_stood() -> None:
    before = report_on([measured(ago, 300.0) for ago in range(30, -1, -1)])
    assert before.standing["accuracy"] == "changed"

    report = report_on([], before)

    assert find(report, "accuracy") == "unknown"
    assert report.standing == before.standing


def test_what_stood_of_another_version_makes_nobody_doubt_this_one() -> None:
    """On average the error is over its limit, and nobody can be sure of it."""
    unsure = [measured(ago, 20.0 if ago % 2 else 260.0) for ago in range(30, -1, -1)]
    stood = report_on([measured(ago, 300.0) for ago in range(30, -1, -1)])

    assert find(report_on(unsure), "accuracy") == "steady"
    assert find(report_on(unsure, stood), "accuracy") == "changed"
    assert find(report_on(unsure, stood.model_copy(update={"model_version": 2})), "accuracy") == "steady"


def since_when(report: MonitoringReport) -> date | None:
    return next(one.since for one in report.findings if one.kind == "accuracy")


def test_what_has_changed_has_the_day_of_the_look_that_found_it() -> None:
    worse = [measured(ago, 300.0) for ago in range(60, -1, -1)]
    first = write_report(USE_CASE, REFERENCE, worse, None, stretch=1.0, now=NOW - timedelta(days=1))
    assert since_when(first) == date(2026, 7, 3)

    assert since_when(report_on(worse, first)) == date(2026, 7, 3)
    assert since_when(report_on(worse, first.model_copy(update={"model_version": 2}))) == date(2026, 7, 4)
    assert since_when(report_on([measured(ago, 100.0) for ago in range(30, -1, -1)], first)) is None


def test_a_change_whose_first_look_no_report_tells_any_more_has_no_day() -> None:
    worse = [measured(ago, 300.0) for ago in range(30, -1, -1)]
    unknown = report_on([], report_on(worse))

    assert since_when(report_on(worse, unknown)) is None


# --- what is news ----------------------------------------------------------------------------------------------------


def tell(verdict: Verdict, *, stood: Literal["steady", "changed"] | None = None, reason: str = "r") -> list[str]:
    """What is told of coverage, as verdict and reason."""
    report = report_on([]).model_copy(
        update={"findings": (Finding(kind="coverage", verdict=verdict, reason=reason),), "standing": {}}
    )
    before = None if stood is None else report.model_copy(update={"standing": {"coverage": stood}})
    return [f"{one.verdict}: {one.reason}" for one in list_changes(report, before)]


@pytest.mark.parametrize(
    ("verdict", "stood", "told"),
    [
        ("changed", None, ["changed: r"]),
        ("changed", "steady", ["changed: r"]),
        ("changed", "changed", []),
        ("steady", None, []),
        ("steady", "steady", []),
        ("steady", "changed", ["steady: r"]),
        ("unknown", None, []),
        ("unknown", "changed", []),
    ],
)
def test_news_is_what_is_otherwise_than_it_stood(
    verdict: Verdict, stood: Literal["steady", "changed"] | None, told: list[str]
) -> None:
    assert tell(verdict, stood=stood) == told


def test_a_reason_fits_between_the_quotes_of_a_message() -> None:
    [told] = tell("changed", reason='slice: "a\\b"\n\tc')

    assert told == "changed: slice: 'a/b'  c"
