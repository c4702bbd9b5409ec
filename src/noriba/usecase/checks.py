"""What a declaration must hold to be one: told at once, with the field and the remedy, not by a failed training."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from noriba.errors import UseCaseError
from noriba.usecase.traffic import LINEAGE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from noriba.features import Columns
    from noriba.usecase.declaration import UseCase
    from noriba.usecase.live import LiveMean, LiveSpec

# SageMaker takes names of 63 characters, and puts prefix, version, attempt and kind of job around this one.
NAME = re.compile(r"[a-z][a-z0-9_]{0,22}[a-z0-9]")
_MOST_DECIMALS = 12
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,39}")
OWN_METRIC = "error"
"""What experiments compare by in any case: how far from the outcome an answer was."""


def check_use_case(use_case: UseCase) -> None:
    """Raise for the first thing that does not fit.

    Raises:
        UseCaseError: the message names the use case, the field and the remedy.
    """
    for fault in _list_faults(use_case):
        raise UseCaseError(f"use case {use_case.name!r}: {fault}")


def check_conversion(use_case: UseCase) -> None:
    """Convert the golden requests: what they bring must be what the features read, a row for each candidate.

    Apart from `check_use_case`, which every function pays for at its start: a first conversion takes many
    milliseconds, and time zones and reference data with it.

    Raises:
        UseCaseError: the message names the use case, the request and the remedy.
    """
    for fault in _list_conversion_faults(use_case):
        raise UseCaseError(f"use case {use_case.name!r}: {fault}")


def _list_faults(use_case: UseCase) -> Iterator[str]:
    if not NAME.fullmatch(use_case.name):
        yield "a name has 2 to 24 lower-case letters, digits and underscores, beginning with a letter"
    yield from _check_data(use_case)
    yield from _check_model(use_case)
    yield from _check_live(use_case)
    yield from _check_answer(use_case)
    yield from _check_golden_requests(use_case)
    yield from _check_metrics(use_case)
    yield from _check_meanings(use_case)


def _check_data(use_case: UseCase) -> Iterator[str]:
    data, inputs, features = use_case.data, use_case.features.inputs, use_case.features.names
    if data.event_time not in inputs:
        yield f"data.event_time {_suggest(data.event_time, inputs, 'an input')}"
    if data.label in {*inputs, *features}:
        yield f"data.label {data.label} is also an input or a feature; a model would read what it must predict"
    for name in (*inputs, *features, data.label):
        if name in LINEAGE:
            yield f"{name!r} is a column of captured traffic, which says where a row is from; rename it"
    least, most = data.label_range
    if not 0 <= least < most:
        yield f"data.label_range is {least:g} to {most:g}; a label is above 0, give the least and the largest one"
    if repeated := _find_repeated([rule.name for rule in data.rules]):
        yield f"data.rules: two rules are named {repeated}; reasons are counted by name, rename one"


def _check_model(use_case: UseCase) -> Iterator[str]:
    model, features = use_case.model, use_case.features.names
    if model.pace is not None and model.pace.length not in features:
        yield f"model.pace: length {_suggest(model.pace.length, features, 'a feature')}"
    if model.pace is not None and model.pace.offset <= 0:
        yield f"model.pace: offset {model.pace.offset} must be above 0; a row of no length would have no pace"
    for key in model.baseline_keys:
        if key not in features:
            yield f"model.baseline_keys: {_suggest(key, features, 'a feature')}"
    yield from _check_encoders(use_case)


def _check_encoders(use_case: UseCase) -> Iterator[str]:
    features, earlier = use_case.features.names, list[str]()
    for encoder in use_case.model.encoders:
        where = f"model.encoders: {encoder.name}"
        if encoder.name in {*features, *earlier}:
            yield f"{where} has the name of a feature or of another encoder; rename it"
        if not encoder.keys:
            yield f"{where} has no keys; name the features that make a group"
        for key in encoder.keys:
            if key not in features:
                yield f"{where}: key {_suggest(key, features, 'a feature')}"
        if encoder.parent is not None and encoder.parent not in earlier:
            yield f"{where}: its parent {_suggest(encoder.parent, earlier, 'an encoder declared before it')}"
        if encoder.prior_rows <= 0:
            yield f"{where}: prior_rows is {encoder.prior_rows}; a group is believed halfway at so many rows, above 0"
        earlier.append(encoder.name)


def _check_live(use_case: UseCase) -> Iterator[str]:
    live, features, pace = use_case.live, use_case.features, use_case.model.pace
    if live is None:
        return
    known = (*features.inputs, *features.names, use_case.data.label)
    if not live.means:
        yield "live.means is empty; leave live out where there are none"
    if live.known_after not in known:
        yield f"live.known_after {_suggest(live.known_after, known, 'a column')}"
    if live.delay_s < 0:
        yield f"live.delay_s is {live.delay_s:g}; nothing is heard of before it is observed, give 0 or more"
    if not 0 <= live.hidden_share < 1:
        yield f"live.hidden_share is {live.hidden_share:g}; give a share from 0 to less than 1"
    if pace is not None and pace.length in features.find_affected(*live.names):
        yield f"model.pace: length {pace.length} reads a live mean, which is a mean of paces"
    if repeated := _find_repeated(list(live.names)):
        yield f"live.means: two are named {repeated}; rename one"
    for place, mean in enumerate(live.means):
        yield from _check_live_mean(use_case, live, mean, live.names[:place])


def _check_live_mean(use_case: UseCase, live: LiveSpec, mean: LiveMean, earlier: Collection[str]) -> Iterator[str]:
    where, features = f"live.means: {mean.name}", use_case.features
    if mean.name not in features.inputs:
        yield f"{where} is not among the inputs of the features; add it there, and a feature that reads it"
    if mean.half_life_s <= 0:
        yield f"{where}: half_life_s is {mean.half_life_s:g}; give seconds, over 0"
    if mean.prior < 0:
        yield f"{where}: prior is {mean.prior:g}; give a number of outcomes, 0 or more"
    for key in mean.keys:
        if key not in features.names:
            yield f"{where}: key {_suggest(key, features.names, 'a feature')}"
        if key in features.find_affected(*live.names):
            yield f"{where}: key {key} reads a live mean itself; group by what a request brings"
    if mean.parent is not None and mean.parent not in earlier:
        yield f"{where}: its parent {_suggest(mean.parent, earlier, 'a mean declared before it')}"


def _check_answer(use_case: UseCase) -> Iterator[str]:
    answer = use_case.answer
    if len({answer.value, answer.low, answer.high}) < 3:  # noqa: PLR2004  # value, low, high
        yield f"answer: value, low and high need three names; got {answer.value}, {answer.low}, {answer.high}"
    if not answer.unit:
        yield "answer.unit is empty; say what the numbers are, such as s or kWh"
    if not 0 <= answer.decimals <= _MOST_DECIMALS:
        yield f"answer.decimals is {answer.decimals}; give 0 to {_MOST_DECIMALS}"


def _check_golden_requests(use_case: UseCase) -> Iterator[str]:
    if not use_case.golden_requests:
        yield "golden_requests is empty; without one, no model is asked anything before it serves"
    for number, body in enumerate(use_case.golden_requests):
        try:
            use_case.request.model_validate(body)
        except ValidationError as error:
            fault = error.errors()[0]
            yield f"golden_requests[{number}] is refused: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _check_metrics(use_case: UseCase) -> Iterator[str]:
    names = [metric.name for metric in use_case.metrics]
    for name in names:
        if not _METRIC.fullmatch(name):
            yield f"metrics: {name!r} is no name; use up to 40 lower-case letters, digits and underscores"
    if OWN_METRIC in names:
        yield f"metrics: {OWN_METRIC!r} is what every experiment compares by already; give yours another name"
    if repeated := _find_repeated(names):
        yield f"metrics: two are named {repeated}; rename one"
    for metric in use_case.metrics:
        if metric.value_range is None:
            continue
        least, greatest = metric.value_range
        if not -math.inf < least < greatest < math.inf:
            yield (
                f"metrics: {metric.name}: value_range is {least:g} to {greatest:g}; give the least and the greatest "
                "number that there can be, or leave it out for yes or no"
            )


def _check_meanings(use_case: UseCase) -> Iterator[str]:
    # Features that are no longer declared may have one: a model in production may have learned them.
    for name, meaning in use_case.meanings.items():
        if not meaning.phrase:
            yield f"meanings[{name!r}] has an empty phrase; say what it is, or leave it out"


def _list_conversion_faults(use_case: UseCase) -> Iterator[str]:
    for number, body in enumerate(use_case.golden_requests):
        where = f"golden_requests[{number}]"
        request = use_case.request.model_validate(body)
        brought = request.to_columns()
        if use_case.live is not None and (brings := [name for name in use_case.live.names if name in brought]):
            yield f"{where}: to_columns gives {', '.join(brings)}, which is a live mean; no app knows it"
            continue
        columns = use_case.complete(brought)
        if missing := [name for name in use_case.features.inputs if name not in columns]:
            yield f"{where}: to_columns gives no {', '.join(missing)}, which features read"
            continue
        lengths = {len(column) for column in columns.values()}
        if lengths != {len(request.candidate_ids())}:
            rows = len(request.candidate_ids())
            yield f"{where}: to_columns gives columns of {sorted(lengths)} rows for {rows} candidates"
            continue
        yield from _check_slices(use_case, where, columns)


def _check_slices(use_case: UseCase, where: str, inputs: Columns) -> Iterator[str]:
    """Requests are labelled as they are answered: a slice that cannot label one would leave an app without answer."""
    everything = {**inputs, **use_case.features.compute(inputs)}
    rows = len(next(iter(inputs.values())))
    for name, label in use_case.data.slices.items():
        try:
            labels = label(everything).tolist()
        except Exception as error:  # noqa: BLE001  # the use case's own function: whatever it raises is the finding
            yield f"{where}: data.slices[{name!r}] fails with {type(error).__name__}: {error}"
            continue
        if len(labels) != rows or not all(isinstance(one, str) for one in labels):
            yield f"{where}: data.slices[{name!r}] must give one word for each of {rows} rows; it gave {labels!r}"


def _find_repeated(names: list[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _suggest(name: str, known: Collection[str], kind: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
    return f"{name!r} is not {kind}; {hint}"
