"""The sweeps over running rentals: messages and state (`check_due_rentals`), their ends
(`end_due_rentals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from activations import policy
from activations.services.apart import ask_all
from activations.services.checking.holding import Held, SweepClock
from activations.services.rentals import news
from activations.services.rentals.claims import (
    DueRental,
    claim,
    hold,
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
    return _in_batches("status", now, partial(_check, now=now))


def end_due_rentals(now: datetime | None = None) -> int:
    """Rentals whose time is over (N7) and, where the provider's rule says so, those that nothing came for
    within the guard (N6). Each is asked about once more first, so that no message is lost.
    """
    now = now or timezone.now()
    clock = SweepClock(now)
    ended = _in_batches("expire", now, partial(_end, _expire, now=now))
    now = clock.counted_from()
    return ended + _in_batches("guard", now, partial(_end, _end_guard, now=now))


def _in_batches(kind: str, now: datetime, work: Callable[[list[DueRental], Held, SweepClock], None]) -> int:
    looked_at, clock = 0, SweepClock(now)
    while batch := claim(kind, now=now, clock=clock):
        work(batch, hold(batch, clock), clock)
        looked_at += len(batch)
        if len(batch) < policy.CHECK_BATCH:
            break
    return looked_at


def _check(batch: list[DueRental], held: Held, clock: SweepClock, *, now: datetime) -> None:
    answered: list[Heard] = []
    unheard: dict[int, list[Heard]] = {}
    for heard in _ask(batch, held, now=now):
        held.keep()
        if heard.status is None:
            unheard.setdefault(heard.provider.pk, []).append(heard)
            continue
        if news.settle(heard.due, heard.status, provider=heard.provider, now=now):
            answered.append(heard)
    _cancel_again(answered, held, now=now)
    at = clock.counted_from()
    put_back({one.due.due_id: _next_check(one, now=at) for one in answered})
    for provider_id, silent in unheard.items():
        _silent(provider_id, silent, now=at)


def _next_check(heard: Heard, *, now: datetime) -> datetime:
    seconds = heard.provider.check_seconds if Can.STATUS in heard.adapter.can else SELDOM_SECONDS
    return next_check(heard.due.row, interval_seconds=seconds, now=now)


def _silent(provider_id: int, silent: Sequence[Heard], *, now: datetime) -> None:
    error = silent[-1].error
    if error is not None:
        health.note_failure(provider_id, error, now, times=len(silent))
    news.failed([one.due for one in silent], reason=error.code if error else "unheard", now=now)


def _end(
    close: Callable[[Heard, datetime], None],
    batch: list[DueRental],
    held: Held,
    clock: SweepClock,
    *,
    now: datetime,
) -> None:
    for heard in _ask(batch, held, now=now):
        held.keep()
        is_heard = heard.status is not None and news.settle(
            heard.due, heard.status, provider=heard.provider, now=now
        )
        close(heard if is_heard else replace(heard, status=None), clock.counted_from())
        held.let_go([heard.due.due_id])


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


def _cancel_again(answered: list[Heard], held: Held, *, now: datetime) -> None:
    """Repeat cancels that were lost on their way (U10)."""
    calls = []
    for heard in answered:
        row, asked_at = heard.due.row, heard.due.row.cancel_requested_at
        if asked_at is None or asked_at > now - RESEND_AFTER:
            continue
        if Can.CANCEL_RENTAL in heard.adapter.can and row.is_open:
            cancel = partial(heard.adapter.cancel_rental, upstream_ref=heard.due.upstream_ref)
            calls.append(((row, heard.provider, asked_at), cancel))
    for (row, provider, asked_at), cost_back, error in ask_all(calls, meanwhile=held.keep):
        if error is None:
            close_cancelled(row, provider, cost_back=cost_back, asked_at=asked_at, now=now)


def _ask(batch: list[DueRental], held: Held, *, now: datetime) -> list[Heard]:
    """What the providers say: one list where it tells everything, single calls side by side elsewhere."""
    providers = Provider.objects.in_bulk({due.provider_id for due in batch})
    heard: list[Heard] = []
    singles: list[tuple[DueRental, Adapter]] = []
    by_list = []
    for provider in providers.values():
        mine = [due for due in batch if due.provider_id == provider.pk]
        try:
            adapter = adapter_for(provider)
        except (KeyError, SecretUnreadable) as trouble:
            note_failed([due.due_id for due in mine], reason=type(trouble).__name__, now=now, park=False)
            continue
        if Can.RENTAL_MESSAGES_IN_LIST in adapter.can:
            by_list.append(((provider, adapter, mine), adapter.list_rentals))
        else:
            singles += [(due, adapter) for due in mine]
    for (provider, adapter, mine), listed, error in ask_all(by_list, meanwhile=held.keep):
        if error is not None or listed is None:
            heard += [Heard(one, provider, adapter, None, error) for one in mine]
            continue
        cancel_left_behind(provider, adapter, listed, now=now, meanwhile=held.keep)
        told, missing = _read_list(provider, adapter, mine, listed)
        heard += told
        singles += [(due, adapter) for due in missing]
    adapters = {due.provider_id: adapter for due, adapter in singles}
    calls = []
    for due, adapter in singles:
        if Can.STATUS in adapter.can:
            calls.append((due, partial(adapter.rental_status, upstream_ref=due.upstream_ref)))
        else:  # only its callbacks tell anything
            heard.append(Heard(due, providers[due.provider_id], adapter, Status(UpstreamState.UNKNOWN), None))
    for due, status, error in ask_all(calls, meanwhile=held.keep):
        if isinstance(error, UnknownToUpstream):
            status = Status(UpstreamState.GONE)
        heard.append(Heard(due, providers[due.provider_id], adapters[due.provider_id], status, error))
    return heard


def _read_list(
    provider: Provider, adapter: Adapter, due: list[DueRental], listed: Sequence[ListedLease]
) -> tuple[list[Heard], list[DueRental]]:
    """Answers from one list, and the rentals that it does not show, to be asked about singly."""
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
    if callback.proven is None:
        return "asked" if check_rental_now(due.row, now=now) else "late"
    words = news.apply(due, callback.proven, provider=provider, now=now)
    return next((word for word in words if word != "repeat"), "repeat")
