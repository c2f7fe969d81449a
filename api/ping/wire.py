"""What the ping dialect sends: dollars, UTC times, orders, rentals and services (ping.md 2, 3 and 5)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import orjson
from django.http import HttpResponse

from activations.queries import ActivationRow, Shown
from activations.rental_queries import RentalMessageRow, RentalRow
from api.wire import cents_text, json_response, price_text, shown_code
from billing.money import cents_down
from providers.product_list import ORDERED, RENTED, ListedProduct

CURRENCY = "USD"
DAY = 24  # hours
ENDED = {"canceled": "cancelled", "expired": "expired", "finished": "expired", "finalized": "expired"}


def success(*, status: int = 200, **members: Any) -> HttpResponse:
    return json_response({"result": "success", **members}, status=status)


def price(micros: int) -> orjson.Fragment:
    """A JSON number of two decimals that covers `micros`."""
    return orjson.Fragment(price_text(micros))


def back(micros: int) -> orjson.Fragment:
    """One of money that goes back: what cannot be paid in whole cents is not promised."""
    return orjson.Fragment(cents_text(cents_down(micros)))


def moment(at: datetime | int | None) -> str | None:
    """UTC to the second, `Z` behind. Numbers are Unix seconds."""
    if at is None:
        return None
    if isinstance(at, int):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def phone(digits: str) -> str:
    """Empty while it is not known whether there is one."""
    return f"+{digits}" if digits else ""


def status_of(row: ActivationRow | Shown) -> str:
    """An order's state (protocols/README.md 2.1)."""
    if row.has_code:
        return "completed"
    return "pending" if row.is_open else ENDED[row.activation_status]


def polled(row: Shown, *, order_id: str, received_at: int | None) -> dict[str, Any]:
    """What a poll shows."""
    shown: dict[str, Any] = {
        "public_id": order_id,
        "phone_number": phone(row.phone),
        "status": status_of(row),
        "code": shown_code(row.sms_code, row.sms_text) if row.has_code else None,
        "expires_at": moment(row.expire_at),
    }
    if row.has_code:
        shown["received_at"] = moment(received_at)
    return shown


def verification(row: ActivationRow, *, service_id: str) -> dict[str, Any]:
    """The whole order; `service_id` is its product's public id."""
    return {
        "public_id": row.ord_id,
        "service_id": service_id,
        "phone_number": phone(row.phone),
        "capability": row.capability,
        "type": ORDERED,
        "status": status_of(row),
        "code": shown_code(row.sms_code, row.sms_text) if row.has_code else None,
        "cost": price(row.customer_price_micros),
        "currency": CURRENCY,
        "expires_at": moment(row.expire_at),
        "created_at": moment(row.created_at),
    }


def balance(*, total_micros: int, available_micros: int) -> dict[str, Any]:
    """Both rounded down; what is reserved is the rest."""
    total, available = cents_down(total_micros), cents_down(available_micros)
    return {
        "total": orjson.Fragment(cents_text(total)),
        "reserved": orjson.Fragment(cents_text(total - available)),
        "currency": CURRENCY,
    }


def rental_status(row: RentalRow) -> str:
    """A rental's state (protocols/README.md 2.4)."""
    return "active" if row.is_open else ENDED[row.rental_status]


def rental(row: RentalRow, *, service_id: str) -> dict[str, Any]:
    """The whole rental; its cost is that of all terms."""
    return {
        "public_id": row.rnt_id,
        "service_id": service_id,
        "phone_number": phone(row.phone),
        "type": RENTED,
        "status": rental_status(row),
        "days": days_of(row.hours),
        "cost": price(row.customer_price_micros),
        "currency": CURRENCY,
        "messages_count": row.messages_count,
        "expires_at": moment(row.ends_at),
        "created_at": moment(row.created_at),
    }


def days_of(hours: int) -> int:
    """Days of a term; one begun counts whole (other dialects rent by the hour)."""
    return -(-hours // DAY)


def message(row: RentalMessageRow) -> dict[str, Any]:
    return {
        "id": row.msg_id,
        "from": row.sender,
        "text": row.text,
        "received_at": moment(row.received_at),
    }


def service(row: ListedProduct, *, public_id: str) -> dict[str, Any]:
    """A service object as lists show it."""
    return {
        "public_id": public_id,
        "name": row.service_name,
        "country_code": row.iso2,
        "type": row.product.kind,
        "capabilities": capabilities(row),
        "cost": price(row.price_micros),
        "currency": CURRENCY,
        "available": row.is_there,
    }


def capabilities(row: ListedProduct) -> list[str]:
    return [name for name, has in (("sms", row.has_sms), ("voice", row.has_voice)) if has]
