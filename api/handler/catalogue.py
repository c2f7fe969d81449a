"""Catalogue, prices and stock (handler.md 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from babel import Locale
from django.http import HttpResponse

from activations.shop_window import Price
from api.editions import Edition, Leaf, prices_for
from api.handler.entry import DIALECT, Asked, action
from api.handler.wire import STEP_MICROS, Style, amount, json_answer, number
from api.words import WHOLE, Params, code_in, known_pair, pair_in, text_answer
from providers.listings import listed_countries, listed_services
from providers.spellings import spellings

ASKED = pair_in()


def _asked_for(params: Params) -> dict[str, str | int]:
    """Both filters; an empty text is none."""
    given = {name: params.get(name, "") and code_in(params, name) for name in ("service", "country")}
    return {"scheme": DIALECT, **given}


def _shown(asked: Asked) -> Iterator[tuple[str, str, Price]]:
    """Country code, service code and line of all that fits the filters; what has no code here is left out."""
    names = spellings(DIALECT)
    for line in _lines(asked):
        country = names.countries.get(line.country_id)
        if country is not None:
            yield country, names.services.get(line.service_id, line.service_id), line


def _lines(asked: Asked) -> list[Price]:
    service_id, country_id = known_pair(asked.found)
    lines = prices_for(asked.buyer, service_id=service_id, country_id=country_id, step_micros=STEP_MICROS)
    wanted = _providers(asked)
    return [line for line in lines if line.provider_no in wanted] if wanted else lines


def _providers(asked: Asked) -> set[int]:
    wanted = asked.params.get("providerIds", "")
    return {int(each) for each in wanted.split(",") if WHOLE.fullmatch(each.strip())}


def _cheapest(pair: list[Price]) -> str:
    return amount(min(line.price_micros for line in pair), up=True)


def _bower(pair: list[Price]) -> bytes:
    return f'{{"cost":{_cheapest(pair)},"count":{sum(line.stock for line in pair)}}}'.encode()


def _with_physical(pair: list[Price]) -> bytes:
    physical = sum(line.physical for line in pair)
    return _bower(pair)[:-1] + f',"physicalCount":{physical}}}'.encode()


def _tiers(pair: list[Price]) -> bytes:
    counts: Counter[str] = Counter()
    for line in pair:
        counts[amount(line.price_micros, up=True)] += line.stock
    return orjson.dumps(dict(counts))


def _by_provider(pair: list[Price]) -> bytes:
    found: dict[str, dict[str, Any]] = {}
    for line in pair:  # the cheapest of each provider comes first
        entry = {"count": 0, "price": number(line.price_micros), "provider_id": line.provider_no}
        found.setdefault(str(line.provider_no), entry)["count"] += line.stock
    return orjson.dumps(found)


def _edition(version: str, leaf: Leaf) -> Edition:
    return Edition(f"handler/{version}", DIALECT, STEP_MICROS, leaf=lambda tenant_id, now: leaf)


V1 = {
    Style.BOWER: _edition("v1", _bower),
    Style.CLASSIC: _edition("v1p", _with_physical),
    Style.HERO: _edition("v1p", _with_physical),
}
V2, V3 = _edition("v2", _tiers), _edition("v3", _by_provider)
EDITIONS = (V1[Style.BOWER], V1[Style.CLASSIC], V2, V3)


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices(asked: Asked) -> HttpResponse:
    return _prices(asked, V1[asked.style])


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v2(asked: Asked) -> HttpResponse:
    return _prices(asked, V2)


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v3(asked: Asked) -> HttpResponse:
    return _prices(asked, V3)


def _prices(asked: Asked, edition: Edition) -> HttpResponse:
    if _providers(asked):
        return edition.spelled(_lines(asked), asked.buyer)
    service_id, country_id = known_pair(asked.found)
    return edition.answer(asked.request, asked.buyer, service_id=service_id, country_id=country_id)


@action("catalogue", extra=ASKED, reads=_asked_for)
def get_numbers_status(asked: Asked) -> HttpResponse:
    operator = asked.params.get("operator", "any") or "any"
    counts: Counter[str] = Counter()
    for _, service, line in _shown(asked):
        if operator in ("any", line.operator):
            counts[service] += line.physical
    return json_answer({service: str(count) for service, count in counts.items()})


@action("catalogue", extra=ASKED, reads=_asked_for)
def get_operators(asked: Asked) -> HttpResponse:
    found: dict[str, set[str]] = {}
    for country, _, line in _shown(asked):
        if line.operator != "any":
            found.setdefault(country, set()).add(line.operator)
    if not found:
        return text_answer("OPERATORS_NOT_FOUND")
    operators = {country: sorted(names) for country, names in found.items()}
    return json_answer({"status": "success", "countryOperators": operators})


@action("prices", extra=ASKED, reads=_asked_for)
def get_top_countries(asked: Asked) -> HttpResponse:
    """The countries with the most numbers first; all services when none is named."""
    is_one = bool(known_pair(asked.found)[0])
    with_map = asked.params.get("freePrice", "").lower() in ("true", "1")
    services: dict[str, dict[str, list[Price]]] = {}
    for country, service, line in _shown(asked):
        services.setdefault(service, {}).setdefault(country, []).append(line)
    listed = {service: _top(countries, with_map) for service, countries in services.items()}
    if not is_one:
        return json_answer({code: _numbered(top, asked.style) for code, top in listed.items()})
    return json_answer(_numbered(next(iter(listed.values()), []), asked.style))


def _top(countries: dict[str, list[Price]], with_map: bool) -> list[dict[str, Any]]:
    top = []
    for country, lines in countries.items():
        price = number(min(line.price_micros for line in lines))
        entry: dict[str, Any] = {
            "country": int(country) if country.isdecimal() else country,
            "count": sum(line.stock for line in lines),
            "price": price,
            "retail_price": price,
        }
        if with_map:
            prices: Counter[str] = Counter()
            for line in lines:
                prices[amount(line.price_micros, up=True)] += line.stock
            entry["freePriceMap"] = dict(prices)
        top.append(entry)
    return sorted(top, key=lambda entry: -entry["count"])


def _numbered(entries: list[dict[str, Any]], style: Style) -> Any:
    return entries if style is Style.HERO else {str(place): entry for place, entry in enumerate(entries)}


@action("catalogue")
def get_countries(asked: Asked) -> HttpResponse:
    codes = spellings(DIALECT).countries
    items = [
        _country(codes[one.id], one.name, one.iso2)
        for one in listed_countries(asked.buyer.tenant_id).values()
        if one.id in codes
    ]
    if asked.style is Style.HERO:
        return json_answer(items)
    return json_answer({str(item["id"]): item for item in items})


def _country(code: str, name: str, iso2: str) -> dict[str, Any]:
    return {
        "id": int(code) if code.isdecimal() else code,
        "rus": _territories("ru").get(iso2.upper(), name),
        "eng": name,
        "chn": _territories("zh").get(iso2.upper(), name),
        "visible": 1,
        "retry": 1,
        "rent": 1,
        "multiService": 0,
    }


@cache
def _territories(language: str) -> dict[str, str]:
    return dict(Locale(language).territories)


@action("catalogue")
def get_services_list(asked: Asked) -> HttpResponse:
    codes = spellings(DIALECT).services
    listed = listed_services(asked.buyer.tenant_id).values()
    services = [{"code": codes.get(one.id, one.id), "name": one.name} for one in listed]
    return json_answer({"status": "success", "services": services})
