"""Hyper-parameters as SageMaker passes them: strings, each checked and named."""

from __future__ import annotations

import pytest

from noriba.errors import UnknownUseCaseError
from noriba.training.hyperparameters import HyperparameterError, Hyperparameters
from noriba.usecase import ALL_ROWS, LastDays, TrainingPolicy, load_use_case


def test_the_use_case_s_policy_gives_the_defaults() -> None:
    use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta"})

    assert use_case is load_use_case("taxi_eta")
    policy = use_case.policies.training
    assert {name: getattr(settings, name) for name in TrainingPolicy.model_fields} == dict(policy)
    assert settings.threads >= 1


def test_every_field_of_the_policy_may_be_given_as_a_string() -> None:
    given = {
        "calibration_share": "0.25",
        "holdout_share": "0.3",
        "judged_days": "3.5",
        "quantiles": "0.05, 0.5, 0.95",
        "trees": "20",
        "leaves": "15",
        "min_leaf_rows": "7",
        "learning_rate": "0.5",
        "seed": "1",
        "windows": '[{"kind": "all"}, {"kind": "last_days", "days": 60}]',
        "window_margin": "0.1",
        "trial_trees": "5",
        "threads": "2",
    }

    _use_case, settings = Hyperparameters.parse({"use_case": "taxi_eta", **given})

    assert given.keys() == Hyperparameters.model_fields.keys(), "a new field belongs into this test"
    assert settings == Hyperparameters(
        calibration_share=0.25,
        holdout_share=0.3,
        judged_days=3.5,
        quantiles=(0.05, 0.5, 0.95),
        trees=20,
        leaves=15,
        min_leaf_rows=7,
        learning_rate=0.5,
        seed=1,
        windows=(ALL_ROWS, LastDays(days=60)),
        window_margin=0.1,
        trial_trees=5,
        threads=2,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("calibration_share", "0"),
        ("calibration_share", "0.5"),
        ("calibration_share", "nan"),
        ("holdout_share", "-0.1"),
        ("holdout_share", "half"),
        ("windows", "last 60 days"),
        ("windows", "[]"),
        ("windows", '[{"kind": "last_days"}]'),
        ("windows", '[{"kind": "all"}, {"kind": "all"}]'),
        ("window_margin", "1"),
        ("trial_trees", "0"),
        ("quantiles", "0.1,0.5"),
        ("quantiles", "0.1,0.5,0.9,0.99"),
        ("quantiles", "low,mid,high"),
        ("quantiles", "0.9,0.5,0.1"),
        ("quantiles", "0.1,0.1,0.9"),
        ("quantiles", "0,0.5,0.9"),
        ("quantiles", "0.1,0.5,1"),
        ("quantiles", "0.1,nan,0.9"),
        ("trees", "0"),
        ("trees", "1.5"),
        ("trees", ""),
        ("leaves", "1"),
        ("min_leaf_rows", "0"),
        ("learning_rate", "0"),
        ("learning_rate", "1.01"),
        ("seed", "lucky"),
        ("threads", "0"),
        ("tres", "20"),
    ],
)
def test_a_bad_hyper_parameter_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(HyperparameterError, match=rf"bad hyper-parameters: {name}\b"):
        Hyperparameters.parse({"use_case": "taxi_eta", name: value})


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(HyperparameterError) as refusal:
        Hyperparameters.parse({"use_case": "taxi_eta", "trees": "none", "leaves": "1", "speed": "fast"})

    assert all(f"{name}: " in str(refusal.value) for name in ("trees", "leaves", "speed"))


def test_a_job_must_name_its_use_case() -> None:
    with pytest.raises(HyperparameterError, match="use_case is missing"):
        Hyperparameters.parse({"trees": "20"})


def test_an_unknown_use_case_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownUseCaseError, match=r"no use case 'flights'; installed: .*taxi_eta"):
        Hyperparameters.parse({"use_case": "flights"})
