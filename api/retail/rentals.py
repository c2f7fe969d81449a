"""Rentals under the retail base: our own addresses in the style of the dialect, so unknown fields are
refused.

What is not known yet shows in the object (`is_checking`, `is_extending`, `is_cancelling`); asking again for
the rental says how it came out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.identity import Buyer
from activations import policy, rental_queries
from activations.rental_queries import RentalMessageRow, RentalRow, TermRow
from activations.services import rentals
from activations.services.rentals.extending import own_rental
from activations.wish import RentalWish
from api.auth import Caller
from api.input import Flag, Integer, Reader, json_object, query_fields, read_fields, refuse_others
from api.repeats import digest_of, request_key
from api.retail import lists, wire
from api.retail.entry import Gate, retail
from api.retail.order import BODY_BYTES, COUNTRY_ID, SERVICE_ID
from billing.money import cents_down, cents_up
from billing.prices import load_rules
from portal.errors import RentalUnknown
from providers.canonical import ANY_SERVICE
from providers.rental_list import rentals_on_sale

CENT = 10_000  # micro-USD
RENTAL_ID = re.compile(r"rnt_[a-z0-9]{12}")
HOURS = Integer(1, policy.RENTAL_HOURS_MOST)
MOST_CENTS = 1_000_000

RENT: dict[str, Reader] = {
    "service_id": replace(SERVICE_ID, default=ANY_SERVICE.id),
    "country_id": COUNTRY_ID,
    "hours": HOURS,
    "max_price": Integer(1, MOST_CENTS, default=None),
    "customer_price": Integer(1, MOST_CENTS, default=None),
}
EXTEND: dict[str, Reader] = {"hours": HOURS, "max_customer_price": Integer(1, MOST_CENTS, default=None)}
RENEW: dict[str, Reader] = {
    "enabled": Flag(),
    "hours": Integer(1, policy.RENTAL_HOURS_MOST, default=None),
    "max_customer_price": Integer(1, MOST_CENTS, default=None),
}
EXTENSION_PRICE: dict[str, Reader] = {"hours": HOURS}
PRICES: dict[str, Reader] = {
    "hours": Integer(1, policy.RENTAL_HOURS_MOST, default=24),
    "service_id": replace(SERVICE_ID, default=None),
    "country_id": replace(COUNTRY_ID, default=None),
}
LIST: dict[str, Reader] = {"only_active": Flag(False), **lists.OF_ONE}
MESSAGES: dict[str, Reader] = lists.paged(limit=100, most=500)


@retail(Gate("GET", scope="read", rate="rental_prices"))
def prices(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """What can be rented for so many hours, and for how much."""
    asked = _query(request, PRICES)
    now = timezone.now()
    found = rentals_on_sale(
        tenant_id=buyer.tenant_id,
        is_test=buyer.is_test,
        rules=load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now),
        now=now,
        **asked,
    )
    lines = [
        {
            "service_id": one.service_id,
            "country_id": one.country_id,
            "hours": one.hours,
            "customer_price": cents_up(one.customer_price_micros),
            "price": cents_up(one.price_micros),
            "count": one.stock,
        }
        for one in sorted(found)
    ]
    return wire.json_response(lines)


@retail(Gate("POST", scope="order", rate="rent"))
def rent(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """Rent a number; both wallets are charged at once."""
    key, body, fields = request_key(request), *_body(request, RENT)
    row = rentals.rent_number(
        buyer=buyer,
        wish=RentalWish(
            service_id=fields["service_id"],
            country_id=fields["country_id"],
            hours=fields["hours"],
            max_price_micros=_micros(fields["max_price"]),
            customer_price_micros=_micros(fields["customer_price"]),
        ),
        request_key=key,
        request_digest=digest_of({"call": "rent", **body}),
        channel="retail",
    )
    return wire.json_response(rental(row, buyer.customer_external_id))


@retail(Gate("GET", scope="read", rate="rentals"))
def listing(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """A customer's rentals, the newest first."""
    asked = _query(request, LIST)
    tenant_id, customer_id = buyer.tenant_id, buyer.customer_id
    skip, limit = (asked["page"] - 1) * asked["limit"], asked["limit"]
    if asked["only_active"]:
        running = rental_queries.active_rental_rows(tenant_id=tenant_id, customer_id=customer_id)
        total, rows = len(running), running[skip : skip + limit]
    else:
        total = rental_queries.count_rentals(tenant_id=tenant_id, customer_id=customer_id)
        rows = rental_queries.rental_rows(
            tenant_id=tenant_id, customer_id=customer_id, skip=skip, limit=limit
        )
    items = [rental(row, buyer.customer_external_id) for row in rows]
    return wire.json_response(lists.listed("rentals", items, total=total, fields=asked))


@retail(Gate("GET", scope="read", rate="rental", touches=False))
def read(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """One rental, what was paid for it, and what a cancel now would pay back."""
    row = _own(buyer, rental_id)
    refund = rental_queries.refund_now(row, now=timezone.now())
    terms = [term(one) for one in rental_queries.terms_of(row)]
    back = None if refund is None else cents_down(refund.customer_micros)
    whole = rental(row, buyer.customer_external_id)
    return wire.json_response({**whole, "terms": terms, "refund_if_cancelled": back})


@retail(Gate("GET", scope="read", rate="rental", touches=False))
def messages(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """The messages of a rental, the newest first; those after its end are not among them."""
    asked = _query(request, MESSAGES)
    row = _own(buyer, rental_id)
    skip = (asked["page"] - 1) * asked["limit"]
    found = [message(one) for one in rental_queries.rental_messages(row, skip=skip, limit=asked["limit"])]
    return wire.json_response(lists.listed("messages", found, total=row.messages_count, fields=asked))


@retail(Gate("GET", scope="read", rate="rental_prices"))
def extension_price(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """What an extension would cost the customer now."""
    hours = _query(request, EXTENSION_PRICE)["hours"]
    row = _own(buyer, rental_id)
    micros = rentals.extension_price(buyer=buyer, rnt_id=row.rnt_id, hours=hours)
    return wire.json_response({"hours": hours, "customer_price": cents_up(micros)})


@retail(Gate("POST", scope="order", rate="rent"))
def extend(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """Make a rental longer; charged at once, under a request key of its own."""
    key, body, fields = request_key(request), *_body(request, EXTEND)
    row = _own(buyer, rental_id)
    paid = rentals.extend_rental(
        buyer=buyer,
        rnt_id=row.rnt_id,
        hours=fields["hours"],
        request_key=key,
        request_digest=digest_of({"call": "extend", "rental": row.rnt_id, **body}),
        max_customer_price_micros=_micros(fields["max_customer_price"]),
    )
    return wire.json_response(rental(paid.rental, buyer.customer_external_id))


@retail(Gate("PUT", scope="order", rate="rental_end"))
def cancel(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """Cancel with whatever comes back."""
    row = rentals.cancel_rental(buyer=buyer, rnt_id=_own(buyer, rental_id).rnt_id)
    return wire.json_response(rental(row, buyer.customer_external_id))


@retail(Gate("PUT", scope="order", rate="rental_end"))
def finish(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """End it early; nothing comes back."""
    row = rentals.finish_rental(buyer=buyer, rnt_id=_own(buyer, rental_id).rnt_id)
    return wire.json_response(rental(row, buyer.customer_external_id))


@retail(Gate("PUT", scope="order", rate="rental_end"))
def auto_renew(request: HttpRequest, caller: Caller, buyer: Buyer, rental_id: str) -> HttpResponse:
    """Switch automatic renewal on or off."""
    _, fields = _body(request, RENEW)
    row = rentals.set_auto_renew(
        buyer=buyer,
        rnt_id=_own(buyer, rental_id).rnt_id,
        is_on=fields["enabled"],
        hours=fields["hours"],
        max_customer_price_micros=_micros(fields["max_customer_price"]),
    )
    return wire.json_response(rental(row, buyer.customer_external_id))


def rental(row: RentalRow, customer_id: str) -> dict[str, Any]:
    """The Rental object. While it is not known whether a number was rented, `phone` is empty."""
    return {
        "rental_id": row.rnt_id,
        "customer_id": customer_id,
        "service_id": row.service_id,
        "country_id": row.country_id,
        "phone": row.phone,
        "formatted": row.formatted,
        "rental_status": row.rental_status,
        "billing_status": row.billing_status,
        "hours": row.hours,
        "customer_price": cents_up(row.customer_price_micros),
        "price": cents_up(row.price_micros),
        "customer_refund": cents_down(row.customer_refund_micros),
        "messages_count": row.messages_count,
        "can_cancel": row.can_cancel,
        "can_extend": row.can_extend,
        "is_checking": row.is_checking,
        "is_extending": row.is_extending,
        "is_cancelling": row.is_cancelling,
        "guard_until": _unix(row.guard_until),
        "starts_at": _unix(row.starts_at),
        "ends_at": _unix(row.ends_at),
        "ended_at": _unix(row.ended_at),
        "auto_renew": row.auto_renew,
        "renew_hours": row.renew_hours,
        "renew_max_price": None
        if row.renew_max_price_micros is None
        else cents_up(row.renew_max_price_micros),
        "renew_refusal": row.renew_refusal,
        "created_at": wire.unix(row.created_at),
        "updated_at": wire.unix(row.updated_at),
    }


def term(row: TermRow) -> dict[str, Any]:
    """One paid part: the rent, or an extension."""
    return {
        "hours": row.hours,
        "customer_price": cents_up(row.customer_price_micros),
        "price": cents_up(row.price_micros),
        "customer_refund": cents_down(row.customer_refund_micros),
        "is_renewal": row.is_renewal,
        "created_at": wire.unix(row.created_at),
    }


def message(row: RentalMessageRow) -> dict[str, Any]:
    return {
        "message_id": row.msg_id,
        "sender": row.sender,
        "text": row.text,
        "code": row.code,
        "kind": row.kind,
        "received_at": wire.unix(row.received_at),
    }


def _own(buyer: Buyer, rental_id: str) -> RentalRow:
    """Raises RentalUnknown, also for what cannot be an id."""
    if not RENTAL_ID.fullmatch(rental_id):
        raise RentalUnknown()
    return own_rental(buyer, rental_id)


def _body(request: HttpRequest, readers: dict[str, Reader]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body as it came, and its fields."""
    body = json_object(request, limit=BODY_BYTES)
    refuse_others(body, readers)
    return body, read_fields(body, readers)


def _query(request: HttpRequest, readers: dict[str, Reader]) -> dict[str, Any]:
    refuse_others(request.GET, readers)
    return query_fields(request, readers)


def _micros(cents: int | None) -> int | None:
    return None if cents is None else cents * CENT


def _unix(moment: Any) -> int | None:
    return None if moment is None else wire.unix(moment)
