"""Renting a number by the day: its messages, its extension, its end (ping.md R1 to R4)."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone

from activations import rental_queries
from activations.rental_queries import RentalRow, rental_row_from
from activations.services import rentals
from activations.services.eligibility import check_may_order
from activations.wish import RentalWish
from api import diary
from api.auth import Extra
from api.ping import wire
from api.ping.entry import DIALECT, Asked, ping
from api.ping.reading import EXTEND, MESSAGES, RENT, body_fields, check_kind, page_of, product_of
from api.ping.services import OWNER
from api.repeats import digest_of, request_key
from portal.errors import PortalError, RentalUnknown, UpstreamUnavailable
from providers.product_list import RENTED

MINE = Extra(
    rental_queries.COLUMNS,
    "LEFT JOIN activations_rental r ON r.rnt_id = %(rental_id)s AND r.tenant_id = k.tenant_id"
    " AND r.customer_id = c.id AND r.lease_state <> 'unsold'",
)
CHECKING = (
    "We could not yet find out whether the number was rented. Repeat the request with the same"
    " Idempotency-Key in a moment; you will not be charged twice."
)
CANCELLING = "The cancellation was sent but is not confirmed yet. Its outcome is being found out."


@ping("POST", rate="rent", scope="order", extra=Extra(OWNER))
def create(asked: Asked) -> HttpResponse:
    """R1: rent a number; the whole time is charged at once."""
    try:
        key = request_key(asked.request)
        body, fields = body_fields(asked.request, RENT)
        product = product_of(fields["serviceId"], buyer=asked.buyer, owner_id=asked.found[0])
        check_kind(product, RENTED)
    except PortalError:
        check_may_order(asked.buyer, now=timezone.now())  # who may not order hears that first
        raise
    row = rentals.rent_number(
        buyer=asked.buyer,
        wish=RentalWish(
            service_id=product.service_id, country_id=product.country_id, hours=fields["days"] * wire.DAY
        ),
        request_key=key,
        request_digest=digest_of({"call": "rent", **body}),
        channel=DIALECT,
    )
    diary.about(row.rnt_id)
    if row.is_checking:
        raise UpstreamUnavailable(CHECKING, public_id=row.rnt_id)
    return wire.success(
        status=201,
        message="Number rental created",
        rental=wire.rental(row, service_id=fields["serviceId"]),
    )


@ping("GET", rate="messages", extra=MINE, touches=False)
def messages(asked: Asked, rental_id: str) -> HttpResponse:
    """R2: what came, the newest first."""
    row, page = _own(asked), page_of(asked.request, MESSAGES)
    found = rental_queries.rental_messages(row, skip=page["skip"], limit=page["limit"])
    return wire.success(messages=[wire.message(one) for one in found], total=row.messages_count)


@ping("POST", rate="extend", scope="order", extra=MINE)
def extend(asked: Asked, rental_id: str) -> HttpResponse:
    """R3: make it longer; charged at once."""
    row, key = _own(asked), request_key(asked.request)
    body, fields = body_fields(asked.request, EXTEND)
    paid = rentals.extend_rental(
        buyer=asked.buyer,
        rnt_id=row.rnt_id,
        hours=fields["days"] * wire.DAY,
        request_key=key,
        request_digest=digest_of({"call": "extend", "rental": row.rnt_id, **body}),
    )
    longer = {
        "public_id": paid.rental.rnt_id,
        "phone_number": wire.phone(paid.rental.phone),
        "status": wire.rental_status(paid.rental),
        "days_added": wire.days_of(paid.term.hours),
        "total_days": wire.days_of(paid.rental.hours),
        "extension_cost": wire.price(paid.term.customer_price_micros),
        "currency": wire.CURRENCY,
        "expires_at": wire.moment(paid.rental.ends_at),
    }
    return wire.success(message="Rental extended successfully", rental=longer)


@ping("POST", rate="rental_cancel", scope="order", extra=MINE)
def cancel(asked: Asked, rental_id: str) -> HttpResponse:
    """R4: end it; what comes back is what the rules of its provider and of the guard time say."""
    closed = rentals.cancel_rental(buyer=asked.buyer, rnt_id=_own(asked).rnt_id)
    if closed.is_cancelling:
        raise UpstreamUnavailable(CANCELLING, public_id=rental_id)
    refund = {
        "amount": wire.back(closed.customer_refund_micros),
        "currency": wire.CURRENCY,
        "days_remaining": closed.refund_days,
    }
    ended = {"public_id": closed.rnt_id, "status": wire.rental_status(closed), "refund": refund}
    return wire.success(message="Rental cancelled", rental=ended)


def _own(asked: Asked) -> RentalRow:
    if asked.found[0] is None:
        raise RentalUnknown()
    row = rental_row_from(asked.found)
    diary.about(row.rnt_id)
    return row
