"""Subjects are dealt to two models: always the same way, by shares, and anew in every rollout."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noriba.rollout.assignment import GROUPS, Split


def make_split(salt: str = "one", percent: int = 10) -> Split:
    return Split(salt=salt, champion="v1", challenger="v2", percent=percent)


@given(st.text(min_size=1, max_size=128), st.text(max_size=60), st.integers(1, 99))
def test_every_subject_has_a_group_and_by_it_a_model(subject: str, salt: str, percent: int) -> None:
    split = make_split(salt, percent)
    group = split.find_group(subject)

    assert 0 <= group < GROUPS
    assert make_split(salt, percent).find_group(subject) == group
    assert split.pick(group) == ("v2" if group < percent * 10 else "v1")


@given(st.text(min_size=1), st.integers(1, 98), st.integers(1, 98))
def test_whoever_has_met_the_challenger_keeps_it_when_its_share_grows(subject: str, one: int, other: int) -> None:
    small, large = make_split(percent=min(one, other)), make_split(percent=max(one, other))
    group = small.find_group(subject)

    assert large.find_group(subject) == group
    if small.pick(group) == "v2":
        assert large.pick(group) == "v2"


def test_groups_are_as_likely_as_each_other() -> None:
    found = Counter(make_split().find_group(f"rider {number}") for number in range(100_000))

    # The same numbers in every run: an even dealer is as uneven as this half of the time.
    assert stats.chisquare([found[group] for group in range(GROUPS)]).pvalue > 0.01


def test_one_rollout_says_nothing_of_the_next() -> None:
    first, second = make_split("one", 50), make_split("another", 50)
    people = [f"rider {number}" for number in range(20_000)]
    table = [[0, 0], [0, 0]]
    for person in people:
        table[first.find_group(person) < 500][second.find_group(person) < 500] += 1

    assert stats.chi2_contingency(table).pvalue > 0.01


def test_a_subject_can_be_anything_that_text_can_be() -> None:
    assert make_split().find_group("乗り場 \0 🚕") == make_split().find_group("乗り場 \0 🚕")
    # Where the salt ends and the subject begins is no matter of taste.
    assert make_split("a").find_group("bc") != make_split("ab").find_group("c")


@pytest.mark.parametrize("percent", [0, 100])
def test_a_split_has_two_sides(percent: int) -> None:
    with pytest.raises(ValueError, match="percent"):
        make_split(percent=percent)
