"""What a deployment costs a month, from list prices and an assumption about its traffic."""

from noriba.costs.estimate import CostLine, Estimate, Installation, Traffic, estimate_costs
from noriba.costs.prices import Prices, PricesUnreadableError, read_prices

__all__ = [
    "CostLine",
    "Estimate",
    "Installation",
    "Prices",
    "PricesUnreadableError",
    "Traffic",
    "estimate_costs",
    "read_prices",
]
