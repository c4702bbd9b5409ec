"""Taxi arrival time: from where the cars are to where the passenger goes, how long?

What a second use case would copy: the contracts (`schema`), the features, the quality rules, the policy, the slices,
the sources of raw data and the simulator, put together below.
"""

from noriba.usecase import AnswerSpec, BusinessMetric, DataSpec, EncoderSpec, ModelSpec, PaceSpec, UseCase
from usecases.taxi_eta.features import FEATURES
from usecases.taxi_eta.golden import GOLDEN_REQUESTS
from usecases.taxi_eta.live import LIVE
from usecases.taxi_eta.meanings import MEANINGS
from usecases.taxi_eta.policy import POLICIES
from usecases.taxi_eta.rules import LONGEST_S, RULES, SHORTEST_S
from usecases.taxi_eta.schema import TaxiEtaRequest
from usecases.taxi_eta.slices import SLICES

USE_CASE = UseCase(
    name="taxi_eta",
    title="Taxi arrival time",
    request=TaxiEtaRequest,
    features=FEATURES,
    data=DataSpec(
        event_time="pickup_at_s",
        label="duration_s",
        rules=RULES,
        slices=SLICES,
        label_range=(SHORTEST_S, LONGEST_S),
    ),
    model=ModelSpec(
        baseline_keys=("traffic_hour",),
        encoders=(
            EncoderSpec("typical_from_by_hour", keys=("origin_area", "traffic_hour"), prior_rows=30.0),
            EncoderSpec("typical_to_by_hour", keys=("destination_area", "traffic_hour"), prior_rows=30.0),
            EncoderSpec("typical_pair", keys=("origin_area", "destination_area"), prior_rows=10.0),
            EncoderSpec(
                "typical_pair_by_hour",
                keys=("origin_area", "destination_area", "traffic_hour"),
                prior_rows=5.0,
                parent="typical_pair",
            ),
        ),
        pace=PaceSpec(length="haversine_m", offset=500.0),
    ),
    # A tenth of a second is more than anyone can use of an arrival time.
    answer=AnswerSpec(value="eta_s", low="eta_low_s", high="eta_high_s", unit="s", decimals=1),
    policies=POLICIES,
    golden_requests=GOLDEN_REQUESTS,
    metrics=(
        BusinessMetric("cancelled", "the passenger cancelled before the car came", better="less"),
        BusinessMetric("dispatched", "a car was sent", better="more"),
    ),
    meanings=MEANINGS,
    live=LIVE,
)
