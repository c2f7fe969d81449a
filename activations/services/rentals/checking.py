"""The sweeps over running rentals: messages and state (`check_due_rentals`), their ends
(`end_due_rentals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from activations import policy
from activations.services.apart import ask_all
from activations.services.rentals import news
from activations.services.rentals.claims import (
    DueRental,
    claim,
    next_check,
    note_failed,
    open_rental_on,
    put_back,
    rentals_by_reference,
)
from activations.services.rentals.closing import check_rental_now, close_cancelled, close_rental
from activations.services.rentals.orphans import cancel_left_behind
from portal.encryption import SecretUnreadable
from providers import health
from providers.contract import (
    Adapter,
    Callback,
    Can,
    ListedLease,
    ProviderError,
    Status,
    UnknownToUpstream,
    UpstreamState,
)
from providers.http import send, send_all
from providers.models import Provider
from providers.registry import adapter_for

RESEND_AFTER = timedelta(seconds=10)
SELDOM_SECONDS = 60  # where there is nobody to ask
TRY_END_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Heard:
    """A rental with what its provider said, or why it could not be asked."""

    due: DueRental
    provider: Provider
    adapter: Adapter
    status: Status | None
    error: ProviderError | None


def check_due_rentals(now: datetime | None = None) -> int:
    """Ask about every rental that is due; how many were looked at. Running it twice changes nothing."""
    now = now or timezone.now()
    return _in_batches("status", now, lambda batch: _check(batch, now=now))


def end_due_rentals(now: datetime | None = None) -> int:
    """Rentals whose time is over (N7) and, where the provider's rule says so, those that nothing came for
    within the guard (N6). Each is asked about once more first, so that no message is lost.
    """
    now = now or timezone.now()
    ended = _in_batches("expire", now, lambda batch: _end(batch, _expire, now=now))
    return ended + _in_batches("guard", now, lambda batch: _end(batch, _end_guard, now=now))


def _in_batches(kind: str, now: datetime, work: Callable[[list[DueRental]], None]) -> int:
    looked_at = 0
    while batch := claim(kind, now=now):
        work(batch)
        looked_at += len(batch)
        if len(batch) < policy.CHECK_BATCH:
            break
    return looked_at


def _check(batch: list[DueRental], *, now: datetime) -> None:
    again: dict[int, datetime] = {}
    unheard: dict[int, list[Heard]] = {}
    for heard in _ask(batch, now=now):
        if heard.status is None:
            unheard.setdefault(heard.provider.pk, []).append(heard)
            continue
        news.settle(heard.due, heard.status, provider=heard.provider, now=now)
        _cancel_again(heard, now=now)
        seconds = heard.provider.check_seconds if Can.STATUS in heard.adapter.can else SELDOM_SECONDS
        again[heard.due.due_id] = next_check(heard.due.row, interval_seconds=seconds, now=now)
    put_back(again)
    for provider_id, silent in unheard.items():
        _silent(provider_id, silent, now=now)


def _silent(provider_id: int, silent: Sequence[Heard], *, now: datetime) -> None:
    error = silent[-1].error
    if error is not None:
        health.note_failure(provider_id, error, now, times=len(silent))
    news.failed([one.due for one in silent], reason=error.code if error else "unheard", now=now)


def _end(batch: list[DueRental], close: Callable[[Heard, datetime], None], *, now: datetime) -> None:
    for heard in _ask(batch, now=now):
        if heard.status is not None:
            news.settle(heard.due, heard.status, provider=heard.provider, now=now)
        close(heard, now)


def _expire(heard: Heard, now: datetime) -> None:
    """N7. A provider that is away delays it only by the grace."""
    row = heard.due.row
    is_late = row.ends_at is not None and row.ends_at + policy.EXPIRY_GRACE <= now
    if heard.status is not None or is_late:
        row = close_rental(row, to="expired", upstream_state="expired", rule="none", cost_back=None, now=now)
        if not row.is_open:
            return
    put_back({heard.due.due_id: max(now + TRY_END_AGAIN, row.ends_at or now)})  # extended, or being so


def _end_guard(heard: Heard, now: datetime) -> None:
    """N6 by the clock. Without the provider's word nothing ends: a message may be there."""
    if heard.status is not None:
        row = heard.due.row
        close_rental(row, to="canceled", upstream_state="canceled", rule="full", cost_back=None, now=now)
    put_back({heard.due.due_id: now + TRY_END_AGAIN})


def _cancel_again(heard: Heard, *, now: datetime) -> None:
    """Repeat a cancel that was lost on its way (U10)."""
    row = heard.due.row
    if row.cancel_requested_at is None or row.cancel_requested_at > now - RESEND_AFTER:
        return
    if Can.CANCEL_RENTAL not in heard.adapter.can or not row.is_open:
        return
    try:
        cost_back = send(heard.adapter.cancel_rental(upstream_ref=heard.due.upstream_ref))
    except ProviderError:
        return
    asked_at = row.cancel_requested_at
    close_cancelled(row, heard.provider, cost_back=cost_back, asked_at=asked_at, now=now)


def _ask(batch: list[DueRental], *, now: datetime) -> list[Heard]:
    """What the providers say: one list where it tells everything, single calls side by side elsewhere."""
    providers = Provider.objects.in_bulk({due.provider_id for due in batch})
    heard: list[Heard] = []
    singles: list[tuple[DueRental, Adapter]] = []
    for provider in providers.values():
        mine = [due for due in batch if due.provider_id == provider.pk]
        try:
            adapter = adapter_for(provider)
        except (KeyError, SecretUnreadable) as trouble:
            note_failed([due.due_id for due in mine], reason=type(trouble).__name__, now=now, park=False)
            continue
        if Can.RENTAL_MESSAGES_IN_LIST in adapter.can:
            told, mine = _ask_by_list(provider, adapter, mine, now=now)
            heard += told
        singles += [(due, adapter) for due in mine]
    adapters = {due.provider_id: adapter for due, adapter in singles}
    calls = []
    for due, adapter in singles:
        if Can.STATUS in adapter.can:
            calls.append((due, partial(adapter.rental_status, upstream_ref=due.upstream_ref)))
        else:  # only its callbacks tell anything
            heard.append(Heard(due, providers[due.provider_id], adapter, Status(UpstreamState.UNKNOWN), None))
    for due, status, error in ask_all(calls):
        if isinstance(error, UnknownToUpstream):
            status = Status(UpstreamState.GONE)
        heard.append(Heard(due, providers[due.provider_id], adapters[due.provider_id], status, error))
    return heard


def _ask_by_list(
    provider: Provider, adapter: Adapter, due: list[DueRental], *, now: datetime
) -> tuple[list[Heard], list[DueRental]]:
    """Answers from one list, and the rentals that it does not show, to be asked about singly."""
    try:
        listed: Sequence[ListedLease] = send_all(adapter.list_rentals())
    except ProviderError as error:
        return [Heard(one, provider, adapter, None, error) for one in due], []
    cancel_left_behind(provider, adapter, listed, now=now)
    shown = {lease.upstream_ref: lease for lease in listed}
    heard = [
        Heard(one, provider, adapter, _status(shown[one.upstream_ref]), None)
        for one in due
        if one.upstream_ref in shown
    ]
    return heard, [one for one in due if one.upstream_ref not in shown]


def _status(lease: ListedLease) -> Status:
    return Status(lease.state, lease.messages, lease.cost_micros, lease.expire_at)


def work_rental_callback(provider: Provider, callback: Callback, *, now: datetime) -> str:
    """A signed callback about a rental is believed, any other is a reason to ask. What came of it: `new` or
    `late` (after the end) messages, `ended`, `asked`, `repeat` (nothing new), `unmatched` (nobody has it).

    Raises Unstorable: it should be sent again, for where nobody can be asked it is told only once.
    """
    if callback.phone:
        found = open_rental_on(provider.pk, callback.phone)
    else:
        found = rentals_by_reference(provider.pk, [callback.upstream_ref])
    if not found:
        return "unmatched"
    [due] = found
    if callback.status is None or not callback.is_proof:
        return "asked" if check_rental_now(due.row, now=now) else "late"
    words = news.apply(due, callback.status, provider=provider, now=now)
    return next((word for word in words if word != "repeat"), "repeat")
