"""The parts of the loop, each in the account that it belongs to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Parts(BaseModel):
    """Part → name of its account, each required: what is not said would land somewhere by accident."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="raw files, snapshots, quarantine, INGEST, the ledger")
    observations: str = Field(description="tables of what production was asked and what really happened")
    training: str = Field(description="TRAIN and its jobs")
    events: str = Field(description="the bus that all accounts tell")
    registry: str = Field(description="model packages and bundles; approval")
    staging: str = Field(description="endpoints that golden requests are asked of")
    serving: str = Field(description="the API and the production endpoint")
    rollout: str = Field(description="ROLLOUT, captures, the judge")
    monitoring: str = Field(description="MONITOR, dashboards, alarms")
    operators: str = Field(description="the operators' API")
    trail_logs: str = Field(description="the locked bucket of the organisation's trail")


PARTS = tuple(Parts.model_fields)
OF_THE_LOOP = tuple(part for part in PARTS if part != "trail_logs")
"""All but where the organisation's trail is kept: nobody works there."""
