"""What a provider's word on one rental means for us. States only move forward (U13)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db import Error

from activations.models import Rental
from activations.services.receiving import Unstorable
from activations.services.rentals.claims import DueRental, note_failed
from activations.services.rentals.closing import close_cancelled, close_rental
from activations.services.rentals.receiving import receive_rental_messages
from providers.contract import Status, UpstreamState
from providers.models import Provider

log = structlog.get_logger(__name__)

PAID_BACK = {UpstreamState.CANCELED, UpstreamState.REFUNDED}
# `gone` is not among them: it may be a slip of theirs, and the clock ends the rental in any case.
ENDED_THERE = PAID_BACK | {UpstreamState.FINISHED, UpstreamState.EXPIRED}
A_DAY = timedelta(days=1)


def settle(due: DueRental, status: Status, *, provider: Provider, now: datetime) -> bool:
    """Act on one answer. False: the row cannot be worked; it is tried again later, parked in time, and its
    neighbours go on (O7).
    """
    try:
        apply(due, status, provider=provider, now=now)
    except (Unstorable, Error) as error:
        if isinstance(error, Error) and not getattr(error.__cause__, "sqlstate", None):
            raise  # the connection is gone: nothing to do with this row
        log.error("rental_check_failed", rental=due.row.rnt_id, reason=type(error).__name__)
        note_failed([due.due_id], reason=type(error).__name__, now=now, park=True)
        return False
    return True


def apply(due: DueRental, status: Status, *, provider: Provider, now: datetime) -> list[str]:
    """What the answer brought: the words of rental_receive, and `ended`; empty when it is no news. Raises
    Unstorable.
    """
    fresh = due.news_of(status.messages)
    words = receive_rental_messages(target=due.target, messages=fresh, now=now)
    has_ended = status.state in ENDED_THERE and due.row.is_open
    if has_ended and _ended_there(due, status, is_unused=not due.known and "new" not in words,
                                  provider=provider, now=now):  # fmt: skip
        words.append("ended")
    return words


def _ended_there(
    due: DueRental, status: Status, *, is_unused: bool, provider: Provider, now: datetime
) -> bool:
    """N4 when we asked for it, N6 when nothing came; after messages its whole unused days come back. An end
    that takes no whole day away waits for the clock (N7).
    """
    row, back = due.row, _cost_back(due, status)
    if row.cancel_requested_at is not None:
        asked_at = row.cancel_requested_at
        return not close_cancelled(row, provider, cost_back=back, asked_at=asked_at, now=now).is_open
    is_paid_back = status.state in PAID_BACK
    if is_unused and is_paid_back:
        rule = "full"
    elif row.ends_at is not None and row.ends_at - now >= A_DAY:
        rule = "days"
    else:
        _note_state(due, status)
        return False
    if back is None and not (status.state is UpstreamState.REFUNDED or row.is_guarded(now)):
        back = 0  # nobody said that it was paid back: it is listed as money at risk
    closed = close_rental(
        row, to="canceled", upstream_state=status.state.value, rule=rule, cost_back=back, now=now
    )
    return not closed.is_open


def _cost_back(due: DueRental, status: Status) -> int | None:
    """What the provider paid back, when it says what the rental costs by now."""
    if status.cost_micros is None or not 0 <= status.cost_micros <= due.cost_micros:
        return None
    return due.cost_micros - status.cost_micros


def _note_state(due: DueRental, status: Status) -> None:
    """Our state stays; the disagreement is said once."""
    running = Rental.objects.filter(pk=due.row.id, rental_status="active").exclude(
        upstream_state=status.state
    )
    if running.update(upstream_state=status.state.value):
        log.warning("provider_disagrees", rental=due.row.rnt_id, theirs=status.state.value)


def failed(due: Collection[DueRental], *, reason: str, now: datetime) -> None:
    """The provider could not be asked: tried again later and later."""
    note_failed([one.due_id for one in due], reason=reason, now=now, park=False)
