"""What a customer pays for each offer by the price rules: the prices that his dialect's lists show."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

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
    *,
    tenant_id: int,
    is_test: bool,
    group: str = "",
    service_id: str | None = None,
    country_id: str | None = None,
    step_micros: int = CENT,
    now: datetime,
) -> list[Price]:
    """Everything that a customer of this group could order now, by country, service and cost."""
    rules = load_rules(tenant_id=tenant_id, group=group, now=now)
    # What no rule asks for makes no difference: a hundred thousand lines have some hundreds of prices.
    every = (*rules.platform, *rules.tenant)
    by_service, by_country = any(one.service_id for one in every), any(one.country_id for one in every)
    known: dict[tuple[str, str, bool, int], int] = {}
    found = []
    for tier in tiers_on_sale(
        tenant_id=tenant_id,
        is_test=is_test,
        service_id=service_id,
        country_id=country_id,
        now=now,
    ):
        service, country, number, is_own, operator, cost, stock, physical = tier
        key = service if by_service else "", country if by_country else "", is_own, cost
        price = known.get(key)
        if price is None:
            where = service, country
            own = round_up(cost, CENT) if is_own else rules.tenant_price(cost, *where)
            price = known[key] = round_up(rules.customer_price(own, *where), step_micros)
        found.append(Price(service, country, number, operator, price, stock, physical))
    return found
