"""What a model says of its answer, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.usecase import explain_column

if TYPE_CHECKING:
    from noriba.records.explanations import Contribution, Doubt
    from noriba.usecase import UseCase

_OF_TIME = {"s", "min", "h"}


def say_contribution(use_case: UseCase, contribution: Contribution) -> str:
    """One sentence: `straight-line distance is 6302 m: 210.4 s longer`."""
    meaning = explain_column(use_case, contribution.column)
    return f"{meaning.phrase} is {meaning.say(contribution.value)}: {_say_amount(use_case, contribution.amount)}"


def say_rest(use_case: UseCase, amount: float) -> str:
    """What a model says of its smaller contributions: `everything else together: 14.9 s shorter`."""
    return f"everything else together: {_say_amount(use_case, amount)}"


def say_doubt(use_case: UseCase, doubt: Doubt) -> str:
    """One sentence: `straight-line distance is 52000 m; training saw no more than 31000 m`."""
    if doubt.kind == "wide" and doubt.value is not None and doubt.bound is not None:
        return f"the interval is {doubt.value:.0%} of the prediction wide; usual is up to {doubt.bound:.0%}"
    meaning = explain_column(use_case, doubt.column)
    value, bound = meaning.say(doubt.value), meaning.say(doubt.bound)
    sentences = {
        "below": f"{meaning.phrase} is {value}; training saw no less than {bound}",
        "above": f"{meaning.phrase} is {value}; training saw no more than {bound}",
        "unseen": f"{meaning.phrase} is {value}; training never saw that",
        "unseen_group": f"training never saw {meaning.phrase.removeprefix('what is usual for ')} together",
        "unknown": f"{meaning.phrase} is unknown; training always knew it",
    }
    return sentences.get(doubt.kind, "the request is unlike what the model has learned from")


def _say_amount(use_case: UseCase, amount: float) -> str:
    answer, rounded = use_case.answer, round(amount, use_case.answer.decimals)
    more, less = ("longer", "shorter") if answer.unit in _OF_TIME else ("more", "less")
    told = f"{abs(rounded):.{answer.decimals}f} {answer.unit} {more if rounded > 0 else less}"
    return told if rounded else "no change"
