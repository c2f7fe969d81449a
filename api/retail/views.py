"""The retail calls that are made often: order, poll, cancel, retry, finalize, active list, balance.

Plain views over our own reading and writing; a poll is one SELECT (PERFORMANCE.md, decision 3).
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.identity import Buyer
from accounts.unblocking import unblock_self
from activations import queries
from activations.services import closing, ordering
from activations.services.eligibility import check_may_order
from api.auth import Caller, Extra
from api.input import Flag, query_fields
from api.retail import wire
from api.retail.entry import Gate, retail
from api.retail.order import read_order
from billing.prices import rules_along, rules_in
from portal.errors import PortalError, UnknownActivation, UpstreamUnavailable

ACTIVATION = Extra(
    queries.SHOWN,
    "LEFT JOIN activations_activation a ON a.hex_id = %(activation)s AND a.tenant_id = k.tenant_id"
    " AND a.customer_id = c.id AND a.lease_state <> 'unsold'",
)
RULES = Extra(rules_along(tenant="k.tenant_id", group='c."group"'))
WALLET = Extra("w.balance_micros, w.held_micros", "LEFT JOIN billing_wallet w ON w.customer_id = c.id")
ACCOUNT_WALLET = Extra(
    "w.balance_micros, w.held_micros",
    "LEFT JOIN billing_wallet w ON w.tenant_id = k.tenant_id AND w.customer_id IS NULL",
)
CHECKING = (
    "We could not yet find out whether the number was sold. Repeat the request with the same Idempotency-Key,"
    " or ask for this activation, in a moment; you will not be charged twice."
)
CANCELLING = (
    "The cancellation was sent but is not confirmed yet. Ask for this activation in a moment: either its"
    " money comes back, or it stays active and can be cancelled again."
)
ACTIVES = {"with_data": Flag(False)}


@retail(Gate("POST", scope="order", rate="order", extra=RULES))
def order(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """A1: buy a number."""
    try:
        wish, key, digest = read_order(request)
    except PortalError:
        check_may_order(buyer, now=timezone.now())  # who may not order hears that first
        raise
    row = ordering.order_activation(
        buyer=buyer,
        wish=wish,
        request_key=key,
        request_digest=digest,
        channel="retail",
        rules=rules_in(caller.rest[0]),
    )
    if row.is_checking:
        raise UpstreamUnavailable(CHECKING, activation=row.hex_id)
    return wire.json_response(wire.activation(row, buyer.customer_external_id))


@retail(Gate("GET", scope="read", rate="poll", extra=ACTIVATION, touches=False))
def poll(request: HttpRequest, caller: Caller, buyer: Buyer, hex_id: str) -> HttpResponse:
    """A3: one activation."""
    if caller.rest[0] is None:
        raise UnknownActivation()
    [row] = queries.shown_from([caller.rest])
    return wire.json_response(wire.activation(row, buyer.customer_external_id))


@retail(Gate("PUT", scope="order", rate="retry"))
def retry(request: HttpRequest, caller: Caller, buyer: Buyer, hex_id: str) -> HttpResponse:
    """A4: ask for one more SMS."""
    closing.request_retry(buyer=buyer, hex_id=hex_id)
    return wire.json_response(wire.SUCCESS)


@retail(Gate("PUT", scope="order", rate="cancel"))
def cancel(request: HttpRequest, caller: Caller, buyer: Buyer, hex_id: str) -> HttpResponse:
    """A5: cancel."""
    if closing.cancel(buyer=buyer, hex_id=hex_id).is_cancelling:
        raise UpstreamUnavailable(CANCELLING, activation=hex_id)
    return wire.json_response(wire.SUCCESS)


@retail(Gate("PUT", scope="order", rate="finalize"))
def finalize(request: HttpRequest, caller: Caller, buyer: Buyer, hex_id: str) -> HttpResponse:
    """A6: confirm and close."""
    closing.finalize(buyer=buyer, hex_id=hex_id)
    return wire.json_response(wire.SUCCESS)


@retail(Gate("GET", scope="read", rate="actives"))
def actives(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """A2: what is active, as ids or whole."""
    with_data = query_fields(request, ACTIVES)["with_data"]
    rows = queries.active_rows(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id)
    if not with_data:
        return wire.json_response([row.hex_id for row in rows])
    return wire.json_response([wire.activation(row, buyer.customer_external_id) for row in rows])


@retail(Gate("POST", scope="order", rate="unblock"))
def unblock(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """End the pause of a low success rate; an address of our own."""
    unblock_self(customer_id=buyer.customer_id)
    return wire.json_response(wire.SUCCESS)


@retail(Gate("GET", scope="read", rate="balance", extra=WALLET, touches=False))
def balance(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """A9: the customer's balance."""
    return _balance(caller)


@retail(Gate("GET", scope="read", rate="balance", extra=ACCOUNT_WALLET, touches=False))
def account_balance(request: HttpRequest, caller: Caller, buyer: None) -> HttpResponse:
    """The account's own balance, in the shape of A9."""
    return _balance(caller)


def _balance(caller: Caller) -> HttpResponse:
    total, held = caller.rest
    return wire.json_response(wire.balance(balance_micros=total or 0, held_micros=held or 0))
