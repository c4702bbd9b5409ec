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


def find_group(split: Split, subject: str) -> int:
    group = split.find_group(subject)
    assert group is not None
    return group


@given(st.text(min_size=1, max_size=128), st.text(max_size=60), st.integers(1, 99))
def test_every_subject_has_a_group_and_by_it_a_model(subject: str, salt: str, percent: int) -> None:
    split = make_split(salt, percent)
    group = find_group(split, subject)

    assert 0 <= group < GROUPS
    assert find_group(make_split(salt, percent), subject) == group
    assert split.pick(group) == ("v2" if group < percent * 10 else "v1")


@given(st.text(min_size=1), st.integers(1, 98), st.integers(1, 98))
def test_whoever_has_met_the_challenger_keeps_it_when_its_share_grows(subject: str, one: int, other: int) -> None:
    small, large = make_split(percent=min(one, other)), make_split(percent=max(one, other))
    group = find_group(small, subject)

    assert find_group(large, subject) == group
    if small.pick(group) == "v2":
        assert large.pick(group) == "v2"


def test_groups_are_as_likely_as_each_other() -> None:
    found = Counter(find_group(make_split(), f"rider {number}") for number in range(100_000))

    # The same numbers in every run: an even dealer is as uneven as this half of the time.
    assert stats.chisquare([found[group] for group in range(GROUPS)]).pvalue > 0.01


def test_one_rollout_says_nothing_of_the_next() -> None:
    first, second = make_split("one", 50), make_split("another", 50)
    people = [f"rider {number}" for number in range(20_000)]
    table = [[0, 0], [0, 0]]
    for person in people:
        table[find_group(first, person) < 500][find_group(second, person) < 500] += 1

    assert stats.chi2_contingency(table).pvalue > 0.01


def test_a_subject_can_be_anything_that_text_can_be() -> None:
    assert find_group(make_split(), "乗り場 \0 🚕") == find_group(make_split(), "乗り場 \0 🚕")
    # Where the salt ends and the subject begins is no matter of taste.
    assert find_group(make_split("a"), "bc") != find_group(make_split("ab"), "c")


@pytest.mark.parametrize("percent", [-1, 100])
def test_a_split_has_two_sides(percent: int) -> None:
    with pytest.raises(ValueError, match="percent"):
        make_split(percent=percent)


def test_while_the_two_come_or_go_nobody_is_dealt_to_either() -> None:
    split = make_split(percent=0)

    assert split.find_group("rider 1") is None
    assert split.pick(None) == "v1"
