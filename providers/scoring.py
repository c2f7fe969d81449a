"""The one score that offers are ranked by (docs/protocols/README.md 1.5), for routes and suggested prices."""

from __future__ import annotations

UNKNOWN_QUALITY = 0.5
EVEN = 0.5  # price and quality weigh the same: the default, and what a suggested price is made with


def score(price: int, dearest: int, quality: float | None, weight: float) -> float:
    """(1−f)·price/max(price) + f·(1−quality) with f = `weight`; the lowest wins.

    Both amounts are in the same unit; `dearest` is at least 1.
    """
    known = UNKNOWN_QUALITY if quality is None else quality
    return (1 - weight) * price / dearest + weight * (1 - known)
