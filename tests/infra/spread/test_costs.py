"""What `noriba cost --topology` reckons with is what the templates of several accounts make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.application import ROOT
from noriba.client.costs import count_accounts
from noriba.costs import estimate as costs

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


def test_each_account_has_a_key_and_an_alarm_and_some_watch_what_is_brought_between_them(
    assembly: Assembly, spread: Assembly
) -> None:
    """These tests deploy one use case."""
    accounts = count_accounts(ROOT / "topology.example.toml")
    alarms = [len(found.find("AWS::CloudWatch::Alarm")) for found in (assembly, spread)]

    assert len(spread.find("AWS::KMS::Key")) == accounts == 5
    between = costs.ALARMS_BETWEEN + costs.ALARMS_BETWEEN_EACH
    assert alarms[1] - alarms[0] == (accounts - 1) * costs.ALARMS_ACCOUNT + between
