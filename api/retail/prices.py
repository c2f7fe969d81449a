"""P1–P3: what numbers cost the tenant, in cents (docs/protocols/retail.md 7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.identity import Buyer
from api.auth import Caller
from api.input import query_fields, read_fields
from api.publishing import publish_first, read_part
from api.retail import wire
from api.retail.entry import Gate, retail
from api.retail.order import COUNTRY_ID, SERVICE_ID
from api.retail.price_list import BY_COUNTRY, BY_SERVICE, write_prices
from api.retail.published import Shown, gate_of, whole
from api.shelf import send
from billing.prices import load_rules
from portal.errors import UnknownCountry, UnknownService
from providers.pair_prices import Line, Pair, offers_of_pair, price_of_pair, sellers_to

SERVICE = {"service_id": replace(SERVICE_ID, default=None)}
COUNTRY = {"country_id": replace(COUNTRY_ID, default=None)}
KNOWN = """
SELECT EXISTS (SELECT 1 FROM listed_services(%(tenant)s) WHERE id = %(service)s),
    EXISTS (SELECT 1 FROM listed_countries(%(tenant)s) WHERE id = %(country)s)
"""
PRICES = Shown("prices", write_prices)


@retail(Gate("GET", scope="read", rate="price", touches=False))
def pair(
    request: HttpRequest, caller: Caller, buyer: None, *, service_id: str, country_id: str
) -> HttpResponse:
    """P1: one service in one country; zeros where nobody sells it now."""
    require(caller, service_id=service_id, country_id=country_id)
    now = timezone.now()
    found = price_of_pair(
        sellers=sellers_to(tenant_id=caller.tenant_id, is_test=caller.is_test, now=now),
        rules=load_rules(tenant_id=caller.tenant_id, now=now),
        service_id=service_id,
        country_id=country_id,
    )
    return wire.json_response(price_object(found))


@retail(Gate("GET", scope="read", rate="offers", touches=False))
def offers(
    request: HttpRequest, caller: Caller, buyer: None, *, service_id: str, country_id: str
) -> HttpResponse:
    """What a pair's price is made of; an address of our own."""
    require(caller, service_id=service_id, country_id=country_id)
    now = timezone.now()
    lines = offers_of_pair(
        sellers=sellers_to(tenant_id=caller.tenant_id, is_test=caller.is_test, now=now),
        rules=load_rules(tenant_id=caller.tenant_id, now=now),
        service_id=service_id,
        country_id=country_id,
    )
    return wire.json_response([offer_object(line) for line in lines])


def offer_object(line: Line) -> dict[str, Any]:
    known = {} if line.quality is None else {"quality": round(line.quality, 2)}
    return {"price": line.price_cents, **known, "count": line.stock}


def price_object(found: Pair | None) -> dict[str, Any]:
    """Cents; `quality` is left out where nobody knows it."""
    _, low, high, suggested, quality, count = found or ("", 0, 0, 0, 0.0, 0)
    price = {"price": {"min": low, "max": high, "suggested": suggested}}
    known = {} if quality is None else {"quality": {"avg": round(quality, 2)}}
    return {**price, **known, "count": count}


@retail(gate_of(PRICES, BY_COUNTRY, rate="prices_countries"))
def by_country(request: HttpRequest, caller: Caller, buyer: Buyer | None) -> HttpResponse:
    """P2: all prices by country, or those of one."""
    wanted = query_fields(request, COUNTRY)["country_id"]
    if wanted is None:
        return whole(request, caller, PRICES, BY_COUNTRY)
    require(caller, country_id=wanted)
    return part(request, caller, BY_COUNTRY, wanted)


@retail(gate_of(PRICES, BY_SERVICE, rate="prices_services"))
def by_service(request: HttpRequest, caller: Caller, buyer: Buyer | None) -> HttpResponse:
    """P3: all prices by service, or those of one."""
    wanted = query_fields(request, SERVICE)["service_id"]
    if wanted is None:
        return whole(request, caller, PRICES, BY_SERVICE)
    require(caller, service_id=wanted)
    return part(request, caller, BY_SERVICE, wanted)


def part(request: HttpRequest, caller: Caller, name: str, wanted: str) -> HttpResponse:
    """One entry of the list, cut out of it."""
    if caller.rest[0] is None:
        publish_first(PRICES.topic, name, write_prices, caller.tenant_id, now=timezone.now())
    return send(request, read_part(name, caller.tenant_id, wanted))


def require(caller: Caller, *, service_id: str | None = None, country_id: str | None = None) -> None:
    """Ids that are well formed and that the caller's tenant lists.

    Raises ValidationError, UnknownService, UnknownCountry.
    """
    given = {"service_id": service_id, "country_id": country_id}
    readers = {"service_id": SERVICE_ID, "country_id": COUNTRY_ID}
    named = {name: text for name, text in given.items() if text is not None}
    read_fields(named, {name: readers[name] for name in named})
    with connection.cursor() as cursor:
        cursor.execute(
            KNOWN,
            {"tenant": caller.tenant_id, "service": service_id or "", "country": country_id or ""},
        )
        has_service, has_country = cursor.fetchone()
    if service_id is not None and not has_service:
        raise UnknownService()
    if country_id is not None and not has_country:
        raise UnknownCountry()
