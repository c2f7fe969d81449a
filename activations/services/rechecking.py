"""Asking again at once for what was given up or put off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from activations.models import Check
from activations.rental_models import RentalDue


def check_again(*, activation_ids: Iterable[UUID], now: datetime) -> int:
    """The next sweep asks for these orders, parked or not; how many there were. Closed ones have no check."""
    checks = Check.objects.filter(pk__in=list(activation_ids))
    return checks.update(due_at=now, parked_reason="", tries=0)


def do_again(*, due_ids: Iterable[int], now: datetime) -> int:
    """The same for what is due of rentals. Only what failed or is late is moved: an end comes at its time."""
    due = RentalDue.objects.filter(pk__in=list(due_ids))
    parked = due.exclude(parked_reason="").update(due_at=now, parked_reason="", tries=0)
    return parked + due.filter(tries__gt=0, due_at__gt=now).update(due_at=now, tries=0)
