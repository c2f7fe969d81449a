"""The database's part of an order: opened, tried again, attached or unsold. One round trip and one
transaction each; nothing here speaks to a provider.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.identity import Buyer
from activations import policy, refusals
from activations.database import call, move, rows, run
from activations.queries import ActivationRow
from activations.services.endings import note_lease
from activations.services.quoting import Quote
from activations.services.request_keys import KeyedRequest
from activations.wish import SaleTerms, Wish
from portal import errors
from portal.sqlstates import sql_refusals
from providers.contract import Lease
from webhooks.models import public_id


@dataclass(frozen=True, slots=True)
class Opened:
    """What transaction one came to. `word`: see activations/sql/activation_open.sql."""

    word: str
    id: UUID | None
    our_ref: str
    refusal: dict[str, object] | None = None


def new_reference() -> str:
    """Our own reference of one attempt: sent along, and how a lost order is found again."""
    return secrets.token_hex(12)


def open_activation(
    quote: Quote,
    *,
    buyer: Buyer,
    wish: Wish,
    max_price_micros: int,
    quality_factor: float,
    keyed: KeyedRequest | None,
    channel: str,
    terms: SaleTerms,
    routing: dict[str, object],
    now: datetime,
) -> Opened:
    """Transaction one. Raises InsufficientBalance, TooManyActive, PriceTokenInvalid: nothing was created."""
    hex_id, our_ref = secrets.token_hex(12), new_reference()
    with sql_refusals():
        try:
            word, id_, refusal = call(
                "activation_open",
                tenant=buyer.tenant_id,
                customer=buyer.customer_id,
                key=keyed.key if keyed else None,
                digest=keyed.digest if keyed else None,
                hex=hex_id,
                channel=channel,
                our_ref=our_ref,
                routing=orjson.dumps(routing).decode(),
                limit=policy.ACTIVE_LIMIT if buyer.max_active is None else buyer.max_active,
                tenant_limit=buyer.tenant_max_active,
                now=now,
                expire_at=now + policy.ORDER_LONGEST,
                lost_at=now + policy.LOST_AFTER,
                quality=quality_factor,
                cancel_fee=terms.cancel_fee_micros,
                ends_finalized=terms.ends_finalized,
                **_bought(quote, wish=wish, max_price_micros=max_price_micros),
            )
        except (OperationalError, InterfaceError):
            # The connection may have died during COMMIT (M10): only our own reference can tell.
            if (id_ := _find_opened(hex_id)) is None:
                raise
            word, refusal = "opened", None
    return Opened(word, id_, our_ref, orjson.loads(refusal) if refusal else None)


def _bought(quote: Quote, *, wish: Wish, max_price_micros: int) -> dict[str, object]:
    """The arguments that say what is ordered from whom, and at which prices."""
    candidate = quote.candidate
    return {
        "token": wish.token,
        "ord": public_id("ord_"),
        "service": wish.service_id,
        "country": wish.country_id,
        "operator": candidate.operator,
        "capability": wish.capability,
        "provider": candidate.provider_id,
        "offer": candidate.offer_id,
        "ceiling": candidate.cost_micros,
        "mode": wish.billing_mode,
        "price": quote.price_micros,
        "tenant_hold": quote.tenant_hold_micros,
        "customer_price": quote.customer_price_micros,
        "due_price": quote.due_price_micros,
        "due_customer": quote.due_customer_price_micros,
        "max_price": max_price_micros,
        "markup": wish.markup_percent,
    }


def _find_opened(hex_id: str) -> UUID | None:
    connection.close()
    found = rows("SELECT id FROM activations_activation WHERE hex_id = %(hex_id)s", {"hex_id": hex_id})
    return found[0]["id"] if found else None


@dataclass(frozen=True, slots=True)
class Failure:
    """How the latest attempt ended, kept until the statement that settles it."""

    our_ref: str
    outcome: str
    reason: str


def next_attempt(id_: UUID, quote: Quote, *, failed: Failure, now: datetime) -> str | None:
    """Settle the failed attempt and write the next one; its reference, or None when the order was closed
    meanwhile. Raises InsufficientBalance when the new price is not covered (nothing changed).
    """
    our_ref, candidate = new_reference(), quote.candidate
    with sql_refusals():
        (is_written,) = call(
            "activation_next_attempt",
            id=id_,
            old_ref=failed.our_ref,
            outcome=failed.outcome,
            reason=failed.reason[:80],
            provider=candidate.provider_id,
            offer=candidate.offer_id,
            our_ref=our_ref,
            ceiling=candidate.cost_micros,
            price=quote.price_micros,
            tenant_hold=quote.tenant_hold_micros,
            customer_price=quote.customer_price_micros,
            due_price=quote.due_price_micros,
            due_customer=quote.due_customer_price_micros,
            now=now,
            lost_at=now + policy.LOST_AFTER,
        )
    return our_ref if is_written else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a provider's lease is ours to decide."""

    formatted: str
    expire_at: datetime
    cancelable_after: datetime | None
    is_retriable: bool
    check_at: datetime
    list_at: datetime | None
    tells_end: bool = False  # the provider must be told how it ended


@dataclass(frozen=True, slots=True)
class Deal:
    """A lease with what it costs whom (micro-USD) and on which terms it is ours."""

    our_ref: str
    lease: Lease
    phone: str
    cost_micros: int
    price_micros: int
    is_own: bool
    due_price_micros: int
    due_customer_price_micros: int
    terms: Terms
    operator: str = ""  # in our word; empty: the offer's


def attach(id_: UUID, deal: Deal, *, now: datetime) -> ActivationRow:
    """Transaction two; repeated once on a new connection when this one breaks (it is safe to repeat).

    Gives the row as it then is: someone else may have closed the order. Raises IntegrityError when the
    provider gave away a lease that is ours already.
    """
    try:
        row = _attach(id_, deal, now=now)
    except (OperationalError, InterfaceError):
        connection.close()
        row = _attach(id_, deal, now=now)
    assert row is not None
    return row


def _attach(id_: UUID, deal: Deal, *, now: datetime) -> ActivationRow | None:
    if not deal.terms.tells_end:
        return _move(id_, deal, now=now)
    with transaction.atomic():
        row = _move(id_, deal, now=now)
        note_lease(deal.lease, activation_id=id_)
    return row


def _move(id_: UUID, deal: Deal, *, now: datetime) -> ActivationRow | None:
    terms = deal.terms
    return move(
        "activation_attach",
        id=id_,
        our_ref=deal.our_ref,
        upstream_ref=deal.lease.upstream_ref,
        phone=deal.phone,
        formatted=terms.formatted,
        operator=deal.operator,
        cost=deal.cost_micros,
        price=deal.price_micros,
        own=deal.is_own,
        due_price=deal.due_price_micros,
        due_customer=deal.due_customer_price_micros,
        expire_at=terms.expire_at,
        cancelable_after=terms.cancelable_after,
        retriable=terms.is_retriable,
        check_at=terms.check_at,
        list_at=terms.list_at,
        now=now,
    )


def unsold(
    id_: UUID, *, failed: Failure, refusal: errors.PortalError, token: str | None, now: datetime
) -> ActivationRow:
    """Close an order that nobody filled and give the money back; the row as it then is."""
    answer = orjson.dumps(refusals.to_json(refusal)).decode() if refusals.is_kept(refusal) else None
    row = move(
        "activation_unsold",
        id=id_,
        our_ref=failed.our_ref,
        outcome=failed.outcome,
        reason=failed.reason[:80],
        refusal=refusal.code,
        answer=answer,
        token=token,
        now=now,
    )
    assert row is not None
    return row


def find_out_later(
    id_: UUID,
    *,
    our_ref: str,
    reason: str,
    now: datetime,
    upstream_ref: str = "",
    wait: timedelta = timedelta(seconds=5),
) -> None:
    """Leave the order to the reconciling sweep, which looks after `wait`. `upstream_ref`: a lease to
    cancel.
    """
    run(
        """
        WITH marked AS (  -- used below, so that the attempt is locked before the check, as everywhere
            UPDATE activations_attempt
            SET outcome = 'unknown', reason = %(reason)s, upstream_ref = %(upstream_ref)s
            WHERE our_ref = %(our_ref)s AND activation_id = %(id)s AND outcome = ''
            RETURNING activation_id
        )
        UPDATE activations_check c SET due_at = %(due)s FROM marked
        WHERE c.activation_id = marked.activation_id AND c.kind = 'reconcile'
        """,
        {
            "id": id_,
            "our_ref": our_ref,
            "reason": reason[:80],
            "upstream_ref": upstream_ref,
            "due": now + wait,
        },
    )
