"""The same API as people would write it: Powertools' resolver and validation, pandas' features, LightGBM's boosters.

It predicts by itself, in the function. PLAIN_MODEL is where the boosters' texts are: `s3://bucket/prefix`.
"""

from __future__ import annotations

import json
import os
import uuid
from functools import cache
from typing import Any

import boto3
import lightgbm
import numpy as np
import pandas as pd
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import AwareDatetime, BaseModel, Field

from benchmarks.pandas_features import compute

logger = Logger()
metrics = Metrics()
s3 = boto3.client("s3")
app = APIGatewayRestResolver(enable_validation=True)


class Place(BaseModel):
    """In degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Candidate(BaseModel):
    """A car that might come."""

    candidate_id: str
    origin: Place


class Request(BaseModel):
    """What an app asks."""

    origin: Place | None = None
    candidates: list[Candidate] = Field(default=[], max_length=500)
    destination: Place
    pickup_at: AwareDatetime
    rain_mm_per_h: float | None = Field(default=None, ge=0)


class Prediction(BaseModel):
    """Of one candidate."""

    candidate_id: str | None = None
    eta_low_s: float
    eta_s: float
    eta_high_s: float


class Answer(BaseModel):
    """What an app is told."""

    prediction_id: str
    predictions: list[Prediction]


@cache
def read_boosters() -> tuple[list[str], list[Any]]:
    """Names of the columns that the boosters read, and the boosters."""
    bucket, _, prefix = os.environ["PLAIN_MODEL"].removeprefix("s3://").partition("/")

    def read(name: str) -> str:
        body: bytes = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
        return body.decode()

    boosters = [lightgbm.Booster(model_str=read(f"quantile_{place}.txt")) for place in range(3)]
    return json.loads(read("names.json")), boosters


@app.post("/v1/taxi_eta/predictions")
def predict(request: Request) -> Answer:
    """Three quantiles for each candidate."""
    cars = request.candidates or [Candidate(candidate_id="", origin=request.origin)]
    trips = pd.DataFrame(
        {
            "origin_latitude": [car.origin.latitude for car in cars],
            "origin_longitude": [car.origin.longitude for car in cars],
            "destination_latitude": request.destination.latitude,
            "destination_longitude": request.destination.longitude,
            "pickup_at": pd.Timestamp(request.pickup_at).tz_convert("UTC"),
            "rain_mm_per_h": np.nan if request.rain_mm_per_h is None else request.rain_mm_per_h,
        }
    )
    names, boosters = read_boosters()
    features = compute(trips)[names].astype(float)
    found = np.exp(np.sort([booster.predict(features, num_threads=1) for booster in boosters], axis=0)).round(1)
    prediction_id = str(uuid.uuid4())
    logger.info("predicted", extra={"prediction_id": prediction_id, "candidates": len(cars)})
    metrics.add_metric(name="RequestsAnswered", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="CandidatesAnswered", unit=MetricUnit.Count, value=len(cars))
    predictions = [
        Prediction(candidate_id=car.candidate_id or None, eta_low_s=low, eta_s=middle, eta_high_s=high)
        for car, low, middle, high in zip(cars, *found.tolist(), strict=True)
    ]
    return Answer(prediction_id=prediction_id, predictions=predictions)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What Lambda calls."""
    return app.resolve(event, context)
