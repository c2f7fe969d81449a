"""Countries, services and prices (rentverify.md 3)."""

from __future__ import annotations

from datetime import datetime

import orjson
from django.http import HttpResponseBase
from django.utils import timezone

from activations.shop_window import Price
from api.editions import Edition, Leaf, by_country
from api.rentverify.entry import DIALECT, Asked, call
from api.rentverify.price_ids import Priced, price_ids, window_ends
from api.shelf import remembered
from api.wire import json_response, price_text
from api.words import Params, code_in, known_pair, pair_in
from billing.money import CENT
from providers.price_list import countries_on_sale, services_on_sale
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
    tenant_id, is_test = asked.buyer.tenant_id, asked.buyer.is_test

    def listed() -> bytes:
        found = countries_on_sale(tenant_id=tenant_id, is_test=is_test, now=timezone.now())
        codes, names = spellings(DIALECT).countries, names_of(tenant_id).countries
        countries = sorted(found, key=lambda one: names.get(one, one))
        return orjson.dumps([{"id": codes.get(one, one), "name": names.get(one, one)} for one in countries])

    return json_response(remembered("rentverify/countries", tenant_id, make=listed))


@call("catalogue", extra=PAIR, reads=_country)
def get_services(asked: Asked) -> HttpResponseBase:
    """What is on sale in a country."""
    _, country_id = known_pair(asked.found)
    found = services_on_sale(
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        country_id=country_id,
        now=timezone.now(),
    )
    codes, names = spellings(DIALECT).services, names_of(asked.buyer.tenant_id).services
    services = sorted(found, key=lambda one: names.get(one, one))
    return json_response([{"code": codes.get(one, one), "name": names.get(one, one)} for one in services])


@call("prices", extra=PAIR, reads=_filters)
def get_prices(asked: Asked) -> HttpResponseBase:
    """Country → service → the cheapest offer."""
    service_id, country_id = known_pair(asked.found)
    return PRICES.answer(asked.request, asked.buyer, service_id=service_id, country_id=country_id)


def _leaf(tenant_id: int, now: datetime) -> Leaf:
    """The cheapest line of a pair, and how many numbers its provider has at that price."""
    make = price_ids(tenant_id=tenant_id, now=now)

    def leaf(pair: list[Price]) -> bytes:
        best = min(pair, key=lambda line: line.price_micros)
        here = (best.provider_no, best.price_micros)
        stock = sum(line.stock for line in pair if (line.provider_no, line.price_micros) == here)
        price_id = make(Priced(best.provider_no, best.country_id, best.service_id, best.price_micros))
        price = price_text(best.price_micros)
        return f'{{"price":{price},"available":{stock},"price_id":"{price_id}"}}'.encode()

    return leaf


PRICES = Edition(
    "rentverify/prices", CENT, by_country(DIALECT, _leaf, every_country=True), turns_at=window_ends
)
