"""A deployment from a program: what the command, notebooks, tests and consoles stand on.

    session = Session("noriba", "taxi_eta")
    landing = land_files(session, [Path("trips.parquet")])
    snapshot = wait_for_snapshot(session, landing)
    candidate = wait_for_candidate(session, wait_for_decision(session, snapshot.snapshot_id))
    wait_for_rollout(session, approve_model(session, candidate, note="better at night"))
    answer = ApiClient.of(session).predict(session.use_case_name, session.use_case.golden_requests[0])

Whatever is read comes as a frozen, typed record; whatever takes long can be watched (`Progress`) and has a limit.
Failures are `noriba.errors.NoribaError`, and what AWS refuses is raised as it comes, unless `translate_failures` is
entered. Where it goes is said by the environment, as for any AWS program.
"""

from noriba.aws.failures import AwsRefusedError, NoCloudError, translate_failures
from noriba.aws.registry import ModelPackage
from noriba.aws.why import NoSuchPredictionError
from noriba.client.accuracy import AccuracyReport, read_accuracy
from noriba.client.audit import Audit, AuditEntry, audit_model
from noriba.client.beginning import BegunRollout
from noriba.client.bundles import ForeignBundleError, NoLightGbmError
from noriba.client.drift import DriftReport, FeatureDrift, NoProfileError, read_drift
from noriba.client.erasing import ErasureSummary, commit_erasure, plan_erasure
from noriba.client.experiment_report import (
    ExperimentReport,
    MetricEffect,
    SplitReport,
    draw_experiment,
    read_experiment,
)
from noriba.client.experiments import NoExperimentError, start_experiment, stop_experiment
from noriba.client.gathering import gather_traffic
from noriba.client.interventions import (
    RolloutCompletedError,
    abort_rollout,
    pause_rollout,
    promote_challenger,
)
from noriba.client.landing import Landing, explain_rejection, land_files, wait_for_objects, wait_for_snapshot
from noriba.client.logs import Log, LogLine, NoSuchLogError, find_log, list_logs, read_log
from noriba.client.models import (
    Model,
    ModelDetails,
    NoSuchModelError,
    NotApprovedError,
    find_candidate,
    find_model,
    list_models,
    read_model,
    reject_model,
    request_training,
)
from noriba.client.monitoring import NoReportError, read_monitoring_report, run_monitor
from noriba.client.predictions import ApiClient, ApiError, Prediction
from noriba.client.progress import NO_PROGRESS, Progress
from noriba.client.retraining import Retraining, list_retrainings
from noriba.client.rollout_history import NoRolloutError, Rollout, UnderWayError, list_rollouts
from noriba.client.rollout_status import RolloutStatus, read_looks, read_rollout_status
from noriba.client.rollouts import (
    approve_model,
    describe_approval,
    follow_rollout,
    roll_back,
    wait_for_rollout,
)
from noriba.client.session import Session
from noriba.client.snapshots import (
    NoSuchSnapshotError,
    SnapshotSummary,
    list_refused,
    list_snapshots,
    read_snapshot,
    summarise_snapshot,
)
from noriba.client.status import AccountStatus, DeploymentStatus, read_status
from noriba.client.training import wait_for_answer, wait_for_candidate, wait_for_decision
from noriba.client.waiting import StepFailedError
from noriba.client.watching import Watcher
from noriba.client.why import read_why
from noriba.monitoring.accuracy import VariantAccuracy
from noriba.records.approvals import APPROVED, PENDING_APPROVAL, REJECTED
from noriba.records.monitoring import Finding, MonitoringReport, PartNumbers
from noriba.records.traffic import GatheredDay
from noriba.records.why import Answered, Effect, Origin, VersionAnswer, Why

__all__ = [
    "APPROVED",
    "NO_PROGRESS",
    "PENDING_APPROVAL",
    "REJECTED",
    "AccountStatus",
    "AccuracyReport",
    "Answered",
    "ApiClient",
    "ApiError",
    "Audit",
    "AuditEntry",
    "AwsRefusedError",
    "BegunRollout",
    "DeploymentStatus",
    "DriftReport",
    "Effect",
    "ErasureSummary",
    "ExperimentReport",
    "FeatureDrift",
    "Finding",
    "ForeignBundleError",
    "GatheredDay",
    "Landing",
    "Log",
    "LogLine",
    "MetricEffect",
    "Model",
    "ModelDetails",
    "ModelPackage",
    "MonitoringReport",
    "NoCloudError",
    "NoExperimentError",
    "NoLightGbmError",
    "NoProfileError",
    "NoReportError",
    "NoRolloutError",
    "NoSuchLogError",
    "NoSuchModelError",
    "NoSuchPredictionError",
    "NoSuchSnapshotError",
    "NotApprovedError",
    "Origin",
    "PartNumbers",
    "Prediction",
    "Progress",
    "Retraining",
    "Rollout",
    "RolloutCompletedError",
    "RolloutStatus",
    "Session",
    "SnapshotSummary",
    "SplitReport",
    "StepFailedError",
    "UnderWayError",
    "VariantAccuracy",
    "VersionAnswer",
    "Watcher",
    "Why",
    "abort_rollout",
    "approve_model",
    "audit_model",
    "commit_erasure",
    "describe_approval",
    "draw_experiment",
    "explain_rejection",
    "find_candidate",
    "find_log",
    "find_model",
    "follow_rollout",
    "gather_traffic",
    "land_files",
    "list_logs",
    "list_models",
    "list_refused",
    "list_retrainings",
    "list_rollouts",
    "list_snapshots",
    "pause_rollout",
    "plan_erasure",
    "promote_challenger",
    "read_accuracy",
    "read_drift",
    "read_experiment",
    "read_log",
    "read_looks",
    "read_model",
    "read_monitoring_report",
    "read_rollout_status",
    "read_snapshot",
    "read_status",
    "read_why",
    "reject_model",
    "request_training",
    "roll_back",
    "run_monitor",
    "start_experiment",
    "stop_experiment",
    "summarise_snapshot",
    "translate_failures",
    "wait_for_answer",
    "wait_for_candidate",
    "wait_for_decision",
    "wait_for_objects",
    "wait_for_rollout",
    "wait_for_snapshot",
]
