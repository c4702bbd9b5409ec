"""Why a prediction was made, asked with one's own permissions; its model is asked again on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.objects import ObjectStore
from noriba.aws.why import NoSuchPredictionError, Traces, explain_prediction, is_prediction_id
from noriba.client.bundles import BundleReasoner
from noriba.client.models import NoSuchModelError, find_model
from noriba.client.observations import compact_observations, open_tables

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.aws.registry import ModelPackage
    from noriba.client.session import Session
    from noriba.records.why import Why


def read_why(
    session: Session, prediction_id: str, *, since: datetime, until: datetime, contributions: bool = True
) -> Why:
    """Find a prediction among those captured in a time, and say why it was made.

    Args:
        session: of its use case.
        prediction_id: as the app was told.
        since: where to begin to look.
        until: where to end; what happened to it may have been told later.
        contributions: whether its model is asked again, which needs LightGBM.

    Raises:
        NoSuchPredictionError: it is not there, or this is no prediction's id.
        NoLightGbmError: contributions are wanted, and cannot be computed here.
        ForeignBundleError: a model's artifact is not what was registered.
        FunctionError, QueryError: see `read_accuracy`.
    """
    if not is_prediction_id(prediction_id):
        raise NoSuchPredictionError(
            f"{prediction_id[:80]!r} is no prediction's id; it stands in the answer, as prediction_id"
        )
    compact_observations(session, since=since)
    reasoner = BundleReasoner(session.use_case.policies.humility) if contributions else None
    return explain_prediction(_open_traces(session), prediction_id, since=since, until=until, reasoner=reasoner)


def _open_traces(session: Session) -> Traces:
    def find_package(version: int) -> ModelPackage | None:
        try:
            return find_model(session, version)
        except NoSuchModelError:
            return None

    return Traces(
        use_case=session.use_case,
        tables=open_tables(session),
        outcomes=ObjectStore(session.at("serving").s3, session.deployment.outcomes_bucket),
        s3=session.at("registry").s3,
        find_package=find_package,
    )
