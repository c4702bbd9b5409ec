"""The words of this use case, for requests, files and the simulator alike."""

from noriba.features.words import Vocabulary

SCOOTERS = Vocabulary(("light", "city", "tourer"))
SURFACES = Vocabulary(("asphalt", "gravel", "cobbles"))
MODES = Vocabulary(("eco", "normal", "sport"))

MOST_KM = 60.0
"""No battery lasts longer."""
RIDER_KG = (30.0, 160.0)
TEMPERATURE_C = (-30.0, 50.0)
