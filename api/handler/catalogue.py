"""Catalogue, prices and stock (handler.md 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from babel import Locale
from django.http import HttpResponse
from django.utils import timezone

from activations.shop_window import Price, customer_prices
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
    service_id, country_id = known_pair(asked.found)
    names = spellings(DIALECT)
    wanted = asked.params.get("providerIds", "")
    numbers = {int(each) for each in wanted.split(",") if WHOLE.fullmatch(each.strip())}
    for line in customer_prices(
        asked.buyer,
        service_id=service_id,
        country_id=country_id,
        step_micros=STEP_MICROS,
        now=timezone.now(),
    ):
        country = names.countries.get(line.country_id)
        if country is not None and (not numbers or line.provider_no in numbers):
            yield country, names.services.get(line.service_id, line.service_id), line


def _nested(lines: Iterable[tuple[str, str, Price]]) -> dict[str, dict[str, list[Price]]]:
    found: dict[str, dict[str, list[Price]]] = {}
    for country, service, line in lines:
        found.setdefault(country, {}).setdefault(service, []).append(line)
    return found


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices(asked: Asked) -> HttpResponse:
    def leaf(lines: list[Price]) -> dict[str, Any]:
        price = {"cost": number(lines[0].price_micros), "count": sum(line.stock for line in lines)}
        return (
            price
            if asked.style is Style.BOWER
            else {**price, "physicalCount": sum(x.physical for x in lines)}
        )

    return _by_country(asked, leaf)


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v2(asked: Asked) -> HttpResponse:
    def leaf(lines: list[Price]) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for line in lines:
            counts[amount(line.price_micros, up=True)] += line.stock
        return dict(counts)

    return _by_country(asked, leaf)


@action("prices", extra=ASKED, reads=_asked_for)
def get_prices_v3(asked: Asked) -> HttpResponse:
    def leaf(lines: list[Price]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for line in lines:  # the cheapest of each provider comes first
            entry = {"count": 0, "price": number(line.price_micros), "provider_id": line.provider_no}
            found.setdefault(str(line.provider_no), entry)["count"] += line.stock
        return found

    return _by_country(asked, leaf)


def _by_country(asked: Asked, leaf: Any) -> HttpResponse:
    return json_answer(
        {
            country: {service: leaf(lines) for service, lines in services.items()}
            for country, services in _nested(_shown(asked)).items()
        }
    )


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
        price = number(lines[0].price_micros)
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
