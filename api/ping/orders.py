"""Ordering a number, waiting for its code, giving it back (ping.md V1 to V3)."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone

from activations import policy, queries
from activations.queries import ActivationRow, row_from, shown_from
from activations.services import closing, ordering
from activations.services.eligibility import check_may_order
from activations.wish import SaleTerms, Wish
from api import diary
from api.auth import Extra
from api.ping import wire
from api.ping.entry import DIALECT, Asked, ping
from api.ping.reading import ORDER, body_fields, check_kind, product_of
from api.ping.services import SHOP
from api.repeats import digest_of, request_key
from billing.prices import Rules, rules_in
from portal.errors import NoNumbers, PortalError, UnknownActivation, UpstreamUnavailable, ValidationError
from providers.product_list import ORDERED, Product, listed_product

MINE = (
    "LEFT JOIN activations_activation a ON a.ord_id = %(order_id)s AND a.tenant_id = k.tenant_id"
    " AND a.customer_id = c.id AND a.lease_state <> 'unsold'"
)
ONE = Extra(queries.COLUMNS, MINE)
POLLED = Extra(f"floor(date_part('epoch', a.received_at))::bigint, {queries.SHOWN}", MINE)
TERMS = SaleTerms(life_seconds=policy.SHORT_LIFE_SECONDS, ends_finalized=True)
CHECKING = (
    "We could not yet find out whether the number was sold. Poll this order, or repeat the request with the"
    " same Idempotency-Key, in a moment; you will not be charged twice."
)
CANCELLING = (
    "The cancellation was sent but is not confirmed yet. Poll this order in a moment: either its money comes"
    " back, or it stays pending and can be cancelled again."
)


@ping("POST", rate="order", scope="order", extra=SHOP)
def create(asked: Asked) -> HttpResponse:
    """V1: buy a number."""
    owner_id, rules = asked.found[0], rules_in(asked.found[1])
    try:
        key = request_key(asked.request)
        body, fields = body_fields(asked.request, ORDER)
        product = product_of(fields["serviceId"], buyer=asked.buyer, owner_id=owner_id)
        check_kind(product, ORDERED)
    except PortalError:
        check_may_order(asked.buyer, now=timezone.now())  # who may not order hears that first
        raise
    wish = Wish(
        service_id=product.service_id,
        country_id=product.country_id,
        capability=fields["capability"],
        quality_factor=0.0,  # the price that S1 shows is the lowest, so that one is sold
    )
    try:
        row = ordering.order_activation(
            buyer=asked.buyer,
            wish=wish,
            request_key=key,
            request_digest=digest_of({"call": "order", **body}),
            channel=DIALECT,
            terms=TERMS,
            rules=rules,
        )
    except NoNumbers:
        _check_capability(asked, product, wish.capability, rules)
        raise
    diary.about(row.hex_id)
    if row.is_checking:
        raise UpstreamUnavailable(CHECKING, public_id=row.ord_id)
    return wire.success(
        status=201,
        message="Verification order created",
        verification=wire.verification(row, service_id=fields["serviceId"]),
    )


def _check_capability(asked: Asked, product: Product, wanted: str, rules: Rules) -> None:
    """Raises ValidationError when there is no number because nobody offers it in that way."""
    found = listed_product(
        product,
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        rules=rules,
        now=timezone.now(),
    )
    if found and wanted not in wire.capabilities(found):
        raise ValidationError(
            {"capability": f"{wanted} is not offered by this service."}, refusal="capability"
        )


@ping("GET", rate="poll", extra=POLLED, touches=False)
def poll(asked: Asked, order_id: str) -> HttpResponse:
    """V2: the state of an order and its code."""
    if asked.found[1] is None:
        raise UnknownActivation("This order does not exist.")
    [row] = shown_from([asked.found[1:]])
    diary.about(row.hex_id)
    return wire.success(verification=wire.polled(row, order_id=order_id, received_at=asked.found[0]))


@ping("POST", rate="cancel", scope="order", extra=ONE)
def cancel(asked: Asked, order_id: str) -> HttpResponse:
    """V3: give an unused number back."""
    closed = closing.cancel(buyer=asked.buyer, hex_id=_own(asked).hex_id, at_any_age=True)
    if closed.is_cancelling:
        raise UpstreamUnavailable(CANCELLING, public_id=order_id)
    refund = closed.customer_price_micros - closed.fee_micros
    ended = {
        "public_id": closed.ord_id,
        "status": wire.status_of(closed),
        "refund": {"amount": wire.back(refund), "currency": wire.CURRENCY},
    }
    return wire.success(message="Verification order cancelled", verification=ended)


def _own(asked: Asked) -> ActivationRow:
    if asked.found[0] is None:
        raise UnknownActivation("This order does not exist.")
    row = row_from(asked.found)
    diary.about(row.hex_id)
    return row
