"""In which state an alarm is, from its data points: the tables of CloudWatch's user guide."""

from __future__ import annotations

import pytest

from laptop_cloud.extensions.alarm_evaluation import AlarmSettings, Datapoint, evaluate

PERIOD_S = 60


def settings(periods: int = 3, to_alarm: int = 3, missing: str = "missing", **others: object) -> AlarmSettings:
    return AlarmSettings.model_validate(
        {
            "AlarmName": "a",
            "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
            "Namespace": "Noriba",
            "MetricName": "Coverage",
            "Statistic": "Average",
            "Period": PERIOD_S,
            "EvaluationPeriods": periods,
            "DatapointsToAlarm": to_alarm,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": missing,
            **others,
        }
    )


def points(drawn: str) -> list[Datapoint]:
    """`0 - X`: fine, none, breaching; the newest last."""
    values = {"0": 1.0, "X": 11.0, "-": None}
    return [Datapoint(index * PERIOD_S, values[mark]) for index, mark in enumerate(drawn.split())]


def state(of: AlarmSettings, drawn: str) -> str:
    verdict = evaluate(of, points(drawn), str)
    return "as it was" if verdict is None else verdict.state


# The columns: missing, ignore, breaching, notBreaching.
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
THREE_OF_THREE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", "as it was", "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", "as it was", "ALARM", "OK"),
}
TWO_OF_THREE = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", "as it was", "ALARM", "OK"),
}


@pytest.mark.parametrize("column", range(4), ids=TREATMENTS)
@pytest.mark.parametrize("drawn", THREE_OF_THREE)
def test_three_breaching_of_three_make_an_alarm(drawn: str, column: int) -> None:
    assert state(settings(3, 3, TREATMENTS[column]), drawn) == THREE_OF_THREE[drawn][column]


@pytest.mark.parametrize("column", range(4), ids=TREATMENTS)
@pytest.mark.parametrize("drawn", TWO_OF_THREE)
def test_two_breaching_of_three_make_an_alarm(drawn: str, column: int) -> None:
    assert state(settings(3, 2, TREATMENTS[column]), drawn) == TWO_OF_THREE[drawn][column]


@pytest.mark.parametrize(
    ("comparison", "at", "alarms"),
    [
        ("GreaterThanThreshold", 10, False),
        ("GreaterThanOrEqualToThreshold", 10, True),
        ("LessThanThreshold", 10, False),
        ("LessThanOrEqualToThreshold", 10, True),
    ],
)
def test_the_threshold_itself_breaches_only_where_the_comparison_says_so(
    comparison: str, at: float, *, alarms: bool
) -> None:
    verdict = evaluate(settings(1, 1, ComparisonOperator=comparison), [Datapoint(0.0, at)], str)

    assert verdict is not None
    assert (verdict.state == "ALARM") is alarms


def test_the_reason_is_in_the_words_of_cloudwatch() -> None:
    verdict = evaluate(settings(2, 1), points("0 0 0 X"), "at {:.0f}".format)

    assert verdict is not None
    assert verdict.reason == (
        "Threshold Crossed: 1 out of the last 2 datapoints [11.0 (at 180), 1.0 (at 120)] was greater than "
        "the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )


def test_a_comparison_with_a_learned_band_is_refused() -> None:
    band = settings(1, 1, ComparisonOperator="GreaterThanUpperThreshold")

    with pytest.raises(NotImplementedError, match="GreaterThanUpperThreshold"):
        evaluate(band, points("X"), str)
