"""Countries, services and prices (rentverify.md 3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import orjson
from django.http import HttpResponseBase
from django.utils import timezone

from activations.shop_window import Price, customer_prices
from api.rentverify.entry import DIALECT, Asked, call
from api.rentverify.price_ids import Priced, price_ids
from api.wire import json_response, price_text
from api.words import Params, code_in, known_pair, pair_in
from providers.price_list import pairs_on_sale
from providers.spellings import names_of, spellings

PAIR = pair_in("handler")  # RV-8: their codes are understood as well


def _country(params: Params) -> dict[str, str | int]:
    return {"scheme": DIALECT, "service": "", "country": code_in(params, "country")}


def _filters(params: Params) -> dict[str, str | int]:
    """Both filters; an empty text is none."""
    given = {name: params.get(name, "") and code_in(params, name) for name in ("service", "country")}
    return {"scheme": DIALECT, **given}


@call("catalogue")
def get_countries(asked: Asked) -> HttpResponseBase:
    """Those where something is on sale."""
    pairs = pairs_on_sale(tenant_id=asked.buyer.tenant_id, is_test=asked.buyer.is_test, now=timezone.now())
    codes, names = spellings(DIALECT).countries, names_of(asked.buyer.tenant_id).countries
    countries = sorted({country_id for _, country_id in pairs}, key=lambda one: names.get(one, one))
    return json_response([{"id": codes.get(one, one), "name": names.get(one, one)} for one in countries])


@call("catalogue", extra=PAIR, reads=_country)
def get_services(asked: Asked) -> HttpResponseBase:
    """What is on sale in a country."""
    _, country_id = known_pair(asked.found)
    pairs = pairs_on_sale(
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        country_id=country_id,
        now=timezone.now(),
    )
    codes, names = spellings(DIALECT).services, names_of(asked.buyer.tenant_id).services
    services = sorted({service_id for service_id, _ in pairs}, key=lambda one: names.get(one, one))
    return json_response([{"code": codes.get(one, one), "name": names.get(one, one)} for one in services])


@call("prices", extra=PAIR, reads=_filters)
def get_prices(asked: Asked) -> HttpResponseBase:
    """Country → service → the cheapest offer."""
    service_id, country_id = known_pair(asked.found)
    now, names = timezone.now(), spellings(DIALECT)
    make = price_ids(tenant_id=asked.buyer.tenant_id, now=now)
    lines = customer_prices(asked.buyer, service_id=service_id, country_id=country_id, now=now)
    found: dict[str, dict[str, Any]] = {}
    for cheapest, stock in _cheapest(lines):
        country = names.countries.get(cheapest.country_id, cheapest.country_id)
        found.setdefault(country, {})[names.services.get(cheapest.service_id, cheapest.service_id)] = {
            "price": orjson.Fragment(price_text(cheapest.price_micros).encode()),
            "available": stock,
            "price_id": make(
                Priced(cheapest.provider_no, cheapest.country_id, cheapest.service_id, cheapest.price_micros)
            ),
        }
    return json_response(found)


def _cheapest(lines: list[Price]) -> Iterator[tuple[Price, int]]:
    """The cheapest line of each pair, and how many numbers its provider has at that price."""
    for _, group in groupby(lines, key=lambda line: (line.country_id, line.service_id)):
        pair = list(group)
        best = min(pair, key=lambda line: line.price_micros)
        yield (
            best,
            sum(
                line.stock
                for line in pair
                if line.provider_no == best.provider_no and line.price_micros == best.price_micros
            ),
        )
