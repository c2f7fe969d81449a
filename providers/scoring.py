"""The one score that offers are ranked by (docs/protocols/README.md 1.5), for routes and suggested prices."""

from __future__ import annotations

from math import sqrt

UNKNOWN_QUALITY = 0.5
EVEN = 0.5  # price and quality weigh the same: the default, and what a suggested price is made with

# A figure of fewer orders than this gives way to a wider one, and what the provider says of itself weighs as
# much as so many orders of ours.
SAMPLE_MIN = 20
PRIOR_ORDERS = 20
Z_95 = 1.96


def score(price: int, dearest: int, quality: float | None, weight: float) -> float:
    """(1−f)·price/max(price) + f·(1−quality) with f = `weight`; the lowest wins.

    Both amounts are in the same unit; `dearest` is at least 1.
    """
    known = UNKNOWN_QUALITY if quality is None else quality
    return (1 - weight) * price / dearest + weight * (1 - known)


def shrunk(codes: int, orders: int, declared: float | None) -> float:
    """The success rate of `orders`, drawn towards the provider's own figure while they are few. 0…1."""
    prior = UNKNOWN_QUALITY if declared is None else declared
    return (codes + PRIOR_ORDERS * prior) / (orders + PRIOR_ORDERS)


def wilson_low(codes: int, orders: int) -> float:
    """Lower end of the 95 % interval of a rate (Wilson). 0…1; `orders` is at least 1."""
    rate, spread = codes / orders, Z_95**2 / orders
    centre = rate + spread / 2
    return max((centre - Z_95 * sqrt((rate * (1 - rate) + spread / 4) / orders)) / (1 + spread), 0.0)
