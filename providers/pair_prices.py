"""What each service costs the tenant in each country: lowest, highest, suggested price, quality, numbers.

One reading of the offers serves one pair and the whole list, 100 000 offers without one model object: arrays
per service come out of PostgreSQL, and a pair that one offer makes is never looked at by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from billing.money import CENT, cents_up, round_up
from billing.prices import Rules
from providers.policy_sql import ALLOWED
from providers.registry import ADAPTERS
from providers.scoring import EVEN, score

# Country, lowest, highest and suggested price in cents, mean quality (0…1; None: not known), numbers.
Pair = tuple[str, int, int, int, float | None, int]

SELLERS = """
SELECT p.id, p.tenant_id IS NOT NULL, p.priority, coalesce(h.state, 'ok') <> 'ok', h.blocked_until,
    (SELECT max(r.spent_until) FROM providers_routingrule r
     WHERE r.tenant_id = %(tenant)s::bigint AND r.provider_id = p.id AND r.spent_until > %(now)s)
FROM providers_provider p
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled
  AND CASE WHEN %(is_test)s::boolean THEN p.serves_test ELSE p.serves_live END
  AND p.protocol = ANY (%(protocols)s::text[])
"""
OFFERS = f"""
SELECT o.service_id, array_agg(o.country_id), array_agg(o.provider_id), array_agg(o.cost_micros),
    array_agg(coalesce(o.physical_count, o.count)), array_agg(o.quality)
FROM providers_offer o
JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
WHERE o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
  AND 'sms' = ANY (o.capabilities) AND o.provider_id = ANY (%(sellers)s::bigint[]) AND {{narrowed}}
  AND {ALLOWED}
GROUP BY o.service_id
ORDER BY o.service_id
"""  # noqa: S608
EVERYTHING = OFFERS.format(narrowed="true")
ONE_PAIR = OFFERS.format(narrowed="o.service_id = %(service)s::text AND o.country_id = %(country)s::text")


class Seller(NamedTuple):
    """A provider that sells to the tenant now; `is_own`: the tenant's own account."""

    provider_id: int
    is_own: bool
    priority: int


class Sellers(NamedTuple):
    """Who sells to the tenant `at` a time, and when that next changes by the clock alone (a provider's rest
    ends, or a daily cap).
    """

    tenant_id: int
    at: datetime
    by_id: Mapping[int, Seller]
    changes_at: datetime | None


class Shelf(NamedTuple):
    """A service's offers, column by column: entry n of each column belongs to offer n. Micro-USD."""

    service_id: str
    countries: Sequence[str]
    providers: Sequence[int]
    costs: Sequence[int]
    stocks: Sequence[int]
    qualities: Sequence[float | None]


class Line(NamedTuple):
    """One offer of a pair; quality 0…1, None: not known."""

    price_cents: int
    quality: float | None
    stock: int


class Table:
    """Cost → tenant's price under one rule, worked out once per cost: exact, and in whole cents."""

    def __init__(self, rules: Rules, service_id: str, country_id: str) -> None:
        self._where = rules, service_id, country_id
        self._exact: dict[int, int] = {}
        self._cents: dict[int, int] = {}

    def exact(self, cost_micros: int) -> int:
        price = self._exact.get(cost_micros)
        if price is None:
            rules, service_id, country_id = self._where
            price = self._exact[cost_micros] = rules.tenant_price(cost_micros, service_id, country_id)
        return price

    def cents(self, costs_micros: Sequence[int]) -> list[int]:
        """All at once, for a column."""
        known = self._cents
        for cost in set(costs_micros) - known.keys():
            known[cost] = cents_up(self.exact(cost))
        return [known[cost] for cost in costs_micros]


class Pricing:
    """The tables of all rules in force for a tenant."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._names_country = any(rule.country_id for rule in rules.platform)
        self._tables: dict[int | None, Table] = {}

    def of_service(self, service_id: str) -> Table | None:
        """The table of a service, when it holds in every country."""
        return None if self._names_country else self.of_pair(service_id, "")

    def of_pair(self, service_id: str, country_id: str) -> Table:
        rule = self._rules.platform_rule(service_id, country_id)
        number = rule.number if rule else None
        table = self._tables.get(number)
        if table is None:
            table = self._tables[number] = Table(self._rules, service_id, country_id)
        return table


@dataclass(frozen=True, slots=True)
class Market:
    """Who sells to a tenant at which prices, as of one moment."""

    sellers: Mapping[int, Seller]
    pricing: Pricing

    def pairs(self, shelf: Shelf) -> Sequence[Pair]:
        """Each country of a shelf, in no order."""
        table = self.pricing.of_service(shelf.service_id)
        has_one_each = len(set(shelf.countries)) == len(shelf.countries)
        if table and has_one_each and not any(self.sellers[each].is_own for each in set(shelf.providers)):
            cents = table.cents(shelf.costs)
            return list(zip(shelf.countries, cents, cents, cents, shelf.qualities, shelf.stocks, strict=True))
        offers: dict[str, list[_Offer]] = defaultdict(list)
        for country, priced in zip(shelf.countries, self.offers(shelf), strict=True):
            offers[country].append(priced)
        return [_pair(country, lines) for country, lines in offers.items()]

    def offers(self, shelf: Shelf) -> Iterator[_Offer]:
        """Each offer of a shelf, in its order."""
        columns = shelf.countries, shelf.providers, shelf.costs, shelf.stocks, shelf.qualities
        for country, provider, cost, stock, quality in zip(*columns, strict=True):
            yield self._priced(shelf.service_id, country, provider, cost, stock, quality)

    def _priced(
        self, service: str, country: str, provider: int, cost: int, stock: int, quality: float | None
    ) -> _Offer:
        seller = self.sellers[provider]
        exact = self.pricing.of_pair(service, country).exact
        price = round_up(cost, CENT) if seller.is_own else exact(cost)
        return price, quality, seller.priority, cost, stock


_Offer = tuple[int, float | None, int, int, int]  # tenant's price, quality, priority, cost, stock


def _pair(country: str, offers: Sequence[_Offer]) -> Pair:
    prices = [offer[0] for offer in offers]
    dearest = max(prices) or 1
    best = min(offers, key=lambda one: (score(one[0], dearest, one[1], EVEN), one[2], one[3]))
    known = [(quality, stock) for _, quality, _, _, stock in offers if quality is not None]
    weight = sum(stock for _, stock in known)
    mean = sum(quality * stock for quality, stock in known) / weight if weight else None
    count = sum(offer[4] for offer in offers)
    return country, cents_up(min(prices)), cents_up(max(prices)), cents_up(best[0]), mean, count


def sellers_to(*, tenant_id: int, is_test: bool, now: datetime) -> Sellers:
    """Providers that are on and not resting, the tenant's own accounts among them."""
    params: dict[str, Any] = {"tenant": tenant_id, "is_test": is_test, "now": now}
    params["protocols"] = list(ADAPTERS)
    with connection.cursor() as cursor:
        cursor.execute(SELLERS, params)
        rows = cursor.fetchall()
    ready, ends = {}, []
    for provider_id, is_own, priority, rests, until, spent_until in rows:
        if spent_until is not None:
            ends.append(spent_until)
        elif not rests or (until is not None and until <= now):
            ready[provider_id] = Seller(provider_id, is_own, priority)
        elif until is not None:
            ends.append(until)
    return Sellers(tenant_id, now, ready, min(ends, default=None))


def shelves(sellers: Sellers) -> Iterator[Shelf]:
    """Everything that these sellers have in stock, by service. One query, in PostgreSQL's binary form."""
    yield from _shelves(EVERYTHING, sellers, {})


def price_of_pair(*, sellers: Sellers, rules: Rules, service_id: str, country_id: str) -> Pair | None:
    """One service in one country; None: nobody sells it there now."""
    market = Market(sellers.by_id, Pricing(rules))
    for shelf in _shelves(ONE_PAIR, sellers, {"service": service_id, "country": country_id}):
        return market.pairs(shelf)[0]
    return None


def offers_of_pair(*, sellers: Sellers, rules: Rules, service_id: str, country_id: str) -> list[Line]:
    """The same offer by offer, the cheapest first."""
    market = Market(sellers.by_id, Pricing(rules))
    lines = [
        Line(cents_up(price), quality, stock)
        for shelf in _shelves(ONE_PAIR, sellers, {"service": service_id, "country": country_id})
        for price, quality, _, _, stock in market.offers(shelf)
    ]
    return sorted(lines, key=lambda line: (line.price_cents, -(line.quality or 0), -line.stock))


def _shelves(query: str, sellers: Sellers, params: Mapping[str, Any]) -> Iterator[Shelf]:
    connection.ensure_connection()
    assert connection.connection is not None
    with connection.wrap_database_errors, connection.connection.cursor(binary=True) as cursor:
        # Row by row: a connection keeps a buffer as large as the largest answer that it took at once.
        asked = {"sellers": list(sellers.by_id), "tenant": sellers.tenant_id, "now": sellers.at}
        for row in cursor.stream(query, {**asked, **params}):
            yield Shelf._make(row)
