"""What can be ordered and rented (ping.md S1, S2)."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpResponse
from django.utils import timezone

from api.auth import Extra
from api.ping import wire
from api.ping.entry import Asked, ping
from api.ping.reading import SERVICES, page_of, product_of, service_id
from api.shelf import remembered
from api.wire import json_response
from billing.prices import rules_along, rules_in
from portal.errors import UnknownService
from providers.product_list import listed_product, listed_products

OWNER = "coalesce(t.live_tenant_id, t.id)"  # a product has the same id for live and for test keys
RULES = rules_along(tenant="k.tenant_id", group='c."group"')
SHOP = Extra(f"{OWNER}, {RULES}")
NARROWED = ("service_type", "country_code", "skip", "limit")


@ping("GET", rate="services", extra=SHOP)
def listing(asked: Asked) -> HttpResponse:
    """S1: a page of the services."""
    fields = page_of(asked.request, SERVICES)
    if fields["search"]:  # everybody's words are others
        return json_response(_page(asked, fields))
    whose = (asked.buyer.tenant_id, asked.buyer.group, *(fields[name] for name in NARROWED))
    return json_response(remembered("ping/services", *whose, make=lambda: _page(asked, fields)))


def _page(asked: Asked, fields: dict[str, Any]) -> bytes:
    owner_id, rules = asked.found
    found, total = listed_products(
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        rules=rules_in(rules),
        kind=fields["service_type"],
        iso2=fields["country_code"],
        words=fields["search"],
        skip=fields["skip"],
        limit=fields["limit"],
        now=timezone.now(),
    )
    services = [wire.service(row, public_id=service_id(row.product, owner_id=owner_id)) for row in found]
    page = {"total": total, "skip": fields["skip"], "limit": fields["limit"]}
    return orjson.dumps({"result": "success", "services": services, **page})


@ping("GET", rate="service", extra=SHOP)
def detail(asked: Asked, product_id: str) -> HttpResponse:
    """S2: one service, with how long a code takes and how often it comes."""
    owner_id, rules = asked.found
    product = product_of(product_id, buyer=asked.buyer, owner_id=owner_id)
    found = listed_product(
        product,
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        rules=rules_in(rules),
        now=timezone.now(),
    )
    if found is None:
        raise UnknownService()
    service = {
        **wire.service(found, public_id=product_id),
        "estimated_wait_seconds": found.wait_seconds,
        "success_rate": found.success_rate,
    }
    return wire.success(service=service)
