"""How much energy a ride on a shared electric scooter will use: a small use case, with words and without places."""

from noriba.usecase import AnswerSpec, DataSpec, EncoderSpec, Meaning, ModelSpec, PaceSpec, UseCase
from usecases.scooter_energy.features import FEATURES
from usecases.scooter_energy.policy import POLICIES
from usecases.scooter_energy.rules import MOST_KWH, RULES
from usecases.scooter_energy.schema import ScooterEnergyRequest
from usecases.scooter_energy.slices import SLICES
from usecases.scooter_energy.words import MODES, SCOOTERS, SURFACES

USE_CASE = UseCase(
    name="scooter_energy",
    title="Energy of a scooter ride",
    request=ScooterEnergyRequest,
    features=FEATURES,
    data=DataSpec(
        event_time="started_at_s", label="energy_kwh", rules=RULES, slices=SLICES, label_range=(0.0, MOST_KWH)
    ),
    model=ModelSpec(
        baseline_keys=("scooter_number",),
        encoders=(EncoderSpec("typical_scooter_on_surface", keys=("scooter_number", "surface_number"), prior_rows=20),),
        pace=PaceSpec(length="planned_km", offset=0.1),
    ),
    # A tenth of a watt-hour.
    answer=AnswerSpec(value="energy_kwh", low="energy_low_kwh", high="energy_high_kwh", unit="kWh", decimals=4),
    policies=POLICIES,
    golden_requests=(
        {
            "scooter": "city",
            "surface": "asphalt",
            "mode": "normal",
            "distance_km": 3.2,
            "rider_kg": 74.0,
            "temperature_c": 18.0,
            "started_at": "2026-05-04T08:15:00+02:00",
        },
        {
            "scooter": "tourer",
            "surface": "cobbles",
            "mode": "sport",
            "distance_km": 9.5,
            "started_at": "2026-01-20T19:00:00+01:00",
        },
        {
            "scooter": "light",
            "surface": "asphalt",
            "mode": "eco",
            "distance_km": 0.3,
            "started_at": "2026-07-01T12:00:00Z",
        },
    ),
    meanings={
        "planned_km": Meaning("the planned distance", "km"),
        "scooter_number": Meaning("the scooter", vocabulary=SCOOTERS),
        "surface_number": Meaning("the surface", vocabulary=SURFACES),
        "mode_number": Meaning("the mode", vocabulary=MODES),
        "load_kg": Meaning("the load", "kg"),
        "cold_degrees": Meaning("the cold", "°C below 20 °C"),
    },
)
