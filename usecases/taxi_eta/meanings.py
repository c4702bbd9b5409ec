"""The features in words, for people who ask why."""

from noriba.features.words import Vocabulary
from noriba.usecase import Meaning

DAYS = Vocabulary(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
WORKING_OR_NOT = Vocabulary(("a working day", "the weekend"))
HOLIDAYS = Vocabulary(("a day like others", "the eve of a holiday", "a holiday", "the day after a holiday"))
HOURS = Vocabulary(
    tuple(f"{hour}:00 to {hour + 1}:00 on {part}" for part in ("a weekday", "the weekend") for hour in range(24))
)

MEANINGS = {
    "haversine_m": Meaning("the straight-line distance", "m"),
    "north_m": Meaning("the way to the north", "m"),
    "east_m": Meaning("the way to the east", "m"),
    "manhattan_m": Meaning("the distance along a street grid", "m"),
    "bearing_degrees": Meaning("the direction of travel", "degrees from north"),
    "origin_lat": Meaning("the latitude of the origin", "degrees"),
    "origin_lon": Meaning("the longitude of the origin", "degrees"),
    "destination_lat": Meaning("the latitude of the destination", "degrees"),
    "destination_lon": Meaning("the longitude of the destination", "degrees"),
    "middle_lat": Meaning("the latitude halfway", "degrees"),
    "middle_lon": Meaning("the longitude halfway", "degrees"),
    "origin_area": Meaning("the area of the origin"),
    "destination_area": Meaning("the area of the destination"),
    "hour_of_day": Meaning("the time of day", "h"),
    "hour_sine": Meaning("the sine of the time of day"),
    "hour_cosine": Meaning("the cosine of the time of day"),
    "day_of_week": Meaning("the day of the week", vocabulary=DAYS),
    "hour_of_week": Meaning("the time of the week", "h since Monday"),
    "is_weekend": Meaning("the part of the week", vocabulary=WORKING_OR_NOT),
    "traffic_hour": Meaning("the hour", vocabulary=HOURS),
    "holiday": Meaning("the calendar", vocabulary=HOLIDAYS),
    "city_pace_20_min": Meaning("the pace of the city at this moment", "s/m"),
    "city_pace_1_h": Meaning("the pace of the city in the last hour", "s/m"),
    "city_pace_6_h": Meaning("the pace of the city in the last hours", "s/m"),
    "rain": Meaning("the rain", "mm an hour"),
}
