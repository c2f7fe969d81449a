"""Catalogue, prices and stock (handler.md 9)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from babel import Locale
from django.http import HttpResponse
from django.utils import timezone

from activations.shop_window import Price
from api.editions import Edition, Leaf, Members, by_country, prices_for, quoted
from api.handler.entry import DIALECT, Asked, action
from api.handler.wire import STEP_MICROS, Style, amount, json_answer, number
from api.shelf import remembered
from api.wire import json_response
from api.words import WHOLE, Params, code_in, known_pair, pair_in, text_answer
from providers.listings import listed_countries, listed_services
from providers.price_list import operators_on_sale
from providers.spellings import spellings

ASKED = pair_in()


def _asked_for(params: Params) -> dict[str, str | int]:
    """Both filters; an empty text is none."""
    given = {name: params.get(name, "") and code_in(params, name) for name in ("service", "country")}
    return {"scheme": DIALECT, **given}


def _coded(lines: list[Price]) -> Iterator[tuple[str, str, Price]]:
    """Lines with the codes of their country and service; what has no code here is left out."""
    names = spellings(DIALECT)
    for line in lines:
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


def _counts(lines: list[Price], tenant_id: int, now: datetime) -> Iterator[tuple[str, bytes]]:
    """How many numbers there really are of each service."""
    counts: Counter[str] = Counter()
    for _, service, line in _coded(lines):
        counts[service] += line.physical
    for service, count in counts.items():
        yield service, quoted(service) + f':"{count}"'.encode()


def _top(*, is_array: bool, with_map: bool) -> Members:
    """The countries of each service, those with the most numbers first."""

    def members(lines: list[Price], tenant_id: int, now: datetime) -> Iterator[tuple[str, bytes]]:
        services: dict[str, dict[str, list[Price]]] = {}
        for country, service, line in _coded(lines):
            services.setdefault(service, {}).setdefault(country, []).append(line)
        for service, countries in services.items():
            top = _numbered(_ranked(countries, with_map), is_array=is_array)
            yield service, quoted(service) + b":" + orjson.dumps(top, option=orjson.OPT_NON_STR_KEYS)

    return members


def _edition(version: str, members: Members) -> Edition:
    return Edition(f"handler/{version}", STEP_MICROS, members)


def _prices_edition(version: str, leaf: Leaf) -> Edition:
    return _edition(version, by_country(DIALECT, lambda tenant_id, now: leaf))


V1 = {
    Style.BOWER: _prices_edition("v1", _bower),
    Style.CLASSIC: _prices_edition("v1p", _with_physical),
    Style.HERO: _prices_edition("v1p", _with_physical),
}
V2, V3 = _prices_edition("v2", _tiers), _prices_edition("v3", _by_provider)
COUNTS = _edition("counts", _counts)
TOP = {
    (is_array, with_map): _edition(
        f"top{'a' * is_array}{'m' * with_map}", _top(is_array=is_array, with_map=with_map)
    )
    for is_array in (False, True)
    for with_map in (False, True)
}
EDITIONS = (V1[Style.BOWER], V1[Style.CLASSIC], V2, V3, COUNTS, *TOP.values())


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices(asked: Asked) -> HttpResponse:
    return _listed(asked, V1[asked.style])


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v2(asked: Asked) -> HttpResponse:
    return _listed(asked, V2)


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v3(asked: Asked) -> HttpResponse:
    return _listed(asked, V3)


def _listed(asked: Asked, edition: Edition) -> HttpResponse:
    """As it is published, or the part of it that fits the filters."""
    if _providers(asked):
        return edition.spelled(_lines(asked), asked.buyer)
    service_id, country_id = known_pair(asked.found)
    return edition.answer(asked.request, asked.buyer, service_id=service_id, country_id=country_id)


@action("catalogue", extra=ASKED, reads=_asked_for)
def get_numbers_status(asked: Asked) -> HttpResponse:
    operator = asked.params.get("operator", "any") or "any"
    if operator == "any":
        return _listed(asked, COUNTS)
    return COUNTS.spelled([line for line in _lines(asked) if line.operator == operator], asked.buyer)


@action("catalogue", extra=ASKED, reads=_asked_for)
def get_operators(asked: Asked) -> HttpResponse:
    pair = known_pair(asked.found)
    tenant_id, is_test = asked.buyer.tenant_id, asked.buyer.is_test

    def listed() -> bytes:
        found = operators_on_sale(
            tenant_id=tenant_id, is_test=is_test, service_id=pair[0], country_id=pair[1], now=timezone.now()
        )
        codes, operators = spellings(DIALECT).countries, defaultdict(list)
        for country_id, operator in found:
            if country_id in codes:
                operators[codes[country_id]].append(operator)
        return orjson.dumps({"status": "success", "countryOperators": operators}) if operators else b""

    body = remembered("handler/operators", tenant_id, *pair, make=listed)
    return json_response(body) if body else text_answer("OPERATORS_NOT_FOUND")


@action("prices", extra=ASKED, reads=_asked_for)
def get_top_countries(asked: Asked) -> HttpResponse:
    """The countries with the most numbers first; by service when none is named."""
    is_array = asked.style is Style.HERO
    with_map = asked.params.get("freePrice", "").lower() in ("true", "1")
    if not known_pair(asked.found)[0]:
        return _listed(asked, TOP[is_array, with_map])
    countries: dict[str, list[Price]] = {}
    for country, _, line in _coded(_lines(asked)):
        countries.setdefault(country, []).append(line)
    return json_answer(_numbered(_ranked(countries, with_map), is_array=is_array))


def _ranked(countries: dict[str, list[Price]], with_map: bool) -> list[dict[str, Any]]:
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


def _numbered(entries: list[dict[str, Any]], *, is_array: bool) -> Any:
    return entries if is_array else {str(place): entry for place, entry in enumerate(entries)}


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
