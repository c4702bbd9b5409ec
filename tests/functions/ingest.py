"""The ingest as its state machine runs it, step by step, so that a test may put other steps in between."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet

from functions.commit_snapshot.handler import handler as commit_snapshot
from functions.plan_ingest.handler import handler as plan_ingest
from functions.refuse_object.handler import handler as refuse_object
from functions.transform_features.handler import handler as transform_features
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass
class Ingest:
    """One execution for one event."""

    event: dict[str, Any]
    execution: str
    context: LambdaContext
    planned: dict[str, Any] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """From the event to what the execution would announce; the outcome of the commit."""
        try:
            self.plan()
            if self.planned["claim"] != "claimed":
                return {"outcome": self.planned["claim"]}
            self.transform()
            return self.commit()
        except NoribaError as error:
            return self.refuse(error)

    def plan(self) -> dict[str, Any]:
        self.planned = plan_ingest({"execution": self.execution, "event": self.event}, self.context)
        return self.planned

    def transform(self) -> list[dict[str, int]]:
        """A chunk travels alone, without the others of the plan."""
        plan = self.planned["plan"] | {"chunks": []}
        tasks = [
            {"landed": self.planned["landed"], "plan": plan, "chunk": chunk} for chunk in self.planned["plan"]["chunks"]
        ]
        return [transform_features(task, self.context) for task in tasks]

    def commit(self) -> dict[str, Any]:
        task = {name: self.planned[name] for name in ("landed", "plan", "source")}
        committed: dict[str, Any] = commit_snapshot({"execution": self.execution, **task}, self.context)
        return committed

    def refuse(self, error: Exception) -> dict[str, Any]:
        """What the Catch does: record the refusal, then settle without a plan."""
        cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        failure = {"Error": type(error).__name__, "Cause": cause}
        refusal = refuse_object({"execution": self.execution, "event": self.event, "failure": failure}, self.context)
        settled = commit_snapshot({"execution": self.execution, "landed": refusal["landed"]}, self.context)
        return {**settled, "refused": refusal["refused"]}


NEAR_HARLEM = (41, 42, 75, 151, 152, 166, 236, 237, 238, 239)


def write_trips(month: str, *, rows: int = 40, broken: int = 0) -> bytes:
    """A small Parquet file as the TLC publishes it; `broken` of its trips end before they begin."""
    begin = datetime.fromisoformat(f"{month}-02T08:00:00")
    pickups = [begin + timedelta(minutes=17 * row) for row in range(rows)]
    dropoffs = [pickup + timedelta(minutes=-5 if row < broken else 12) for row, pickup in enumerate(pickups)]
    table = pa.table(
        {
            "VendorID": [2] * rows,
            "lpep_pickup_datetime": pa.array(pickups, pa.timestamp("us")),
            "lpep_dropoff_datetime": pa.array(dropoffs, pa.timestamp("us")),
            "PULocationID": [74] * rows,
            "DOLocationID": [NEAR_HARLEM[row % len(NEAR_HARLEM)] for row in range(rows)],
            "trip_distance": [2.5] * rows,
        }
    )
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink, row_group_size=16)
    return sink.getvalue()
