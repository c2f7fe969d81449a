"""Lifting the block of a low success rate: by the customer himself a few times a day, by staff at will."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Customer
from portal.errors import InvalidState, LowSuccessRate

WINDOW = timedelta(hours=24)
NOT_BLOCKED = "Buying is not paused."
USED_UP = "You have lifted the pause as often as a day allows."


def unblocks_left(customer: Customer, *, now: datetime) -> int:
    """How often the customer may still lift a pause himself in the present 24 hours."""
    if customer.unblocks_since is None or now - customer.unblocks_since >= WINDOW:
        return int(settings.SELF_UNBLOCKS_PER_DAY)
    return max(0, settings.SELF_UNBLOCKS_PER_DAY - customer.unblocks_used)


@transaction.atomic
def unblock_self(*, customer_id: int, now: datetime | None = None) -> None:
    """The customer ends his pause; the rate is counted afresh from now on.

    Raises InvalidState (not blocked), LowSuccessRate (`until`: no unblock is left before the pause ends).
    """
    now = now or timezone.now()
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    if customer.blocked_until is None or customer.blocked_until <= now:
        raise InvalidState(NOT_BLOCKED)
    left = unblocks_left(customer, now=now)
    if not left:
        raise LowSuccessRate(USED_UP, until=customer.blocked_until)
    if customer.unblocks_since is None or now - customer.unblocks_since >= WINDOW:
        customer.unblocks_since = now
    customer.unblocks_used = settings.SELF_UNBLOCKS_PER_DAY - left + 1
    _lift(customer, now=now)


@transaction.atomic
def unblock_by_staff(*, customer_id: int, now: datetime | None = None) -> None:
    """End a customer's pause without spending one of his own unblocks. Raises InvalidState (not blocked)."""
    now = now or timezone.now()
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    if customer.blocked_until is None or customer.blocked_until <= now:
        raise InvalidState(NOT_BLOCKED)
    _lift(customer, now=now)


def _lift(customer: Customer, *, now: datetime) -> None:
    customer.blocked_until, customer.success_counted_from, customer.updated_at = None, now, now
    customer.save(
        update_fields=[
            "blocked_until", "success_counted_from", "updated_at", "unblocks_used", "unblocks_since",
        ]
    )  # fmt: skip
