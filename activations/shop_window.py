"""What a customer pays for each offer by the price rules: the prices that his dialect's lists show."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from accounts.identity import Buyer
from billing.money import CENT, round_up
from billing.prices import load_rules
from providers.price_list import tiers_on_sale


class Price(NamedTuple):
    """A price (micro-USD, a multiple of the channel's step) and what is in stock at it."""

    service_id: str
    country_id: str
    provider_no: int
    operator: str
    price_micros: int
    stock: int
    physical: int


def customer_prices(
    buyer: Buyer,
    *,
    service_id: str | None = None,
    country_id: str | None = None,
    step_micros: int = CENT,
    now: datetime,
) -> list[Price]:
    """Everything that the buyer could order now, by country and service, the cheapest first."""
    rules = load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now)
    known: dict[tuple[str, str, bool, int], int] = {}
    found = []
    for tier in tiers_on_sale(
        tenant_id=buyer.tenant_id,
        is_test=buyer.is_test,
        service_id=service_id,
        country_id=country_id,
        now=now,
    ):
        key = tier.service_id, tier.country_id, tier.is_own, tier.cost_micros
        price = known.get(key)
        if price is None:
            where = tier.service_id, tier.country_id
            cost = tier.cost_micros
            own = round_up(cost, CENT) if tier.is_own else rules.tenant_price(cost, *where)
            price = known[key] = round_up(rules.customer_price(own, *where), step_micros)
        found.append(
            Price(
                tier.service_id,
                tier.country_id,
                tier.provider_no,
                tier.operator,
                price,
                tier.stock,
                tier.physical,
            )
        )
    return found
