"""What a month costs by a file of settings."""

from __future__ import annotations

import pytest

from noriba.client.costs import NoSuchSettingError, Traffic, estimate_month
from noriba.usecase import list_use_cases


def test_settings_that_cost_something_are_taken_and_others_left() -> None:
    usual = estimate_month({}, Traffic())
    more = estimate_month({"production_instances": 3, "prefix": "trial", "log_retention": "ONE_WEEK"}, Traffic())

    assert usual.use_cases == tuple(list_use_cases())
    assert more.month_usd - usual.month_usd > 2 * 730 * 0.115 * len(usual.use_cases)


@pytest.mark.parametrize("name", ["production_instanc", "production_instnces", "rollot", "capture_dys"])
def test_a_setting_that_is_misspelt_is_not_passed_over(name: str) -> None:
    with pytest.raises(NoSuchSettingError, match=f"{name}: no such setting; did you mean"):
        estimate_month({name: 1}, Traffic())
