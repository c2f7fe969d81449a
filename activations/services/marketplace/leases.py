"""What is due at the provider for numbers sold to marketplaces, after the marketplace has had its answer:
numbers given back or finished, further messages asked for, rentals renewed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Customer
from activations.database import rows
from activations.models import Sale
from activations.queries import row_by_id
from activations.rental_queries import rental_row_by_id
from activations.services import closing
from activations.services.rentals.closing import cancel_rental, finish_rental
from activations.services.rentals.renewing import set_auto_renew
from portal import errors
from portal.encryption import SecretUnreadable

log = structlog.get_logger(__name__)

CLAIMED_FOR = timedelta(seconds=60)
TRY_AGAIN = timedelta(seconds=30)
BATCH = 100
FLAG_AFTER = timedelta(minutes=30)

CLAIM = """
WITH due AS (
    SELECT id FROM activations_sale WHERE lease_due_at <= %(now)s
    ORDER BY lease_due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_sale s SET lease_due_at = %(until)s FROM due WHERE s.id = due.id RETURNING s.id
"""
FLAG = """
UPDATE activations_sale s SET flagged_at = %(now)s
WHERE s.ended_at IS NULL AND s.flagged_at IS NULL AND s.created_at < %(before)s
  AND NOT EXISTS (SELECT 1 FROM activations_rental r WHERE r.id = s.rental_id
                  AND r.messages_count > 0 AND r.rental_status = 'active')
RETURNING s.number, s.contract_id
"""


def attend_due_sales(now: datetime | None = None) -> int:
    """Do at the providers what is due; how many sales were looked at. Any number of sweeps may run."""
    now = now or timezone.now()
    claimed = rows(CLAIM, {"now": now, "batch": BATCH, "until": now + CLAIMED_FOR})
    for row in claimed:
        sale = Sale.objects.get(pk=row["id"])
        again = _attend(sale, now=now)
        Sale.objects.filter(pk=sale.pk, lease_due_at=now + CLAIMED_FOR).update(lease_due_at=again)
    return len(claimed)


def flag_old_sales(now: datetime | None = None) -> int:
    """Mark operations that the marketplace should have ended; nothing is closed by us."""
    now = now or timezone.now()
    flagged = rows(FLAG, {"now": now, "before": now - FLAG_AFTER})
    for row in flagged:
        log.warning("marketplace_sale_open_for_long", sale=row["number"], contract=row["contract_id"])
    return len(flagged)


def _attend(sale: Sale, *, now: datetime) -> datetime | None:
    """When to look again; None: nothing more is due."""
    buyer = Buyer.of(Customer.objects.select_related("tenant__live_tenant").get(contract=sale.contract_id))
    attend = _attend_rental if sale.rental_id else _attend_activation
    try:
        return attend(buyer, sale, now=now)
    except errors.EarlyCancel as refusal:
        at = refusal.extra["at"]
        assert isinstance(at, datetime)
        return at
    except (errors.UpstreamUnavailable, errors.OrderInProgress):
        return now + TRY_AGAIN
    except (errors.PortalError, SecretUnreadable) as refusal:
        # It ends by itself when its time is over.
        log.info("marketplace_lease_left", sale=sale.number, reason=type(refusal).__name__)
        return None


def _attend_activation(buyer: Buyer, sale: Sale, *, now: datetime) -> datetime | None:
    """Over: finish a number that was used, give back one that was not. Open: listen for further messages."""
    assert sale.activation_id is not None
    row = row_by_id(tenant_id=sale.tenant_id, activation_id=sale.activation_id)
    assert row is not None
    if not row.is_open:
        return None
    if sale.is_open:
        if row.is_retriable and row.sms_status in {"smsReceived", "retryReceived"}:
            closing.request_retry(buyer=buyer, hex_id=row.hex_id, now=now)
    elif row.has_code:
        closing.finalize(buyer=buyer, hex_id=row.hex_id, now=now)
    elif not row.is_cancelling:
        closing.cancel(buyer=buyer, hex_id=row.hex_id, now=now)
    return None


def _attend_rental(buyer: Buyer, sale: Sale, *, now: datetime) -> datetime | None:
    """Over: end the rental. Open: let it renew itself, whatever the marketplace's client pays for."""
    assert sale.rental_id is not None
    row = rental_row_by_id(tenant_id=sale.tenant_id, rental_id=sale.rental_id)
    assert row is not None
    if not row.is_open:
        return None
    if sale.is_open:
        if row.can_extend and not row.auto_renew:
            set_auto_renew(
                buyer=buyer, rnt_id=row.rnt_id, is_on=True, hours=row.hours, max_customer_price_micros=0,
                now=now,
            )  # fmt: skip
    elif row.can_cancel and row.is_guarded(now):
        cancel_rental(buyer=buyer, rnt_id=row.rnt_id, now=now)
    else:
        finish_rental(buyer=buyer, rnt_id=row.rnt_id, now=now)
    return None
