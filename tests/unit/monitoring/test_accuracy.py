"""Answers beside outcomes, whatever order these come in and however often, as SQL over the files of compaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.events import OutcomeObserved
from noriba.monitoring.accuracy import OutcomeTroubles, VariantAccuracy, state_accuracy, state_troubles
from noriba.records.captures import CapturedAnswer
from noriba.records.inference import ModelAnswer
from tests.unit.monitoring.accuracy_by_hand import judge
from tests.unit.monitoring.observed import (
    MIDNIGHT,
    USE_CASE,
    Answers,
    Reports,
    run,
    tabulate_answers,
    tabulate_outcomes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    import pyarrow.parquet

SINCE = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
UNTIL = datetime(2026, 7, 1, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 7, 1, 3, 59, tzinfo=UTC)


def answered(
    prediction_id: str,
    *values: float,
    names: tuple[str | None, ...] | None = None,
    variant: str = "v3",
    at: datetime = MIDNIGHT,
) -> tuple[str, CapturedAnswer]:
    """Medians, each in an interval of ten to either side."""
    low, high = (tuple(value + shift for value in values) for shift in (-10.0, 10.0))
    answer = ModelAnswer(low, values, high, claimed_coverage=0.8, bundle_digest="d")
    return variant, CapturedAnswer(prediction_id, at, names or (None,) * len(values), answer)


def observed(
    prediction_id: str,
    value: float,
    *,
    candidate: str | None = None,
    minutes: float = 0.0,
    reported_at: datetime = MIDNIGHT + timedelta(hours=1),
) -> tuple[datetime, OutcomeObserved]:
    event = OutcomeObserved(
        use_case=USE_CASE,
        prediction_id=prediction_id,
        candidate_id=candidate,
        value=value,
        observed_at=MIDNIGHT + timedelta(minutes=minutes),
    )
    return reported_at, event


def ask(predictions: pa.Table, outcomes: pa.Table) -> tuple[list[VariantAccuracy], OutcomeTroubles]:
    """What comes of the two statements."""
    when = {"since": SINCE, "until": UNTIL, "now": NOW}
    [troubles] = run(state_troubles(USE_CASE, **when), predictions, outcomes)
    found = run(state_accuracy(USE_CASE, **when), predictions, outcomes)
    return [VariantAccuracy.model_validate(row) for row in found], OutcomeTroubles.model_validate(troubles)


def look(answers: Answers, reports: Reports, **unreadable: int) -> tuple[list[VariantAccuracy], OutcomeTroubles]:
    return ask(tabulate_answers(answers, **unreadable), tabulate_outcomes(reports, **unreadable))


def test_errors_are_those_of_answers_whose_outcome_is_known() -> None:
    answers = [answered("a", 100.0), answered("b", 200.0), answered("c", 300.0)]

    [found], _troubles = look(answers, [observed("a", 95.0), observed("b", 215.0)])

    assert (found.model_version, found.answered, found.with_outcome) == (3, 3, 2)
    assert found.mae == pytest.approx((5.0 + 15.0) / 2)
    assert found.bias == pytest.approx((5.0 - 15.0) / 2)
    assert found.coverage == 0.5
    assert found.claimed_coverage == pytest.approx(0.8)


def test_an_outcome_of_one_of_several_candidates_is_that_candidate_s() -> None:
    answers = [answered("a", 100.0, 200.0, names=("near", "far"))]

    [found], troubles = look(answers, [observed("a", 201.0, candidate="far"), observed("a", 1.0)])

    assert (found.answered, found.with_outcome, found.mae) == (2, 1, 1.0)
    assert troubles.unknown == 1  # nobody knows which of the two


def test_a_shadow_is_measured_by_the_same_outcomes() -> None:
    answers = [answered("a", 100.0), answered("a", 104.0, variant="v4")]

    champion, challenger = look(answers, [observed("a", 103.0)])[0]

    assert (champion.model_version, champion.mae) == (3, 3.0)
    assert (challenger.model_version, challenger.mae) == (4, 1.0)


def test_without_an_outcome_nothing_is_said_of_errors() -> None:
    [found], troubles = look([answered("a", 1.0)], [])

    assert (found.answered, found.with_outcome) == (1, 0)
    assert (found.mae, found.bias, found.coverage, found.claimed_coverage) == (None, None, None, None)
    assert troubles == OutcomeTroubles(unknown=0, repeated=0, contradicted=0, unreadable=0)
    assert look([], [observed("a", 1.0)])[0] == []


def test_what_is_said_twice_counts_once_and_of_a_contradiction_the_last_word() -> None:
    reports = [observed("a", 90.0, minutes=2), observed("a", 90.0, minutes=2), observed("a", 80.0, minutes=1)]

    # The same answer, captured twice: the same.
    [found], troubles = look([answered("a", 100.0)] * 2, reports)

    assert (found.answered, found.mae) == (1, 10.0)
    assert (troubles.repeated, troubles.contradicted) == (1, 1)


def test_the_last_word_may_be_a_microsecond_later() -> None:
    reports = [observed("a", 90.0, minutes=1e-6 / 60), observed("a", 95.0)]

    [found], _troubles = look([answered("a", 100.0)], reports)

    assert found.mae == 10.0


def test_outcomes_of_nobody_s_predictions_and_lines_that_nobody_can_read_are_counted() -> None:
    reports = [observed("a", 1.0), observed("b", 1.0), observed("a", 1.0, candidate="car")]

    [found], troubles = look([answered("a", 1.0)], reports, unreadable=2)

    assert (troubles.unknown, troubles.unreadable) == (2, 4)
    assert found.answered == 1


def test_answers_outside_of_the_time_and_outcomes_from_before_it_are_left_out() -> None:
    edges = [answered(str(number), 1.0, at=at) for number, at in enumerate((SINCE, UNTIL))]
    outside = [answered("x", 1.0, at=SINCE - timedelta(seconds=1)), answered("y", 1.0, at=UNTIL + timedelta(seconds=1))]
    late = observed("0", 2.0, reported_at=NOW)
    early = observed("1", 2.0, reported_at=SINCE - timedelta(seconds=1))

    [found], troubles = look([*edges, *outside], [late, early])

    assert (found.answered, found.with_outcome) == (2, 1)
    assert troubles.unknown == 0


def test_a_line_may_lie_under_the_hour_before_or_after_its_own() -> None:
    answers = [answered("a", 1.0, at=at) for at in (SINCE, UNTIL)]
    wanted = look(answers, [observed("a", 2.0, reported_at=SINCE)])

    for hours in (-1, 1):
        moved = [
            tabulate_answers(answers, shift=hours),
            tabulate_outcomes([observed("a", 2.0, reported_at=SINCE)], shift=hours),
        ]
        assert ask(*moved) == wanted


# --- whatever comes ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([None, "", "x", "=", "it's"])
VALUES = st.sampled_from([0.0, 1.0, 1.5, 12.0, 1e6])
MINUTES = st.integers(-180, 230)


@st.composite
def requests(draw: st.DrawFn) -> Answers:
    """One request, answered by one version or by two, captured once or twice."""
    names = tuple(draw(st.lists(NAMES, min_size=1, max_size=3)))
    at = MIDNIGHT + timedelta(minutes=draw(MINUTES))
    prediction_id = draw(st.sampled_from("abcde"))
    return [
        answered(
            prediction_id,
            *draw(st.sampled_from([[draw(VALUES) for _ in names], []])),
            names=names,
            variant=variant,
            at=at,
        )
        for variant in draw(st.lists(st.sampled_from(["v3", "v12"]), min_size=1, max_size=3))
    ]


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[datetime, OutcomeObserved]:
    return observed(
        draw(st.sampled_from("abcdef")),
        draw(VALUES),
        candidate=draw(NAMES),
        minutes=draw(st.sampled_from([-1.0, 0.0, 1e-6 / 60, 5.0])),
        reported_at=MIDNIGHT + timedelta(minutes=draw(MINUTES)),
    )


def flatten(some: Iterable[Answers]) -> Answers:
    return [one for request in some for one in request]


@settings(deadline=None, max_examples=60)
@given(st.lists(requests(), max_size=8).map(flatten), st.lists(outcomes(), max_size=20), st.integers(0, 2))
def test_sql_comes_to_what_the_rules_say_of_each_row(answers: Answers, reports: Reports, unreadable: int) -> None:
    versions, troubles = look(answers, reports, unreadable=unreadable)

    in_time = [(variant, one) for variant, one in answers if SINCE <= one.at <= UNTIL]
    told = [event for reported_at, event in reports if reported_at >= SINCE]
    wanted, wanted_troubles = judge(in_time, told, unreadable=2 * unreadable)
    assert troubles == wanted_troubles
    assert_alike(versions, wanted)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(requests(), max_size=6).map(flatten), st.lists(outcomes(), max_size=12), st.randoms(use_true_random=False)
)
def test_the_order_and_the_number_of_deliveries_change_nothing_but_a_count(
    answers: Answers, reports: Reports, shuffler: Any
) -> None:
    versions, troubles = look(answers, reports)
    more_answers, more_reports = [*answers, *answers], [*reports, *reports]
    shuffler.shuffle(more_answers)
    shuffler.shuffle(more_reports)

    again, more_troubles = look(more_answers, more_reports)

    assert_alike(again, versions)
    told = sum(reported_at >= SINCE for reported_at, _ in reports)
    assert more_troubles == troubles.model_copy(update={"repeated": troubles.repeated + told})


def assert_alike(found: Sequence[VariantAccuracy], wanted: Sequence[VariantAccuracy]) -> None:
    """The same, but for the order in which numbers were added up."""
    assert [list(one.model_dump().values()) for one in found] == [
        [value if value is None else pytest.approx(value, rel=1e-12, abs=1e-9) for value in one.model_dump().values()]
        for one in wanted
    ]
