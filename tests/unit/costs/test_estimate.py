"""What a month costs, by hand and by rule."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.costs import Installation, PricesUnreadableError, Traffic, estimate_costs, read_prices

if TYPE_CHECKING:
    from noriba.costs import CostLine, Estimate

PRICES = read_prices()
INSTALLATIONS = st.builds(
    Installation,
    use_cases=st.lists(st.text(), min_size=1, max_size=20).map(tuple),
    production_instance=st.sampled_from(sorted(PRICES.instance_hour)),
    production_instances=st.integers(1, 50),
    serving=st.sampled_from(["endpoint", "function"]),
    rollout=st.sampled_from(["full", "canary", "direct"]),
    capture_percent=st.floats(0, 100),
    shadow_hours=st.floats(0, 336),
)
TRAFFIC = st.builds(
    Traffic, predictions=st.floats(1, 1e10), candidates=st.floats(1, 500), outcomes_share=st.floats(0, 1)
)


def find(estimate: Estimate, what: str) -> CostLine:
    return next(line for line in estimate.lines if line.what == what)


def test_a_small_deployment_costs_what_its_lines_say() -> None:
    found = estimate_costs(Installation(), Traffic(predictions=1_000_000, outcomes_share=0.5), PRICES)

    assert find(found, "production endpoints").month_usd == pytest.approx(0.115 * 730)
    # https://aws.amazon.com/lambda/pricing/: 1.73 GB of a cached snapshot, all the time.
    assert find(found, "cached snapshot of the predict function").month_usd == pytest.approx(6.83, abs=0.01)
    assert find(found, "API requests").month_usd == pytest.approx(1.5 * 3.5)
    # 30 ms of 1769 MB a million times, 20 ms of 512 MB half a million times, and their calls.
    seconds = 30_000 * 1769 / 1024 + 10_000 * 0.5
    assert find(found, "functions that answer").month_usd == pytest.approx(1.5 * 0.2 + seconds * 0.0000133334)
    # Two rollouts of three days and half an hour: a second fleet, a staging endpoint, metrics that are read.
    rollouts = 2 * (72.5 * 0.115 + 0.25 * 0.115 + 72.5 / 24 * 0.5)
    assert find(found, "rollouts").month_usd == pytest.approx(rollouts)


@given(INSTALLATIONS, TRAFFIC)
def test_the_month_is_the_sum_of_its_lines_the_dearest_first(installation: Installation, traffic: Traffic) -> None:
    found = estimate_costs(installation, traffic, PRICES)

    amounts = [line.month_usd for line in found.lines]
    assert amounts == sorted(amounts, reverse=True)
    assert min(amounts) >= 0
    assert found.month_usd == pytest.approx(sum(amounts))
    assert found.million_usd == pytest.approx(found.month_usd / traffic.predictions * 1e6)
    assert found.million_usd == pytest.approx((found.thousand_usd or 0) * 1000)


@given(INSTALLATIONS, TRAFFIC)
def test_twice_the_traffic_doubles_what_grows_with_it_and_nothing_else(
    installation: Installation, traffic: Traffic
) -> None:
    once = estimate_costs(installation, traffic, PRICES)
    more = traffic.model_copy(update={"predictions": 2 * traffic.predictions})
    twice = estimate_costs(installation, more, PRICES)

    for line in once.lines:
        assert find(twice, line.what).month_usd == pytest.approx(line.month_usd * (2 if line.by_use else 1))
    assert twice.further_million_usd == pytest.approx(once.further_million_usd)


def test_without_predictions_there_is_no_price_of_one() -> None:
    found = estimate_costs(Installation(), Traffic(predictions=0), PRICES)

    assert found.month_usd > 0
    assert (found.thousand_usd, found.million_usd, found.further_million_usd) == (None, None, None)


def test_what_is_no_instance_of_sagemaker_is_told_so() -> None:
    with pytest.raises(PricesUnreadableError, match=r"t2\.nano is no instance of SageMaker"):
        estimate_costs(Installation(staging_instance="t2.nano"), Traffic(), PRICES)


def test_a_price_below_nothing_is_refused(tmp_path: Path) -> None:
    own = resources.files("noriba.costs").joinpath("prices.toml").read_text(encoding="utf-8")
    table = tmp_path / "prices.toml"
    for price in ("0.115", "3.50"):
        table.write_text(own.replace(price, f"-{price}"), encoding="utf-8")
        with pytest.raises(PricesUnreadableError, match="greater than or equal to 0"):
            read_prices(table)


def test_an_instance_without_a_price_is_refused_with_the_remedy() -> None:
    with pytest.raises(PricesUnreadableError, match=r"no price of ml\.p4d\.24xlarge.*\[instance_hour\].*--prices"):
        estimate_costs(Installation(production_instance="ml.p4d.24xlarge"), Traffic(), PRICES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("as_of = ", "is not TOML"),
        ('region = "eu-west-1"', r"as_of: Field required.*price: Field required"),
        ("\xff", "is not TOML"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    table = tmp_path / "prices.toml"
    table.write_bytes(text.encode("latin-1"))

    with pytest.raises(PricesUnreadableError, match=why):
        read_prices(table)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PricesUnreadableError, match="No such file"):
        read_prices(tmp_path / "prices.toml")


def test_a_price_that_is_mistyped_is_named(tmp_path: Path) -> None:
    table = tmp_path / "prices.toml"
    lines = ['region = "x"', 'as_of = "2026-11"', 'source = "x"', "[instance_hour]", "[price]", "alarm_moth = 0.1"]
    table.write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(PricesUnreadableError, match=r"price\.alarm_moth: Extra inputs are not permitted"):
        read_prices(table)


@given(INSTALLATIONS, TRAFFIC)
def test_where_the_two_shapes_cross_they_cost_the_same_and_below_functions_cost_less(
    installation: Installation, traffic: Traffic
) -> None:
    crossing = estimate_costs(installation, traffic, PRICES).crossing

    def reckon(serving: str, predictions: float) -> float:
        shape = installation.model_copy(update={"serving": serving})
        asked = traffic.model_copy(update={"predictions": predictions})
        return estimate_costs(shape, asked, PRICES).month_usd

    # An instance that always runs is never the cheaper one while nobody asks.
    assert crossing is not None
    assert reckon("endpoint", crossing) == pytest.approx(reckon("function", crossing))
    assert reckon("endpoint", crossing / 2) > reckon("function", crossing / 2)
    assert reckon("endpoint", crossing * 2) < reckon("function", crossing * 2)


def test_functions_cost_what_sagemaker_does_for_nothing() -> None:
    found = estimate_costs(
        Installation(serving="function"), Traffic(predictions=1_000_000, rollouts=0, candidates=1), PRICES
    )

    assert not [line for line in found.lines if line.what == "production endpoints"]
    # A line of 1.7 KB counts as 5 KB on the stream; what is divided counts by what it holds, and a millisecond each.
    streamed = 5 * 0.029 + 1.7 * 0.020 + 1000 / 3600 * 0.07
    assert find(found, "captures on their way").month_usd == pytest.approx(streamed)
    assert find(found, "metrics of models").month_usd == pytest.approx(4 * 0.30)
    assert find(found, "copies for shadows").month_usd == 0


def test_the_manual_says_what_either_shape_costs() -> None:
    text = (Path(__file__).parents[3] / "docs/aws.md").read_text(encoding="utf-8")
    _, rows = text.split("| predictions a month | `endpoint` | `function` |\n|---|---|---|\n")
    *amounts, crossing = [line.strip("| ").split(" | ") for line in rows.split("\n\n")[0].splitlines()]

    for predictions, *told in amounts:
        traffic = Traffic(predictions=float(predictions.replace(",", "")))
        reckoned = [
            estimate_costs(Installation.model_validate({"serving": shape}), traffic, PRICES)
            for shape in ("endpoint", "function")
        ]
        assert told == [f"${found.month_usd:,.0f}" for found in reckoned]
    found = estimate_costs(Installation(), Traffic(), PRICES).crossing
    assert found is not None
    assert crossing[0] == f"{found / 1e6:,.0f},000,000"
