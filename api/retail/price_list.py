"""The price lists of P2 and P3 as JSON text, put together from fragments (docs/protocols/retail.md 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import orjson

from api.editions import facts_of
from api.publishing import Draft
from billing.prices import load_rules
from providers.pair_prices import Market, Pricing, sellers_to, shelves

BY_COUNTRY, BY_SERVICE = "prices/countries", "prices/services"


def write_prices(tenant_id: int, now: datetime) -> Draft:
    """Both lists of a tenant. By the clock they change when a rule begins or ends, or a provider's rest."""
    is_test, rules_change_at = facts_of(tenant_id, now=now)
    sellers = sellers_to(tenant_id=tenant_id, is_test=is_test, now=now)
    market = Market(sellers.by_id, Pricing(load_rules(tenant_id=tenant_id, now=now)))
    services: list[tuple[str, bytes]] = []
    countries: defaultdict[str, list[str]] = defaultdict(list)
    openings, prices, qualities = Openings(), Prices(), Qualities()
    for shelf in shelves(sellers):
        here = f'{{"service_id":{quoted(shelf.service_id)},'
        pairs = market.pairs(shelf)
        texts = [
            f"{prices[low if low == high else (low, high, suggested)]}{qualities[quality]}{count}}}"
            for _, low, high, suggested, quality, count in pairs
        ]
        entries = sorted([openings[pair[0]] + text for pair, text in zip(pairs, texts, strict=True)])
        services.append((shelf.service_id, f'{here}"countries":[{",".join(entries)}]}}'.encode()))
        for pair, text in zip(pairs, texts, strict=True):
            countries[pair[0]].append(here + text)
    ends = [moment for moment in (rules_change_at, sellers.changes_at) if moment]
    lists = [(BY_SERVICE, services), (BY_COUNTRY, list(_by_country(countries)))]
    return Draft(lists, min(ends, default=None))


def _by_country(countries: dict[str, list[str]]) -> Iterator[tuple[str, bytes]]:
    for country in sorted(countries):
        text = ",".join(countries[country])
        yield country, f'{{"country_id":{quoted(country)},"services":[{text}]}}'.encode()


def quoted(name: str) -> str:
    """An id as JSON."""
    return orjson.dumps(name).decode()


# What repeats in a hundred thousand price objects, each spelled once.


class Openings(dict[str, str]):
    """By country: how its price object begins in the list by service."""

    def __missing__(self, country: str) -> str:
        text = self[country] = f'{{"country_id":{quoted(country)},'
        return text


class Prices(dict[int | tuple[int, int, int], str]):
    """By price, or by lowest, highest and suggested price where they differ: the member that tells it."""

    def __missing__(self, price: int | tuple[int, int, int]) -> str:
        low, high, suggested = (price, price, price) if isinstance(price, int) else price
        text = self[price] = f'"price":{{"min":{low},"max":{high},"suggested":{suggested}}},'
        return text


class Qualities(dict[float | None, str]):
    """By quality: the member that tells it, when it is known, and the name of the next one."""

    def __missing__(self, quality: float | None) -> str:
        known = "" if quality is None else f'"quality":{{"avg":{round(quality, 2)}}},'
        text = self[quality] = f'{known}"count":'
        return text
