"""The purge: what is personal of customers who were marked for deletion is erased when their time is over.

Their ids stay taken; orders, ledger and counts stay. It lives up here because it reaches into every room.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from accounts.models import Customer
from accounts.queries import find_double, marked_before
from accounts.services import claim_marked, erase_customer
from accounts.sessions import forget_sessions
from activations.own_orders import has_open_orders
from activations.services.erasing import erase_texts
from api.diary import forget_requests_of
from billing.queries import open_holds_of
from webhooks.services.endpoints import forget_endpoints

log = structlog.get_logger(__name__)


def purge_due(*, now: datetime) -> int:
    """Purge whose mark is older than settings.PURGE_AFTER_DAYS; how many. Each in a transaction of his own,
    so a run that was stopped is made up by the next. Who has something open waits for a later run.
    """
    before = now - timedelta(days=settings.PURGE_AFTER_DAYS)
    found = [customer for customer in marked_before(before).iterator() if not _is_busy(customer)]
    if users := {customer.user_id for customer in found if customer.user_id is not None}:
        forget_sessions(users)  # first, for afterwards nobody knows whose a session was
    purged = sum(purge(customer_id=customer.pk, before=before, now=now) for customer in found)
    log.info("customers_purged", customers=purged)
    return purged


@transaction.atomic
def purge(*, customer_id: int, before: datetime, now: datetime) -> bool:
    """Erase one customer's data, and that of his double in the test twin. False when he is not due any more,
    or has an open order or held money.
    """
    customer = claim_marked(customer_id=customer_id, before=before)
    if customer is None:
        return False
    double = find_double(customer)
    owners = [customer, *([double] if double and not double.purged_at else [])]
    if any(_is_busy(owner) for owner in owners):
        return False
    for owner in owners:
        _erase(owner, now=now)
    return True


def _is_busy(customer: Customer) -> bool:
    return has_open_orders(customer) or open_holds_of(customer).exists()


def _erase(customer: Customer, *, now: datetime) -> None:
    erase_texts(tenant_id=customer.tenant_id, customer_id=customer.pk, now=now)
    forget_endpoints(customer=customer)
    forget_requests_of(customer.pk)
    erase_customer(customer=customer, now=now)
