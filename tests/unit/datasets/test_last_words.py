"""The last word about each prediction, whatever order outcomes come in, and of no more than fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.last_words import LastWords, hash_name, hash_rows, name_rows
from noriba.records.observations import OUTCOMES

if TYPE_CHECKING:
    from random import Random

Report = tuple[str | None, str | None, float, int, int]

REPORTS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "r", None]),
        st.sampled_from([None, "", "a", "b"]),
        st.sampled_from([60.0, 61.5, 900.0]),
        st.integers(0, 3),
        st.integers(0, 9),
    ),
    max_size=30,
)


def write(reports: list[Report]) -> pa.Table:
    types = {"string": pa.string(), "double": pa.float64(), "bigint": pa.int64()}
    columns = list(zip(*reports, strict=True)) if reports else [()] * len(OUTCOMES.columns)
    return pa.table(
        {
            name: pa.array(column, types[kind])
            for (name, kind), column in zip(OUTCOMES.columns.items(), columns, strict=True)
        }
    )


def hear(*pieces: list[Report], before_us: int = 10, most: int = 100) -> LastWords:
    """Of predictions that were all asked."""
    words = LastWords(hash_rows(write([report for reports in pieces for report in reports])), most=most)
    for reports in pieces:
        words.add(write(reports), before_us=before_us)
    words.finish()
    return words


def read(words: LastWords) -> dict[str, float]:
    names = list(words.names)
    return dict(zip(names, words.read(names), strict=True))


def name(prediction_id: str, candidate_id: str | None) -> str:
    return prediction_id if candidate_id is None else f"{prediction_id}={candidate_id}"


@given(REPORTS, st.integers(0, 10), st.integers(0, 30))
def test_the_outcome_observed_last_counts_and_of_two_at_one_moment_the_larger(
    reports: list[Report], before_us: int, cut: int
) -> None:
    words = hear(reports[:cut], reports[cut:], before_us=before_us)

    heard: dict[str, list[tuple[int, float]]] = {}
    for prediction_id, candidate_id, value, observed_us, reported_us in reports:
        if prediction_id is not None and reported_us < before_us:
            heard.setdefault(name(prediction_id, candidate_id), []).append((observed_us, value))
    assert read(words) == {one: max(said)[1] for one, said in heard.items()}
    contradicted = [one for one, said in heard.items() if len({value for _, value in said}) > 1]
    assert words.count_contradicted(heard) == len(contradicted)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 10), st.randoms())
def test_of_more_than_fit_the_same_ones_stay_in_whatever_order_they_come(
    numbers: list[int], most: int, random: Random
) -> None:
    reports: list[Report] = [(f"p{number}", None, float(number), place, 0) for place, number in enumerate(numbers)]
    shuffled = [*reports]
    random.shuffle(shuffled)

    words, again = hear(reports, most=most), hear(*([one] for one in shuffled), most=most)

    everyone = sorted({f"p{number}" for number in numbers}, key=hash_name)
    assert read(words) == read(again) == {one: float(one[1:]) for one in everyone[:most]}
    assert (words.left_out > 0) == (len(everyone) > most)


def test_whoever_makes_up_names_with_small_hashes_crowds_out_nobody() -> None:
    asked: list[Report] = [(f"asked {number}", None, 60.0, 0, 0) for number in range(5)]
    made_up = sorted((f"made up {number}" for number in range(1_000)), key=hash_name)[:20]
    assert hash_name(made_up[-1]) < min(hash_name(name) for name, *_ in asked if name)
    words = LastWords(hash_rows(write(asked)), most=5)

    words.add(write([(name, None, 900.0, 0, 0) for name in made_up]), before_us=1)
    words.add(write(asked), before_us=1)
    words.finish()

    assert read(words) == {f"asked {number}": 60.0 for number in range(5)}
    assert words.left_out == 0


def test_where_nothing_was_asked_nothing_is_heard() -> None:
    words = LastWords(hash_rows(write([])))

    words.add(write([("p", None, 60.0, 0, 0)]), before_us=1)

    assert read(words) == {}


def test_a_candidate_without_a_name_is_another_than_one_with_an_empty_name() -> None:
    rows = pa.table({"prediction_id": ["p", "p", "p"], "candidate_id": [None, "", "a"]})

    assert name_rows(rows).to_pylist() == ["p", "p=", "p=a"]
