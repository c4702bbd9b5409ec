"""How properties are tested: with the same examples each run; `--hypothesis-profile explore` looks for more."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A machine shared with others is slow now and then; that is no property of the code.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("noriba", _CALM, derandomize=True)
settings.register_profile("explore", _CALM, max_examples=2_000)
settings.load_profile("noriba")
