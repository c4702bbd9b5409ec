"""Reasons and doubts as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from noriba.cli.prediction_commands import print_prediction
from noriba.cli.why_command import print_why
from noriba.client import Answered, Effect, Origin, Prediction, VersionAnswer, Why
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    import pytest

AT = datetime(2026, 7, 1, 8, 30, 5, tzinfo=UTC)
TEXT = "the straight-line distance is 6302 m: 210.4 s longer"


def print_answer(*predictions: dict[str, Any]) -> None:
    answer = {"prediction_id": "p", "model_version": 7, "predictions": list(predictions)}
    print_prediction(Prediction(answer, 12.3))


def test_a_table_of_predictions_has_a_place_for_those_that_are_doubted(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(
        {"candidate_id": "near", "eta_s": 100.0},
        {"candidate_id": "far", "eta_s": 900.0, "confidence": "low", "reasons": ["it is far", "and wide"]},
    )

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["candidate_id", "eta_s", "confidence"] in lines
    assert ["near", "100.0"] in lines
    assert ["far", "900.0", "low"] in lines
    assert ["far:", "low", "confidence:", "and", "wide"] in lines


def test_an_explanation_stands_below_its_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    effect = {"feature": "haversine_m", "value": 6302.0, "amount": 210.4, "text": TEXT}
    print_answer(
        {"eta_s": 810.4, "explanation": {"unit": "s", "base": 600.5, "features": [effect], "rest": -0.5}},
    )

    said = capsys.readouterr().out
    parts = [line.split(maxsplit=1) for line in said.splitlines()]
    assert "explanation" not in said
    told = {words[1].strip(): words[0] for words in parts if len(words) > 1}
    assert (told["with nothing known"], told[TEXT], told["all the rest"]) == ("600.5", "+210.4", "-0.5")


def make_why(**changes: Any) -> Why:
    """One prediction of one version."""
    answered = {
        "candidate_id": "near",
        "low": 700.0,
        "value": 810.4,
        "high": 900.0,
        "features": {"haversine_m@6c6dbf051d9e": 6302.0, "rain@ef3cd45667bf": None},
        "inputs": {},
        "base": 600.0,
        "contributions": (Effect(feature="haversine_m", value=6302.0, amount=210.4, text=TEXT),),
        "reasons": ("it is far",),
        "outcome": 800.0,
        "observed_at": AT,
        "error": 10.4,
        "metrics": {"cancelled": 0.0},
    }
    origin = Origin(
        model_package_arn="arn:x/7",
        snapshot_id="snap-1",
        code_digest="c" * 64,
        bundle_digest="b" * 64,
        training_job_arn="arn:job",
        status="Approved",
        note="better at night, by arn:ada",
        changed_at=AT,
        changed_by=None,
    )
    version = {"model_version": 7, "claimed_coverage": 0.8, "origin": origin, "unexplained": None}
    whole = {**version, "candidates": (Answered.model_validate(answered | changes),)} | {
        name: value for name, value in changes.items() if name in version
    }
    return Why(
        prediction_id="p",
        use_case="taxi_eta",
        unit="s",
        answered_at=AT,
        versions=(VersionAnswer.model_validate(whole),),
    )


def test_all_of_why_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_why(load_use_case("taxi_eta"), make_why(inputs={"pickup_at_s": 1.5}))

    said = capsys.readouterr().out
    for words in (
        "2026-07-01 08:30:05 UTC",
        "snap-1",
        "better at night, by arn:ada",
        "candidate near: 810.4 s (700 to 900)",
        "it really was 800 s; the answer was off by +10.4 s",
        "cancelled: 0",
        "low confidence: it is far",
        TEXT,
        "6302 m",
        "unknown",
        "pickup_at_s",
    ):
        assert words in said


def test_what_is_not_known_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = dict.fromkeys(("low", "value", "high", "base", "outcome", "observed_at", "error"))
    gone = {"origin": None, "unexplained": "the model is gone", "contributions": ()}
    print_why(load_use_case("taxi_eta"), make_why(**nothing, **gone))

    said = capsys.readouterr().out
    assert "candidate near: none that could be read" in said
    assert "what really happened is not known yet" in said
    assert "no contributions: the model is gone" in said
    assert "the registry has this version no more" in said
    assert "What it is made of" not in said
    assert "Of which inputs" not in said
