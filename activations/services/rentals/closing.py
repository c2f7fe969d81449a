"""The ends that a customer or operator brings about: cancel with what comes back (N4), finish early (N5).

The provider is asked first to cancel, with no transaction open; the move checks the state again under the
row's lock, and whoever locks first wins.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.utils import timezone

from accounts.identity import Buyer
from activations.database import move_rental, run
from activations.hints import tell_browser
from activations.models import Rental
from activations.rental_queries import RentalRow, rental_row_by_id
from activations.services.rentals.extending import own_rental
from portal import errors
from portal.encryption import SecretUnreadable
from providers import health
from providers.contract import (
    Adapter,
    Can,
    OutcomeUnknown,
    ProviderError,
    TooEarly,
    UnknownToUpstream,
    WrongState,
)
from providers.http import send
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
MESSAGE_CAME = "A message was already received, so this rental can no longer be cancelled."


def cancel_rental(
    *, buyer: Buyer, rnt_id: str, only_guarded: bool = False, now: datetime | None = None
) -> RentalRow:
    """N4: everything back within the guard and without a message; later whole unused days, as far as the
    provider pays them back. `only_guarded`: of a dialect that refuses it later.

    The row is `canceled` with its refund, or still active with `is_cancelling` when the provider's answer was
    lost. Raises RentalUnknown, RentalNotActive (it has ended), RentalNotCancelable, OrderInProgress (an
    extension is being found out), EarlyCancel(at), UpstreamUnavailable.
    """
    now = now or timezone.now()
    row = own_rental(buyer, rnt_id)
    _check_cancelable(row, only_guarded=only_guarded, now=now)
    provider, adapter, upstream_ref = rental_lease(row)
    if not _mark(row, now=now):
        check_running(own_rental(buyer, rnt_id))
        raise errors.RentalNotActive()
    cost_back = None
    try:
        if Can.TELL_END not in adapter.can:  # there it is ours to decide, and the provider is told afterwards
            cost_back = send(adapter.cancel_rental(upstream_ref=upstream_ref))
    except ProviderError as error:
        health.note_failure(provider.pk, error, now)
        return _not_cancelled(row, error, now=now)
    closed = close_cancelled(row, provider, cost_back=cost_back, asked_at=now, now=now)
    if closed.rental_status != "canceled" or (only_guarded and closed.messages_count):
        raise errors.RentalNotCancelable(MESSAGE_CAME)
    return closed


def close_cancelled(
    row: RentalRow, provider: Provider, *, cost_back: int | None, asked_at: datetime, now: datetime
) -> RentalRow:
    """N4 after the provider ended it for us. A message that was first takes the full refund, not the end."""
    closed = row
    later = "days" if provider.rental_pays_days_back else "paid"
    for rule in ("full", later) if row.is_guarded(asked_at) else (later,):
        closed = close_rental(
            row, to="canceled", upstream_state="canceled", rule=rule, cost_back=cost_back, now=now
        )
        if not closed.is_open:
            break
    return closed


def finish_rental(*, buyer: Buyer, rnt_id: str, now: datetime | None = None) -> RentalRow:
    """N5: ended early, nothing comes back. The provider is told afterwards; its answer changes nothing here.

    Raises RentalUnknown, RentalNotActive, OrderInProgress (an extension is being found out).
    """
    now = now or timezone.now()
    row = own_rental(buyer, rnt_id)
    check_running(row)
    closed = close_rental(row, to="finished", upstream_state="finished", rule="none", cost_back=None, now=now)
    if closed.rental_status != "finished":
        check_running(closed)
    _tell_provider_finished(closed, now=now)
    return closed


def close_rental(
    row: RentalRow, *, to: str, upstream_state: str, rule: str, cost_back: int | None, now: datetime
) -> RentalRow:
    """N4–N7 as far as still legal (activations/sql/rental_moves.sql); the row as it then is."""
    closed = move_rental(
        "rental_close",
        id=row.id,
        to=to,
        upstream_state=upstream_state,
        rule=rule,
        cost_back=cost_back,
        now=now,
    )
    assert closed is not None
    if not closed.is_open:
        tell_browser(tenant_id=closed.tenant_id, customer_id=closed.customer_id, hex_id=closed.rnt_id)
    return closed


def check_running(row: RentalRow) -> None:
    """Raises RentalNotActive, or OrderInProgress while it is being rented, extended or cancelled."""
    if row.is_checking:
        raise errors.OrderInProgress("This rental is still being checked with the provider.")
    if not row.is_open:
        raise errors.RentalNotActive()
    if row.is_extending:
        raise errors.OrderInProgress("This rental is being extended just now.")
    if row.is_cancelling:
        raise errors.OrderInProgress("This rental is being cancelled just now.")


def _check_cancelable(row: RentalRow, *, only_guarded: bool, now: datetime) -> None:
    check_running(row)
    if not row.can_cancel:
        raise errors.RentalNotCancelable()
    if only_guarded and not row.is_guarded(now):
        raise errors.RentalNotCancelable(MESSAGE_CAME if row.messages_count else "")


def rental_lease(row: RentalRow) -> tuple[Provider, Adapter, str]:
    """Who rents the number out, how he is spoken to, and his name for it. Raises SecretUnreadable."""
    lease = Rental.objects.select_related("provider").get(pk=row.id)
    assert lease.provider is not None
    return lease.provider, adapter_for(lease.provider), lease.upstream_ref


def _mark(row: RentalRow, *, now: datetime) -> bool:
    """Written before the provider is asked, so that a lost answer is found out and nothing extends it
    meanwhile. False: somebody was first.
    """
    free = Rental.objects.filter(pk=row.id, rental_status="active", extending=None, cancel_requested_at=None)
    return bool(free.update(cancel_requested_at=now, updated_at=now))


def _not_cancelled(row: RentalRow, error: ProviderError, *, now: datetime) -> RentalRow:
    """The provider did not confirm: refused, too early, or nobody knows yet (U9, U10)."""
    if isinstance(error, OutcomeUnknown):
        check_rental_now(row, now=now)
        current = rental_row_by_id(tenant_id=row.tenant_id, rental_id=row.id)
        assert current is not None
        return current
    Rental.objects.filter(pk=row.id).update(cancel_requested_at=None, updated_at=now)
    if isinstance(error, TooEarly) and error.at is not None:
        raise errors.EarlyCancel(at=error.at) from error
    if isinstance(error, WrongState | UnknownToUpstream | TooEarly):
        check_rental_now(row, now=now)  # it ended, or a message is there: the provider's status will say
        raise errors.RentalNotCancelable() from error
    raise errors.UpstreamUnavailable() from error


def check_rental_now(row: RentalRow, *, now: datetime) -> bool:
    """Let the next sweep ask the provider about this number; False: it is not asked about any more."""
    changed = run(
        "UPDATE activations_rentaldue SET due_at = %(now)s, parked_reason = ''"
        " WHERE rental_id = %(id)s AND kind = 'status'",
        {"id": row.id, "now": now},
    )
    return bool(changed)


def _tell_provider_finished(row: RentalRow, *, now: datetime) -> None:
    try:
        provider, adapter, upstream_ref = rental_lease(row)
        if Can.FINISH_RENTAL not in adapter.can:
            return
        send(adapter.finish_rental(upstream_ref=upstream_ref))
    except ProviderError as error:
        health.note_failure(provider.pk, error, now)
        log.info("finish_not_taken", rental=row.rnt_id, reason=type(error).__name__)
    except SecretUnreadable:
        log.info("finish_not_taken", rental=row.rnt_id, reason="SecretUnreadable")
