"""The database's part of renting and extending: one round trip and one transaction each; nothing here speaks
to a provider. Amounts: micro-USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.identity import Buyer
from activations import policy, refusals
from activations.database import call, move_rental, rows, run
from activations.phones import clean_phone, format_phone
from activations.rental_queries import RentalRow
from activations.services.endings import note_lease
from activations.services.quoting import Quote
from activations.services.rentals import times
from activations.services.request_keys import KeyedRequest
from activations.services.steps import Failure, new_reference
from activations.wish import RentalWish
from portal import errors
from portal.sqlstates import sql_refusals
from providers.contract import Adapter, Can, Lease
from webhooks.models import public_id


@dataclass(frozen=True, slots=True)
class Opened:
    """What transaction one came to. `word`: see rental_take_key in activations/sql/rental_order.sql."""

    word: str
    term_id: UUID | None
    our_ref: str
    refusal: dict[str, object] | None = None


def open_rental(
    quote: Quote,
    *,
    buyer: Buyer,
    wish: RentalWish,
    keyed: KeyedRequest | None,
    channel: str,
    routing: dict[str, object],
    now: datetime,
) -> Opened:
    """Transaction one. Raises InsufficientBalance or TooManyActive: nothing was created."""
    rnt_id, our_ref, candidate = public_id("rnt_"), new_reference(), quote.candidate
    with sql_refusals():
        try:
            word, term_id, refusal = call(
                "rental_open",
                tenant=buyer.tenant_id,
                customer=buyer.customer_id,
                key=keyed.key if keyed else None,
                digest=keyed.digest if keyed else None,
                rnt=rnt_id,
                channel=channel,
                service=wish.service_id,
                country=wish.country_id,
                operator=candidate.operator,
                provider=candidate.provider_id,
                offer=candidate.offer_id,
                our_ref=our_ref,
                hours=wish.hours,
                ceiling=candidate.cost_micros,
                price=quote.price_micros,
                tenant_hold=quote.tenant_hold_micros,
                customer_price=quote.customer_price_micros,
                routing=orjson.dumps(routing).decode(),
                limit=policy.ACTIVE_LIMIT if buyer.max_active is None else buyer.max_active,
                tenant_limit=buyer.tenant_max_active,
                now=now,
                lost_at=now + policy.LOST_AFTER,
            )
        except (OperationalError, InterfaceError):
            # The connection may have died during COMMIT (M10): only our own name for it can tell.
            if (term_id := _find_opened(rnt_id)) is None:
                raise
            word, refusal = "opened", None
    return Opened(word, term_id, our_ref, orjson.loads(refusal) if refusal else None)


def _find_opened(rnt_id: str) -> UUID | None:
    connection.close()
    found = rows("SELECT id FROM activations_rental WHERE rnt_id = %(rnt)s", {"rnt": rnt_id})
    return found[0]["id"] if found else None


def next_attempt(id_: UUID, quote: Quote, *, failed: Failure, now: datetime) -> str | None:
    """Settle the failed attempt and write the next one; its reference, or None when the rental was closed
    meanwhile. Raises InsufficientBalance when the new price is not covered (nothing changed).
    """
    our_ref, candidate = new_reference(), quote.candidate
    with sql_refusals():
        (is_written,) = call(
            "rental_next_attempt",
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
            now=now,
            lost_at=now + policy.LOST_AFTER,
        )
    return our_ref if is_written else None


@dataclass(frozen=True, slots=True)
class RentalDeal:
    """A provider's lease with what it costs whom. `ends_unused`: it closes by itself when nothing comes."""

    our_ref: str
    lease: Lease
    hours: int
    cost_micros: int
    price_micros: int
    is_own: bool
    check_seconds: int
    ends_unused: bool


def attach(id_: UUID, deal: RentalDeal, adapter: Adapter, *, now: datetime) -> RentalRow:
    """Transaction two (N1); repeated once on a new connection when this one breaks (it is safe to repeat).

    Gives the row as it then is: someone else may have closed it. Raises IntegrityError when the provider
    gave away a lease that is ours already.
    """
    try:
        row = _attach(id_, deal, adapter, now=now)
    except (OperationalError, InterfaceError):
        connection.close()
        row = _attach(id_, deal, adapter, now=now)
    assert row is not None
    return row


def _attach(id_: UUID, deal: RentalDeal, adapter: Adapter, *, now: datetime) -> RentalRow | None:
    if Can.TELL_END not in adapter.can:
        return _move(id_, deal, adapter, now=now)
    with transaction.atomic():
        row = _move(id_, deal, adapter, now=now)
        note_lease(deal.lease, rental_id=id_)
    return row


def _move(id_: UUID, deal: RentalDeal, adapter: Adapter, *, now: datetime) -> RentalRow | None:
    phone = clean_phone(deal.lease.phone)
    ends_at = times.end_after(now, hours=deal.hours, named=deal.lease.expire_at)
    guard_until = now + policy.RENTAL_GUARD
    return move_rental(
        "rental_attach",
        id=id_,
        our_ref=deal.our_ref,
        upstream_ref=deal.lease.upstream_ref,
        phone=phone,
        formatted=format_phone(phone),
        operator=deal.lease.operator[:40],
        cost=deal.cost_micros,
        price=deal.price_micros,
        own=deal.is_own,
        starts_at=now,
        ends_at=ends_at,
        guard_until=guard_until,
        guard_at=guard_until if deal.ends_unused else None,
        can_cancel=Can.CANCEL_RENTAL in adapter.can and deal.lease.is_cancelable is not False,
        can_extend=Can.EXTEND_RENTAL in adapter.can,
        check_at=now + timedelta(seconds=deal.check_seconds),
        expire_at=ends_at,
        remind_at=times.remind_at(ends_at, hours=deal.hours, now=now),
        now=now,
    )


def unsold(id_: UUID, *, failed: Failure, refusal: errors.PortalError, now: datetime) -> RentalRow:
    """Close a rental that nobody filled and give the money back; the row as it then is."""
    row = move_rental(
        "rental_unsold",
        id=id_,
        our_ref=failed.our_ref,
        outcome=failed.outcome,
        reason=failed.reason[:80],
        refusal=refusal.code,
        answer=answer_of(refusal),
        now=now,
    )
    assert row is not None
    return row


def answer_of(refusal: errors.PortalError) -> str | None:
    """What a request key answers after this refusal; None: it may try again."""
    return orjson.dumps(refusals.to_json(refusal)).decode() if refusals.is_kept(refusal) else None


def find_out_later(
    *,
    our_ref: str,
    reason: str,
    now: datetime,
    upstream_ref: str = "",
    wait: timedelta = timedelta(seconds=5),
) -> None:
    """Leave a rent or an extension to the reconciling sweep, which looks after `wait`. `upstream_ref`: a
    lease to cancel.
    """
    run(
        """
        WITH marked AS (  -- used below, so that the attempt is locked before the due row, as everywhere
            UPDATE activations_rentalattempt
            SET outcome = 'unknown', reason = %(reason)s, upstream_ref = %(upstream_ref)s
            WHERE our_ref = %(our_ref)s AND outcome = ''
            RETURNING rental_id
        )
        UPDATE activations_rentaldue d SET due_at = %(due)s FROM marked
        WHERE d.rental_id = marked.rental_id AND d.kind IN ('reconcile', 'extension')
        """,
        {"our_ref": our_ref, "reason": reason[:80], "upstream_ref": upstream_ref, "due": now + wait},
    )


def upstream_ref_of(row: RentalRow) -> str:
    """The provider's name for a rental."""
    found = rows("SELECT upstream_ref FROM activations_rental WHERE id = %(id)s", {"id": row.id})
    return str(found[0]["upstream_ref"])


def at_risk(
    term_id: UUID, *, tenant_id: int, provider_id: int, micros: int, note: str, now: datetime
) -> None:
    """A provider may have sold what nobody here paid for."""
    call(
        "rental_at_risk",
        term=term_id,
        tenant=tenant_id,
        provider=provider_id,
        kind="orphan",
        micros=micros,
        note=note,
        now=now,
    )
