"""What functions count, named once: those who write a metric, watch it or explain it must agree.

The names are CloudWatch's, in the namespace of the deployment's prefix, with the function (`service`) and the use case
(`use_case`) as dimensions. They count; how long things take and what fails, AWS measures by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.records.monitoring import Kind


@dataclass(frozen=True)
class Metric:
    """A count: the function that writes it, its name, and what it counts."""

    function: str
    name: str
    meaning: str


OBJECTS_PLANNED = Metric("plan_ingest", "ObjectsPlanned", "landed objects that were taken to be read")
CHUNKS_PLANNED = Metric("plan_ingest", "ChunksPlanned", "chunks that they are read in")
ROWS_READ = Metric("transform_features", "RowsRead", "rows that were read; a chunk that is tried again counts again")
ROWS_KEPT = Metric("transform_features", "RowsKept", "rows that broke no rule")
ROWS_QUARANTINED = Metric("transform_features", "RowsQuarantined", "rows that broke one")
SNAPSHOTS_CREATED = Metric("commit_snapshot", "SnapshotsCreated", "snapshots that were announced")
SNAPSHOT_ROWS = Metric("commit_snapshot", "SnapshotRows", "rows of each of them")
OBJECTS_REFUSED = Metric("refuse_object", "ObjectsRefused", "landed objects that were refused as a whole")
OBJECTS_UNSETTLED = Metric("find_unsettled", "ObjectsUnsettled", "objects whose ingest ended without an answer")
TRAININGS_DECIDED = Metric("decide_retraining", "TrainingsDecided", "decisions to train")
TRAINING_LIMIT_REACHED = Metric(
    "decide_retraining", "TrainingLimitReached", "times that training was due and the day's limit was in the way"
)
CANDIDATES_REGISTERED = Metric("register_candidate", "CandidatesRegistered", "models that passed all gates")
CANDIDATES_REJECTED = Metric("register_candidate", "CandidatesRejected", "models that failed one")
GOLDEN_REQUESTS_ASKED = Metric("check_golden_requests", "GoldenRequestsAsked", "golden requests put to a staged model")
GOLDEN_REQUESTS_FAILED = Metric("check_golden_requests", "GoldenRequestsFailed", "faults in its answers")
LIVE_MODELS_ASKED = Metric("check_live_models", "LiveModelsAsked", "models in production that new code could ask")
LIVE_MODELS_REFUSED = Metric("check_live_models", "LiveModelsRefused", "models that it could not")
REQUESTS_ANSWERED = Metric("predict", "RequestsAnswered", "requests that were answered with a prediction")
CANDIDATES_ANSWERED = Metric("predict", "CandidatesAnswered", "predictions in those answers")
CANDIDATES_DOUBTED = Metric("predict", "CandidatesDoubted", "those that say their confidence is low")
MODELS_ASKED = Metric("ask_model", "ModelsAsked", "questions that a model answered or refused, for nobody's app")
MODELS_FAILED = Metric("ask_model", "ModelsFailed", "those that it did not")
ENDPOINTS_CHANGED = Metric(
    "change_endpoints", "EndpointsChanged", "orders of rollouts that were written into the ledger, or read from it"
)
CAPTURES_LOST = Metric(
    "predict", "CapturesLost", "answers that were given and could not be kept, where functions answer by themselves"
)
OUTCOMES_TAKEN = Metric("record_outcome", "OutcomesTaken", "outcomes that were put on the bus")
ENDPOINTS_LOOKED_AT = Metric("describe_service", "EndpointsLookedAt", "times that SageMaker said how an endpoint is")
ENDPOINTS_UNKNOWN = Metric("describe_service", "EndpointsUnknown", "times that it did not say")
OUTCOMES_COMPARED = Metric(
    "judge_rollout", "OutcomesCompared", "outcomes that champion and challenger are compared on, at each look"
)
OUTCOMES_IN_LIVE_MEANS = Metric(
    "update_live_means", "OutcomesInLiveMeans", "outcomes that requests know of by the means of the last hours"
)
CHALLENGERS_PROMOTED = Metric("judge_rollout", "ChallengersPromoted", "stages that a challenger may leave for the next")
CHALLENGERS_REJECTED = Metric("judge_rollout", "ChallengersRejected", "challengers that must go")
PREDICTIONS_COMPACTED = Metric(
    "compact_observations", "PredictionsCompacted", "captured predictions that were written as Parquet, again or not"
)
OUTCOMES_COMPACTED = Metric("compact_observations", "OutcomesCompacted", "outcomes that were, again or not")
LINES_UNREADABLE = Metric("compact_observations", "LinesUnreadable", "lines of both that nobody could read")
TRAFFIC_GATHERED = Metric(
    "gather_traffic", "TrafficGathered", "predictions with their outcomes that were landed, again or not"
)
TRAFFIC_WITHOUT_OUTCOME = Metric("gather_traffic", "TrafficWithoutOutcome", "predictions of whose outcome nobody told")
TRAFFIC_CONTRADICTED = Metric("gather_traffic", "TrafficContradicted", "predictions with different outcomes")
TRAFFIC_LEFT_OUT = Metric(
    "gather_traffic",
    "TrafficLeftOut",
    "rows over the most that a day may have, and outcomes over what fits into memory",
)
CHAMPIONS_RESTORED = Metric(
    "tidy_rollouts", "ChampionsRestored", "times that production was half-way and is the champion's again"
)
LOOKS_PLANNED = Metric("plan_monitoring", "LooksPlanned", "times that the monitor looked at a model in production")
ANSWERS_MEASURED = Metric("measure_traffic", "AnswersMeasured", "answers of the champion in the monitor's window")
OUTCOMES_MEASURED = Metric("measure_traffic", "OutcomesMeasured", "those whose outcome is known")
MEAN_ABSOLUTE_ERROR = Metric("measure_traffic", "MeanAbsoluteError", "of the window, in the label's unit")
BIAS = Metric("measure_traffic", "Bias", "mean of answer less outcome, in the label's unit")
COVERAGE = Metric("measure_traffic", "Coverage", "share of outcomes within the interval")
MEAN_WIDTH = Metric("measure_traffic", "MeanWidth", "of the intervals, in the label's unit")
INTERVAL_STRETCH = Metric(
    "measure_traffic", "IntervalStretch", "how much farther from the median intervals end than they were trained to"
)
ERROR_RATIO = Metric("measure_traffic", "ErrorRatio", "the window's mean absolute error over the hold-out's")
ESTIMATED_ERROR_RATIO = Metric(
    "measure_traffic", "EstimatedErrorRatio", "the same, guessed from the width of intervals without any outcome"
)
ACCURACY_CHANGED = Metric("measure_traffic", "AccuracyChanged", "1 while errors are larger than the policy allows")
COVERAGE_CHANGED = Metric("measure_traffic", "CoverageChanged", "1 while intervals do not hold what they claim")
REQUESTS_CHANGED = Metric("measure_traffic", "RequestsChanged", "1 while days are unlike those of training")
QUALITY_CHANGED = Metric(
    "measure_traffic", "QualityChanged", "1 while features are missing that were there in training"
)
OUTCOMES_CHANGED = Metric("measure_traffic", "OutcomesChanged", "1 while outcomes do not come, or cannot be true")
PREDICTIONS_EXPLAINED = Metric("explain_prediction", "PredictionsExplained", "times that an operator was told why")
PREDICTIONS_NOT_FOUND = Metric(
    "explain_prediction", "PredictionsNotFound", "times that an operator asked about a prediction that was not found"
)
LEFTOVERS_REMOVED = Metric("tidy_rollouts", "LeftoversRemoved", "endpoints, configurations and models of past rollouts")

FINDINGS: Mapping[Kind, Metric] = {
    "accuracy": ACCURACY_CHANGED,
    "coverage": COVERAGE_CHANGED,
    "drift": REQUESTS_CHANGED,
    "quality": QUALITY_CHANGED,
    "outcomes": OUTCOMES_CHANGED,
}
"""By what the monitor asks: the metric of its answer."""

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order of the loop."""
