"""Which offers fit a wish, in which order, and the account of it that is kept with the order."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billing.money import CENT, round_up
from billing.prices import Rules
from providers.registry import ADAPTERS
from providers.routing_facts import RouteWish, Sample, Stance
from providers.routing_sql import OfferRow, Shelf
from providers.scoring import EVEN, SAMPLE_MIN, score, shrunk

DEGRADED = "degraded"
OTHERS_MAX = 8
COSTS = range(10**15)  # micro-USD, beyond all that is sold

Rejected = Counter[tuple[int, str]]
"""Provider's number and why → how many of its offers."""


@dataclass(slots=True, eq=False)
class Priced:
    """An offer that fits, with its price to the tenant (micro-USD) and what it is scored by."""

    row: OfferRow
    price_micros: int
    quality: float | None
    sample: Sample | None
    boost: float
    score: float = 0.0


def fitting(shelf: Shelf, wish: RouteWish, rules: Rules, rejected: Rejected) -> list[Priced]:
    """The offers that could be bought, however dear they are; the others are counted with the reason."""
    found = []
    for row in shelf.offers:
        sample, stance = shelf.measured.of(row.provider_id, row.operator), shelf.policy.of(row.provider_id)
        known = "" if row.protocol in ADAPTERS else "unknown_protocol"
        reason = row.why or known or _dislike(stance, sample)
        price = 0 if reason else tenant_price(row, wish, rules)
        if not reason and wish.min_price_micros is not None and price < wish.min_price_micros:
            reason = "too_cheap"
        if reason:
            rejected[row.provider_no, reason] += row.lines if row.why else 1
        else:
            quality = shrunk(sample.codes, sample.orders, row.quality) if sample else row.quality
            found.append(Priced(row, price, quality, sample, stance.boost))
    return found


def _dislike(stance: Stance, sample: Sample | None) -> str:
    """Why the tenant's policy leaves a route out, or an empty text."""
    if stance.is_denied:
        return "denied"
    if stance.is_spent:
        return "spent"
    if stance.min_success is not None and sample and sample.orders >= SAMPLE_MIN:
        return "unreliable" if sample.success < stance.min_success else ""
    return ""


def tenant_price(row: OfferRow, wish: RouteWish, rules: Rules) -> int:
    """By the platform's rules; for the tenant's own account what it costs him, rounded up to a cent."""
    if row.is_own:
        return round_up(row.cost_micros, CENT) * row.units
    return rules.tenant_price(row.cost_micros, wish.service_id, wish.country_id) * row.units


def cost_floors(wish: RouteWish, rules: Rules) -> tuple[int, int]:
    """The lowest cost whose `tenant_price` is not below the wish's lowest price: of the shared pool's lines,
    and of the tenant's own. Prices never fall while costs rise.
    """
    least = wish.min_price_micros
    if least is None:
        return 0, 0
    pool = bisect_left(
        COSTS, least, key=lambda cost: rules.tenant_price(cost, wish.service_id, wish.country_id)
    )
    return pool, bisect_left(COSTS, least, key=lambda cost: round_up(cost, CENT))


def ranked(offers: Sequence[Priced], weight: float) -> list[Priced]:
    """Lowest score first: (1−f)·price/max(price) + f·(1−quality) less the tenant's boost; ties by priority,
    then cost.
    """
    dearest = max(one.price_micros for one in offers) or 1
    for one in offers:
        one.score = score(one.price_micros, dearest, one.quality, weight) - one.boost
    return sorted(
        offers, key=lambda one: (one.score, one.row.priority, one.row.cost_micros, one.row.offer_id)
    )


def decision(
    weight: float, offers: Sequence[Priced], chosen: Sequence[Priced], rejected: Rejected
) -> dict[str, Any]:
    """The account that is kept: small JSON. `ranked`: the candidates as `_line` has them; `others`: those of
    the rest that another weight would have put first, so that the choice can be made again later (at most
    eight); `dearest`: what prices were scored against; `rejected`: provider number, reason, count of offers.
    """
    account: dict[str, Any] = {
        "weight": weight,
        "fitting": len(offers),
        "dearest": max(one.price_micros for one in offers),
        "ranked": [_line(one) for one in chosen],
        "rejected": [[number, reason, count] for (number, reason), count in rejected.items()],
    }
    if len(offers) > len(chosen):
        account["others"] = [_line(one) for one in _front(offers) if one not in chosen][:OTHERS_MAX]
    return account


def _line(one: Priced) -> list[object]:
    """Offer, provider number, tenant price, score, cost, quality it was scored with (None: unknown), the
    number of our own orders that this quality rests on, boost.
    """
    row = one.row
    quality = None if one.quality is None else round(one.quality, 3)
    orders = one.sample.orders if one.sample else 0
    return [
        row.offer_id,
        row.provider_no,
        one.price_micros,
        round(one.score, 4),
        row.cost_micros * row.units,
        quality,
        orders,
        one.boost,
    ]


def _front(offers: Sequence[Priced]) -> list[Priced]:
    """The offers that no other one beats in price, quality and boost alike, the cheapest first."""
    front: list[Priced] = []
    for one in sorted(offers, key=lambda one: (one.price_micros, -_known(one), -one.boost, one.row.priority)):
        if not any(_known(other) >= _known(one) and other.boost >= one.boost for other in front):
            front.append(one)
    return front


def _known(one: Priced) -> float:
    return EVEN if one.quality is None else one.quality
