"""Automatic renewal: an extension that a due row starts shortly before the end, within the price that the
customer agreed to. One end is extended once, whoever asks (constraint end_extended_once).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Customer
from activations import policy
from activations.database import move_rental, run
from activations.hints import tell_browser
from activations.rental_queries import RentalRow, first_term_hours
from activations.services.apart import apart
from activations.services.checking.holding import FRESH, SweepClock
from activations.services.rentals import times
from activations.services.rentals.claims import DueRental, claim, hold, note_failed, put_back
from activations.services.rentals.extending import extend_rental, extension_price, own_rental
from activations.services.rentals.mails import tell_customer
from activations.services.rentals.ordering import check_hours
from portal import errors

log = structlog.get_logger(__name__)

SERIAL_BATCH = 10  # rows of a sweep that works on one after the other


def set_auto_renew(
    *,
    buyer: Buyer,
    rnt_id: str,
    is_on: bool,
    hours: int | None = None,
    max_customer_price_micros: int | None = None,
    now: datetime | None = None,
) -> RentalRow:
    """Switch automatic renewal by `hours` (None: the first term's) on or off. The cap is what one renewal
    may cost the customer, in micro-USD; None: today's price.

    Raises RentalUnknown, RentalNotActive, InvalidDuration.
    """
    now = now or timezone.now()
    row = own_rental(buyer, rnt_id)
    renew_at = None
    if is_on:
        hours = hours or row.renew_hours or first_term_hours(row)
        check_hours(hours)
        price = extension_price(buyer=buyer, rnt_id=rnt_id, hours=hours, now=now)
        cap = price if max_customer_price_micros is None else max_customer_price_micros
        max_customer_price_micros = cap
        assert row.ends_at is not None
        renew_at = times.renew_at(row.ends_at, hours=hours, now=now)
    changed = move_rental(
        "rental_set_renewal",
        id=row.id,
        on=is_on,
        hours=hours,
        max_price=max_customer_price_micros,
        renew_at=renew_at,
        now=now,
    )
    if changed is None:
        raise errors.RentalNotActive()
    return changed


def renew_due_rentals(now: datetime | None = None) -> int:
    """Renew what is due; how many were looked at. Running it twice, or at two places, renews once."""
    return _one_after_the_other("renew", _renew, now=now or timezone.now())


def _one_after_the_other(kind: str, work: Callable[[DueRental, datetime], None], *, now: datetime) -> int:
    """Few are claimed at once, so that other workers take their share; each is worked with its own time, for
    what it asks of a provider is lost that many seconds after it began. One that fails, as when its mail is
    refused, comes later and stops no other (O7).
    """
    looked_at, clock = 0, SweepClock(now)
    while batch := claim(kind, now=now, clock=clock, most=SERIAL_BATCH):
        held = hold(batch, clock)
        for due in batch:
            held.keep()
            at = clock.counted_from()
            with apart("rental_failed", partial(note_failed, [due.due_id], now=at, park=False), due=kind):
                work(due, at)
            held.let_go([due.due_id])
        looked_at += len(batch)
        if len(batch) < SERIAL_BATCH:
            break
    return looked_at


def _renew(due: DueRental, now: datetime) -> None:
    row = due.row
    if not row.auto_renew or not row.is_open or row.renew_hours is None or row.ends_at is None:
        return
    renew_at = times.renew_at(row.ends_at, hours=row.renew_hours, now=now)
    if renew_at > now:  # an extension was quicker than this sweep
        put_back({due.due_id: renew_at})
        return
    customer = Customer.objects.select_related("tenant").get(pk=row.customer_id)
    try:
        extend_rental(
            buyer=Buyer.of(customer), rnt_id=row.rnt_id, hours=row.renew_hours, request_key=None,
            max_customer_price_micros=row.renew_max_price_micros, renews_end=row.ends_at, now=now,
        )  # fmt: skip
    except errors.OrderInProgress:
        put_back({due.due_id: now + timedelta(minutes=1)})  # an extension is being found out
    except errors.PortalError as refusal:
        _refused(due, refusal, now=now)


def _refused(due: DueRental, refusal: errors.PortalError, *, now: datetime) -> None:
    """Told once; tried again until the end, because money may come in and prices fall."""
    row = due.row
    log.info("renewal_refused", rental=row.rnt_id, reason=refusal.code)
    put_back({due.due_id: now + policy.RENTAL_RENEW_AGAIN})
    changed = run(
        "UPDATE activations_rental SET renew_refusal = %(code)s, updated_at = %(now)s"
        " WHERE id = %(id)s AND rental_status = 'active' AND renew_refusal = ''",
        {"id": row.id, "code": refusal.code, "now": now},
    )
    if changed:
        tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.rnt_id)
        tell_customer(row, about="not_renewed", reason=refusal.text)


def remind_due_rentals(now: datetime | None = None) -> int:
    """Tell by event and mail that an end is near; how many. A mail that fails comes again."""
    return _one_after_the_other("remind", _remind, now=now or timezone.now())


def _remind(due: DueRental, now: datetime) -> None:
    row = due.row
    tell_customer(row, about="renews_soon" if row.auto_renew else "ends_soon")
    with transaction.atomic():
        done = run(
            "DELETE FROM activations_rentaldue WHERE id = %(id)s AND due_at <= %(claimed)s",
            {"id": due.due_id, "claimed": now + FRESH + policy.CLAIM},  # an extension plans another
        )
        if done:
            run(
                "INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)"
                " VALUES (%(tenant)s, %(customer)s, 'rental.ends_soon', %(id)s, '{}', %(now)s)",
                {"tenant": row.tenant_id, "customer": row.customer_id, "id": row.id, "now": now},
            )
