"""What is known of the streets by the rides that have just ended: how slow the whole city is.

By origin or destination it says nothing more, and over days it acts as a date (docs/adr/0057).
"""

from noriba.usecase import LiveMean, LiveSpec

LIVE = LiveSpec(
    means=(
        LiveMean("live_city_20_min", half_life_s=1_200.0),
        LiveMean("live_city_1_h", half_life_s=3_600.0),
        LiveMean("live_city_6_h", half_life_s=21_600.0),
    ),
    known_after="duration_s",
    # Apps report as a ride ends; Firehose hands on what it hears within a minute, and requests know it seconds later.
    delay_s=120.0,
    hidden_share=0.1,
)
