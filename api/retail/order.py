"""A1's body: what a customer may wish for (docs/protocols/retail.md 6)."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest

from activations.services.quoting import HIGHEST_CUSTOMER_PRICE, check_markup
from activations.wish import Wish
from api.input import Choice, Integer, Number, Text, json_object, read_fields
from api.repeats import digest_of, request_key
from portal.errors import ValidationError

BODY_BYTES = 4_096
CENT = 10_000  # micro-USD

# `+` between the parts, not `*`: 30 letters and one wrong character would otherwise be tried for minutes.
SERVICE_ID = Text(
    1, 30, re.compile(r"[A-Za-z0-9]+(?:[-_.]+[A-Za-z0-9]+)*"), "letters and digits, joined by - _ or ."
)
COUNTRY_ID = Text(
    2, 9, re.compile(r"[A-Za-z0-9]+(?:[-_]+[A-Za-z0-9]+)*"), "letters and digits, joined by - or _"
)
TOKEN = re.compile(r"[0-9a-f]{24}")

ORDER = {
    "service_id": SERVICE_ID,
    "country_id": COUNTRY_ID,
    "max_price": Integer(1, 10_000, default=None),
    "customer_billing_type": Choice(("fixed", "dynamic"), default="fixed"),
    "customer_price": Integer(1, HIGHEST_CUSTOMER_PRICE, default=None),
    "customer_markup": Integer(0, 10_000, default=None),
    "quality_factor": Number(0, 100, default=None),
    "order_id": Text(24, 24, TOKEN, "24 lowercase hexadecimal characters", default=None),
    "orderId": Text(24, 24, TOKEN, "24 lowercase hexadecimal characters", default=None),
}


def read_order(request: HttpRequest) -> tuple[Wish, str | None, bytes]:
    """The wish, the request key (None: the caller sent none) and the SHA-256 of what was asked."""
    key = request_key(request)
    body = json_object(request, limit=BODY_BYTES)
    fields = read_fields(body, ORDER)
    _check_billing(fields)
    wish = _wish(fields)
    if wish.max_price_micros is not None:
        check_markup(wish, max_price_micros=wish.max_price_micros)
    return wish, key, digest_of(body)


def _check_billing(fields: dict[str, Any]) -> None:
    """Exactly one of customer_price and customer_markup, and no fixed price in dynamic billing."""
    has_price, has_markup = fields["customer_price"] is not None, fields["customer_markup"] is not None
    if has_price and has_markup:
        raise ValidationError({"customer_markup": "cannot go with customer_price; send one of them."})
    if has_price and fields["customer_billing_type"] == "dynamic":
        raise ValidationError({"customer_price": "cannot go with dynamic billing; send customer_markup."})
    if not has_price and not has_markup:
        wanted = "customer_markup" if fields["customer_billing_type"] == "dynamic" else "customer_price"
        raise ValidationError({wanted: "is required: say what the customer pays."})
    if fields["order_id"] and fields["orderId"] and fields["order_id"] != fields["orderId"]:
        raise ValidationError({"orderId": "differs from order_id."})


def _wish(fields: dict[str, Any]) -> Wish:
    return Wish(
        service_id=fields["service_id"],
        country_id=fields["country_id"],
        max_price_micros=_micros(fields["max_price"]),
        caps_at_suggested=True,
        billing_mode=fields["customer_billing_type"],
        customer_price_micros=_micros(fields["customer_price"]),
        markup_percent=fields["customer_markup"],
        quality_factor=fields["quality_factor"],
        token=fields["order_id"] or fields["orderId"],
    )


def _micros(cents: int | None) -> int | None:
    return None if cents is None else cents * CENT
