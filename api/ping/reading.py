"""What requests of the ping dialect say (ping.md 4)."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest

from accounts.identity import Buyer
from api.input import Choice, Integer, Reader, Text, json_object, query_fields, read_fields
from portal.errors import UnknownService, ValidationError
from providers.product_list import ORDERED, RENTED, Product, find_product, product_number

BODY_BYTES = 4_096
MOST_DAYS = 30
LAST_ROW = 10_000_000

SERVICE = Text(16, 16, re.compile(r"svc_[a-z0-9]{12}"), '"svc_" and 12 small letters or digits')
ORDER: dict[str, Reader] = {"serviceId": SERVICE, "capability": Choice(("sms", "voice"), default="sms")}
RENT: dict[str, Reader] = {"serviceId": SERVICE, "days": Integer(1, MOST_DAYS)}
EXTEND: dict[str, Reader] = {"days": Integer(1, MOST_DAYS)}


def paged(*, limit: int, most: int) -> dict[str, Reader]:
    return {"skip": Integer(0, LAST_ROW, default=0), "limit": Integer(1, most, default=limit)}


PAGE = paged(limit=50, most=100)
MESSAGES = paged(limit=500, most=500)
SERVICES: dict[str, Reader] = {
    "service_type": Choice((ORDERED, RENTED), default=None),
    "country_code": Text(2, 2, re.compile("[A-Za-z]{2}"), "two letters", default=None),
    "search": Text(0, 80, default=""),
    **PAGE,
}


def body_fields(request: HttpRequest, readers: dict[str, Reader]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body as it came, and its fields."""
    body = json_object(request, limit=BODY_BYTES)
    return body, read_fields(body, readers)


def page_of(request: HttpRequest, readers: dict[str, Reader]) -> dict[str, Any]:
    return query_fields(request, readers)


def product_of(public_id: str, *, buyer: Buyer, owner_id: int) -> Product:
    """The product of a `svc_` id; `owner_id`: the tenant, of a test twin its live one.

    Raises UnknownService, also for another reseller's.
    """
    number = public_id.removeprefix("svc_")
    found = number and find_product(
        number, owner_id=owner_id, tenant_id=buyer.tenant_id, is_test=buyer.is_test
    )
    if not found:
        raise UnknownService()
    return found


def service_id(product: Product, *, owner_id: int) -> str:
    """The `svc_` id of a product."""
    return f"svc_{product_number(product, owner_id=owner_id)}"


def check_kind(product: Product, kind: str) -> None:
    """Raises ValidationError."""
    if product.kind != kind:
        sentence = f"is a service of the type {product.kind}; here one of the type {kind} is wanted."
        raise ValidationError({"serviceId": sentence}, refusal="service_type")
