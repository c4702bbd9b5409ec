"""A model's reasons in words, whether anybody has declared any or not."""

from __future__ import annotations

import pytest

from noriba.records.explanations import Contribution, Doubt
from noriba.serving.wording import say_contribution, say_doubt, say_rest
from noriba.usecase import explain_column, list_use_cases, load_use_case
from tests.unit.training.deliveries import USE_CASE


@pytest.mark.parametrize(
    ("column", "value", "amount", "sentence"),
    [
        # Nothing is declared: the name says what it is, and its end in what unit.
        ("length_m", 900.0, 12.34, "length is 900 m: 12.3 s longer"),
        ("start_area", 3.0, -0.96, "start area is 3: 1.0 s shorter"),
        ("clock_hour", None, -0.01, "clock hour is unknown: no change"),
        ("typical_area", 812.25, 40.0, "what is usual for start area is 812.25 s: 40.0 s longer"),
        ("typical_area_by_hour", 5.0, 1.0, "what is usual for start area and clock hour is 5 s: 1.0 s longer"),
        # A model may have learned what the code no longer knows.
        ("length_km", 1.5, 2.0, "length is 1.5 km: 2.0 s longer"),
        ("m", 1.5, 2.0, "m is 1.5: 2.0 s longer"),
        # Whole numbers are names, or counts: no digit of theirs is lost.
        ("start_area", 470_811_092.0, 2.0, "start area is 470811092: 2.0 s longer"),
        ("length_m", 1e300, 2.0, "length is 1e+300 m: 2.0 s longer"),
    ],
)
def test_a_contribution_reads_well_without_any_words(
    column: str, value: float | None, amount: float, sentence: str
) -> None:
    assert say_contribution(USE_CASE, Contribution(column=column, value=value, amount=amount)) == sentence


def test_what_is_not_told_apart_has_words_too() -> None:
    assert say_rest(USE_CASE, -14.94) == "everything else together: 14.9 s shorter"


def test_words_stand_for_numbers_where_a_use_case_has_words() -> None:
    scooters = load_use_case("scooter_energy")

    def say(column: str, value: float, amount: float) -> str:
        return say_contribution(scooters, Contribution(column=column, value=value, amount=amount))

    assert say("surface_number", 2.0, 0.0123) == "the surface is cobbles: 0.0123 kWh more"
    # A number without a word is told as it is.
    assert say("surface_number", 7.0, -0.0123) == "the surface is 7: 0.0123 kWh less"
    assert say("surface_number", 1.5, -0.0123) == "the surface is 1.5: 0.0123 kWh less"


@pytest.mark.parametrize(
    ("doubt", "sentence"),
    [
        (
            Doubt(kind="below", column="length_m", value=1.0, bound=20.0),
            "length is 1 m; training saw no less than 20 m",
        ),
        (Doubt(kind="above", column="length_m", value=9.0, bound=8.0), "length is 9 m; training saw no more than 8 m"),
        (Doubt(kind="unseen", column="start_area", value=9.0), "start area is 9; training never saw that"),
        (
            Doubt(kind="unseen_group", column="typical_area_by_hour"),
            "training never saw start area and clock hour together",
        ),
        (Doubt(kind="unknown", column="clock_hour"), "clock hour is unknown; training always knew it"),
        (
            Doubt(kind="wide", value=1.26, bound=0.8),
            "the interval is 126% of the prediction wide; usual is up to 80%",
        ),
        (Doubt(kind="dream", column="x"), "the request is unlike what the model has learned from"),
    ],
)
def test_a_doubt_says_what_was_found_and_what_is_usual(doubt: Doubt, sentence: str) -> None:
    assert say_doubt(USE_CASE, doubt) == sentence


@pytest.mark.parametrize("name", list_use_cases())
def test_what_use_cases_declare_is_about_columns_that_they_have(name: str) -> None:
    use_case = load_use_case(name)
    columns = {*use_case.features.names, *(encoder.name for encoder in use_case.model.encoders)}

    assert use_case.meanings.keys() <= columns
    phrases = [explain_column(use_case, column).phrase for column in columns]
    assert len(set(phrases)) == len(phrases), "two columns of one phrase cannot be told apart"
