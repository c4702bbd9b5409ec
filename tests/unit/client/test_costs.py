"""What a month costs by a file of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noriba.client.costs import NoSuchSettingError, NoTopologyError, Traffic, count_accounts, estimate_month
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_that_cost_something_are_taken_and_others_left() -> None:
    usual = estimate_month({}, Traffic())
    more = estimate_month({"production_instances": 3, "prefix": "trial", "log_retention": "ONE_WEEK"}, Traffic())

    assert usual.use_cases == tuple(list_use_cases())
    assert more.month_usd - usual.month_usd > 2 * 730 * 0.115 * len(usual.use_cases)


@pytest.mark.parametrize("name", ["production_instanc", "production_instnces", "rollot", "capture_dys"])
def test_a_setting_that_is_misspelt_is_not_passed_over(name: str) -> None:
    with pytest.raises(NoSuchSettingError, match=f"{name}: no such setting; did you mean"):
        estimate_month({name: 1}, Traffic())


def test_an_organisation_has_as_many_accounts_as_its_parts_stand_in(tmp_path: Path) -> None:
    """That of the trail's logs has none of the loop."""
    file = tmp_path / "enterprise.toml"
    file.write_text('[parts]\ndata = "a"\ntraining = "b"\nserving = "c"\nrollout = "c"\ntrail_logs = "d"\n')

    spread, usual = estimate_month({}, Traffic(), accounts=count_accounts(file)), estimate_month({}, Traffic())

    each = 2 * len(usual.use_cases)
    assert spread.month_usd - usual.month_usd == pytest.approx(2 * 1.0 + (2 + 2 + each) * 0.10)


@pytest.mark.parametrize("content", [None, "parts", "[accounts]"])
def test_a_file_that_places_nothing_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "enterprise.toml"
    if content is not None:
        file.write_text(content)

    with pytest.raises(NoTopologyError, match=r"enterprise\.toml is no topology; topology\.example\.toml shows one"):
        count_accounts(file)
