"""A marketplace ends an operation: sold, cancelled, not wanted, or refunded afterwards. Repeating it changes
nothing, and the number itself is dealt with later (activations.services.marketplace.leases).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from activations.marketplace_queries import Terms, to_micros
from activations.models import Contract, NumberRecord, Rental, Sale
from billing import ledger
from portal import errors

log = structlog.get_logger(__name__)

OFFERS_AFTER_CANCEL = 3
SILENT_RENTS = 3
HIDDEN_FOR = timedelta(hours=24)


@transaction.atomic
def finish_sale(
    terms: Terms, *, number: int, ending: Sale.Ending, sum: Decimal | None = None, now: datetime | None = None
) -> Sale:
    """End the operation `number`. `sum`: what the marketplace says it pays, in the sale's currency; None:
    what it promised.

    An operation ends once; afterwards only a sold one can be refunded, and anything else is ignored. Income
    is booked when it is sold and taken back when it is refunded. Raises UnknownActivation.
    """
    now = now or timezone.now()
    # Locked as issuing does, which also writes down what is known of the number: the two never cross.
    Contract.objects.select_for_update(no_key=True).get(pk=terms.id)
    sale = Sale.objects.select_for_update().filter(contract_id=terms.id, number=number).first()
    if sale is None:
        raise errors.UnknownActivation()
    if sale.is_open:
        _end(terms, sale, ending, sum, now=now)
    elif sale.state == Sale.State.FINISHED and ending == Sale.Ending.REFUNDED:
        ledger.reverse_income(order_id=_order_of(sale), now=now)
        sale.state, sale.ending = Sale.State.REFUNDED, ending
        sale.save(update_fields=["state", "ending"])
    return sale


STATES = {
    Sale.Ending.SOLD: Sale.State.FINISHED,
    Sale.Ending.REFUNDED: Sale.State.REFUNDED,
    Sale.Ending.CANCELED: Sale.State.CANCELED,
    Sale.Ending.UNWANTED: Sale.State.CANCELED,
}


def _end(terms: Terms, sale: Sale, ending: Sale.Ending, sum: Decimal | None, *, now: datetime) -> None:
    sale.state, sale.ending, sale.ended_at, sale.lease_due_at = STATES[ending], ending, now, now
    if ending == Sale.Ending.SOLD:
        sale.paid_sum = sale.sum if sum is None else sum
        sale.income_micros = to_micros(sale.paid_sum, currency=sale.currency, rub_per_usd=sale.rub_per_usd)
        ledger.earn(
            order_id=_order_of(sale),
            tenant_id=sale.tenant_id,
            customer_id=terms.buyer.customer_id,
            micros=sale.income_micros,
            now=now,
        )
        if sale.income_micros < sale.expected_micros:
            log.warning("marketplace_paid_less", sale=sale.number, contract=sale.contract_id)
    sale.save(update_fields=["state", "ending", "ended_at", "lease_due_at", "paid_sum", "income_micros"])
    _remember(sale, ending, now=now)


def _order_of(sale: Sale) -> UUID:
    order_id = sale.activation_id or sale.rental_id
    assert order_id is not None
    return order_id


def _remember(sale: Sale, ending: Sale.Ending, *, now: datetime) -> None:
    """What this end means for offering the number again."""
    if sale.rental is not None:
        _remember_rent(sale, sale.rental, ending, now=now)
    elif ending == Sale.Ending.UNWANTED:
        _record(sale, is_excluded=True)
    elif ending == Sale.Ending.CANCELED:
        record = _record(sale)
        if record.offers_left is None:
            record.offers_left = OFFERS_AFTER_CANCEL
            record.save(update_fields=["offers_left"])


def _remember_rent(sale: Sale, rental: Rental, ending: Sale.Ending, *, now: datetime) -> None:
    """Three rents in a row without a message get a number banned; it is hidden before (OS-11 of the protocol:
    a message, and 24 hours, let them be forgotten).
    """
    record = _record(sale, is_excluded=ending == Sale.Ending.UNWANTED)
    is_silent = ending == Sale.Ending.CANCELED and not rental.messages_count
    if record.silent_at is None or record.silent_at <= now - HIDDEN_FOR or not is_silent:
        record.silent_rents = 0
    if is_silent:
        record.silent_rents += 1
        record.silent_at = now
        if record.silent_rents >= SILENT_RENTS:
            record.silent_rents, record.hidden_until = 0, now + HIDDEN_FOR
    record.save(update_fields=["silent_rents", "silent_at", "hidden_until"])


def _record(sale: Sale, *, is_excluded: bool = False) -> NumberRecord:
    """The number's row, locked."""
    whose = {"contract_id": sale.contract_id, "phone": sale.phone, "service_id": sale.service_id}
    NumberRecord.objects.bulk_create([NumberRecord(tenant_id=sale.tenant_id, **whose)], ignore_conflicts=True)
    record = NumberRecord.objects.select_for_update().get(**whose)
    if is_excluded and not record.is_excluded:
        record.is_excluded = True
        record.save(update_fields=["is_excluded"])
    return record
