"""The price lists of P2 and P3 as JSON text, put together from fragments (docs/protocols/retail.md 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache

import orjson
from django.db import connection

from api.publishing import Draft, Tenant
from billing.prices import load_rules
from providers.pair_prices import Market, Pair, Pricing, sellers_to, shelves

BY_COUNTRY, BY_SERVICE = "prices/countries", "prices/services"
KIND = """
SELECT live_tenant_id IS NOT NULL,
    (SELECT min(edge) FROM billing_pricerule r, unnest(ARRAY[r.valid_from, r.valid_until]) AS edge
     WHERE edge > %(now)s AND (r.tenant_id = %(tenant)s OR r.tenant_id IS NULL))
FROM accounts_tenant WHERE id = %(tenant)s
"""


def write_prices(tenant_id: Tenant, now: datetime) -> Draft:
    """Both lists of a tenant. By the clock they change when a rule begins or ends, or a provider's rest."""
    assert tenant_id is not None
    with connection.cursor() as cursor:
        cursor.execute(KIND, {"tenant": tenant_id, "now": now})
        is_test, rules_change_at = cursor.fetchone()
    sellers = sellers_to(tenant_id=tenant_id, is_test=is_test, now=now)
    market = Market(sellers.by_id, Pricing(load_rules(tenant_id=tenant_id, now=now)))
    services: list[tuple[str, bytes]] = []
    countries: defaultdict[str, list[str]] = defaultdict(list)
    words = Words()
    for shelf in shelves(sellers):
        here = f'{{"service_id":{quoted(shelf.service_id)},'
        entries = []
        for pair in market.pairs(shelf):
            country, text = pair[0], words.of(pair)
            entries.append(f'{{"country_id":{quoted(country)},{text}')
            countries[country].append(here + text)
        entries.sort()
        services.append((shelf.service_id, f'{here}"countries":[{",".join(entries)}]}}'.encode()))
    ends = [moment for moment in (rules_change_at, sellers.changes_at) if moment]
    lists = [(BY_SERVICE, services), (BY_COUNTRY, list(_by_country(countries)))]
    return Draft(lists, min(ends, default=None))


def _by_country(countries: dict[str, list[str]]) -> Iterator[tuple[str, bytes]]:
    for country in sorted(countries):
        text = ",".join(countries[country])
        yield country, f'{{"country_id":{quoted(country)},"services":[{text}]}}'.encode()


@cache
def quoted(name: str) -> str:
    """An id as JSON; there are some hundreds."""
    return orjson.dumps(name).decode()


class Words:
    """The text of a price object's members and its closing brace; what repeats is spelled once."""

    def __init__(self) -> None:
        self._prices: dict[tuple[int, int, int], str] = {}
        self._single: dict[int, str] = {}
        self._qualities: dict[float | None, str] = {}

    def of(self, pair: Pair) -> str:
        _, low, high, suggested, quality, count = pair
        if low == high:
            price = self._single.get(low) or self._spell(low, high, suggested)
        else:
            price = self._prices.get((low, high, suggested)) or self._spell(low, high, suggested)
        middle = self._qualities.get(quality) or self._spell_quality(quality)
        return f"{price}{middle}{count}}}"

    def _spell(self, low: int, high: int, suggested: int) -> str:
        text = f'"price":{{"min":{low},"max":{high},"suggested":{suggested}}},'
        if low == high:
            self._single[low] = text
        else:
            self._prices[low, high, suggested] = text
        return text

    def _spell_quality(self, quality: float | None) -> str:
        known = "" if quality is None else f'"quality":{{"avg":{round(quality, 2)}}},'
        text = self._qualities[quality] = f'{known}"count":'
        return text
