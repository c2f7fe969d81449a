"""Every address of the project, found in the resolver, and an example of each with a reseller's objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLResolver

from providers.product_list import ORDERED, Product, product_number
from tests.access.world import House

EXPRESSIONS = {
    "^(?:test/)?api/v1/": "api/v1/no-such-thing",
    "^rentverify/": "rentverify/no-such-thing",
    "^v1/nonvoip/": "v1/nonvoip/no-such-thing",
    "^confirm-email/(?P<key>[-:\\w]+)/$": "confirm-email/wrong-key/",
    "^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-wrong-key/",
    "(?P<url>.*)$": "no-such-thing/",
}


NOBODYS = {
    "object_id": "987654321",
    "customer_id": "nobody",
    "activation_id": "f" * 24,
    "hex_id": "f" * 24,
    "rental_id": "rnt_nobody000000",
    "order_id": "ord_nobody000000",
    "product_id": "svc_aaaaaaaaaaaa",
    "rnt_id": "rnt_nobody000000",
    "webhook_id": "wh_nobodys00000",
    "public_no": "987654321",
    "key_id": "987654321",
}


def patterns(found: Any = None, prefix: str = "") -> Iterator[str]:
    """Every address as its rooms wrote it, without the kinds of its parts, in the resolver's order."""
    for pattern in found if found is not None else get_resolver().url_patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, here)
        else:
            yield re.sub(r"<\w+:(\w+)>", r"<\1>", here)


def example(pattern: str, house: House, *, missing: bool = False) -> str:
    """The address with the house's objects filled in, or with ids of the same shape that nobody has."""
    for expression, text in EXPRESSIONS.items():
        pattern = pattern.replace(expression, text)
    pattern = re.sub(r"\^\(\?P<app_label>(\w+)[^)]*\)/\$", r"\1/", pattern)
    address = re.sub(r"<(\w+)>", lambda found: value(found[1], pattern, house, missing), pattern)
    assert not set("^<(") & set(address), f"tell tests/access/walk.py an example of {pattern}"
    return "/" + address


def value(name: str, pattern: str, house: House, missing: bool) -> str:
    """What stands for one part of an address. Add a line for a new name."""
    if missing and name in NOBODYS:
        is_uuid = re.match("admin/activations/(activation|rental|rentalterm)/", pattern)
        return "00000000-0000-7000-8000-000000000000" if is_uuid else NOBODYS[name]
    is_test = pattern.startswith("test/")
    order = house.rows["trial" if is_test else "activations.activation"]
    rental = house.rows["trial_rental" if is_test else "activations.rental"]
    if name == "object_id":
        return str(house.rows[".".join(pattern.split("/")[1:3])].pk)
    return {
        "customer_id": order.customer.external_id,
        "activation_id": order.hex_id,
        "hex_id": order.hex_id,
        "rental_id": rental.rnt_id,
        "order_id": order.ord_id,
        "product_id": product_id(order),
        "rnt_id": rental.rnt_id,
        "action": "cancel",
        "service_id": order.service_id,
        "country_id": order.country_id,
        "canonical_id": order.service_id,
        "token": house.rows["providers.provider"].callback_token,
        "contract": house.rows["activations.contract"].token,
        "webhook_id": house.rows["twin.endpoint" if is_test else "webhooks.endpoint"].public_id,
        "key_id": str(house.rows["twin.apikey" if is_test else "accounts.apikey"].pk),
        "endpoint_id": house.rows["webhooks.endpoint"].public_id,
        "delivery_id": str(house.rows["webhooks.delivery"].pk),
        "protocol": "sandbox",
        "public_no": str(house.rows["providers.provider"].public_no),
        "colour": "2557d6",
        "letter": "a",
        "name": "netflix",
    }[name]


def product_id(order: Any) -> str:
    """What the ping protocol calls the service of an order."""
    sold = Product(ORDERED, order.service_id, order.country_id)
    return f"svc_{product_number(sold, owner_id=order.tenant_id)}"
