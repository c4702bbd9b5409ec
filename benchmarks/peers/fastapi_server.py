"""A minimal server: FastAPI over LightGBM's C interface. `uvicorn fastapi_server:app`; PEER_MODEL is the folder."""

from __future__ import annotations

import os
from pathlib import Path

from c_boosters import Boosters
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
boosters = Boosters(Path(os.environ["PEER_MODEL"]))


class Rows(BaseModel):
    """What the trees read."""

    rows: list[list[float]]


@app.post("/predict")  # type: ignore[untyped-decorator]  # no types of it here
async def predict(asked: Rows) -> dict[str, list[list[float]]]:
    """Three quantiles for each row."""
    return {"quantiles": boosters.predict(asked.rows).tolist()}
