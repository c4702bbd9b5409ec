"""What a data scientist declares: one `UseCase`, in one folder under `usecases/`.

The rest of Noriba knows a use case only through this package. See docs/add-a-use-case.md.
"""

from noriba.usecase.checks import OWN_METRIC, check_conversion
from noriba.usecase.data import DataSpec, Labels, Mask, Rule
from noriba.usecase.declaration import AnswerSpec, UseCase, to_resource_name
from noriba.usecase.live import LiveMean, LiveSpec
from noriba.usecase.loading import (
    find_default_use_case,
    list_use_cases,
    load_observer,
    load_simulator,
    load_source_module,
    load_use_case,
)
from noriba.usecase.meanings import Meaning, explain_column
from noriba.usecase.metrics import BusinessMetric
from noriba.usecase.model import EncoderSpec, ModelSpec, PaceSpec
from noriba.usecase.policies import (
    CanaryStep,
    ComparisonPolicy,
    GatePolicy,
    HumilityPolicy,
    MonitoringPolicy,
    Policies,
    RetrainingPolicy,
    RolloutPolicy,
    TrainingPolicy,
)
from noriba.usecase.requests import MOST_EXPLAINED, CandidateId, PredictionRequest
from noriba.usecase.simulators import Observation
from noriba.usecase.traffic import LINEAGE, TrafficPolicy
from noriba.usecase.windows import ALL_ROWS, AllRows, LastDays, RecentFirst, SinceChange, Window

__all__ = [
    "ALL_ROWS",
    "LINEAGE",
    "MOST_EXPLAINED",
    "OWN_METRIC",
    "AllRows",
    "AnswerSpec",
    "BusinessMetric",
    "CanaryStep",
    "CandidateId",
    "ComparisonPolicy",
    "DataSpec",
    "EncoderSpec",
    "GatePolicy",
    "HumilityPolicy",
    "Labels",
    "LastDays",
    "LiveMean",
    "LiveSpec",
    "Mask",
    "Meaning",
    "ModelSpec",
    "MonitoringPolicy",
    "Observation",
    "PaceSpec",
    "Policies",
    "PredictionRequest",
    "RecentFirst",
    "RetrainingPolicy",
    "RolloutPolicy",
    "Rule",
    "SinceChange",
    "TrafficPolicy",
    "TrainingPolicy",
    "UseCase",
    "Window",
    "check_conversion",
    "explain_column",
    "find_default_use_case",
    "list_use_cases",
    "load_observer",
    "load_simulator",
    "load_source_module",
    "load_use_case",
    "to_resource_name",
]
