"""A dictionary that knows its keys in order."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laptop_cloud.sorted_dict import SortedDict, after_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.text("ab\0/é\U0010ffff", max_size=4)
CHANGES: list[Callable[[dict[str, int], str], Any]] = [
    lambda held, key: held.__setitem__(key, len(held)),
    lambda held, key: held.pop(key, None),
    lambda held, key: held.pop(key) if key in held else None,
    lambda held, key: held.__delitem__(key) if key in held else None,
    lambda held, key: held.setdefault(key, 7),
    lambda held, key: held.update({key: 8, f"{key}a": 9}),
    lambda held, key: held.__ior__({key: 10}),
    lambda held, _key: held.popitem() if held else None,
    lambda held, key: held.clear() if key == "ab" else None,
]


@given(
    st.dictionaries(TEXTS, st.integers()),
    st.lists(st.tuples(st.sampled_from(CHANGES), TEXTS)),
    TEXTS,
    st.none() | TEXTS,
    st.none() | st.integers(0, 5),
)
def test_it_is_a_dictionary_and_finds_what_a_look_at_all_keys_finds(
    given_: dict[str, int],
    changes: list[tuple[Callable[[dict[str, int], str], Any], str]],
    begin: str,
    end: str | None,
    limit: int | None,
) -> None:
    plain, held = dict(given_), SortedDict(given_)
    for change, key in changes:
        assert change(held, key) == change(plain, key)

    assert held == plain
    found = sorted(key for key in plain if key >= begin and (end is None or key < end))
    assert held.list_keys(begin, end, limit=limit) == found[:limit]
    assert list(held.between(begin, end).items()) == [(key, plain[key]) for key in found]
    assert held.below(begin) == {key: value for key, value in plain.items() if key.startswith(begin)}
    assert copy.deepcopy(held).list_keys("", None) == sorted(plain)


@given(TEXTS, TEXTS)
def test_what_begins_so_is_before_what_follows_the_prefix_and_nothing_else_is(prefix: str, text: str) -> None:
    end = after_prefix(prefix)

    assert text.startswith(prefix) == (prefix <= text and (end is None or text < end))


def test_what_is_not_there_cannot_be_taken_out() -> None:
    held = SortedDict({"a": 1})

    with pytest.raises(KeyError):
        held.pop("b")
    with pytest.raises(KeyError):
        del held["b"]
    assert held.list_keys("", None) == ["a"]


def test_threads_may_write_and_search_at_once() -> None:
    held: SortedDict[int] = SortedDict()
    seen = []

    def write(name: str) -> None:
        for number in range(500):
            held[f"{name}/{number:03}"] = number
            seen.append(held.below(f"{name}/") == {f"{name}/{one:03}": one for one in range(number + 1)})
        for number in range(0, 500, 2):
            del held[f"{name}/{number:03}"]

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [True] * 2000
    assert held.list_keys("", None) == sorted(held)
    assert len(held) == 1000
