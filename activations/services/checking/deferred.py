"""Numbers that were cancelled here before their provider allowed it: cancelled there when it does (E-13).

Their customers have their money. A message that came in between is stored unseen, and what it cost is listed
as money at risk.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial

from activations import policy
from activations.database import call, run
from activations.services.apart import apart, ask_all
from activations.services.checking.claims import (
    KEEP,
    Due,
    asked_to_wait_until,
    by_provider,
    claim_cancels,
    note_failed,
    put_back,
)
from activations.services.checking.holding import Held, SweepClock
from activations.services.kept_fees import note_kept_fee
from activations.services.receiving import receive_all
from providers.contract import Adapter, Can, ProviderError, TooEarly, UnknownToUpstream, WrongState
from providers.models import Provider
from providers.registry import adapter_for

AGAIN_AFTER = timedelta(seconds=30)
Work = tuple[Due, Adapter]


def cancel_due(now: datetime) -> int:
    """Cancel at their providers what is due; how many were looked at. Running it twice changes nothing."""
    clock = SweepClock(now)
    batch = claim_cancels(now=now, clock=clock)
    work: list[Work] = []
    grouped = by_provider(batch)
    for provider in Provider.objects.filter(pk__in=grouped):
        mine = grouped[provider.pk]
        stumbled = partial(note_failed, [row.id for row in mine], now=now, park=True)
        with apart("provider_not_asked", stumbled, provider=provider.pk):
            adapter = adapter_for(provider)
            work += [(row, adapter) for row in mine]
    held = Held(KEEP, (row.id for row, _ in work), clock)
    _ask_how_they_ended(_cancel(work, held, now=now), held, now=now)
    return len(batch)


def _cancel(work: list[Work], held: Held, *, now: datetime) -> list[Work]:
    """Those whose provider will not cancel them any more are given back."""
    calls = [
        ((row, adapter), partial(adapter.cancel, upstream_ref=row.upstream_ref))
        for row, adapter in work
        if Can.CANCEL in adapter.can
    ]
    ended = [one for one in work if Can.CANCEL not in one[1].can]
    for (row, adapter), refunded, error in ask_all(calls, meanwhile=held.keep):
        if isinstance(error, WrongState | UnknownToUpstream):
            ended.append((row, adapter))
            continue
        held.let_go([row.id])
        with _apart(row, now=now):
            if error is None:
                note_kept_fee(row.id, refunded_micros=refunded, now=now)
                _done(row)
            elif isinstance(error, TooEarly):
                put_back({row.id: max(error.at or now + AGAIN_AFTER, now + timedelta(seconds=1))})
            else:
                _failed(row, error, now=now)
    return ended


def _ask_how_they_ended(ended: list[Work], held: Held, *, now: datetime) -> None:
    calls = [
        (row, partial(adapter.status, upstream_ref=row.upstream_ref))
        for row, adapter in ended
        if Can.STATUS in adapter.can
    ]
    for row, adapter in ended:
        if Can.STATUS not in adapter.can:  # nobody can say; its callbacks would have told
            _done(row)
    for row, status, error in ask_all(calls, meanwhile=held.keep):
        held.let_go([row.id])
        with _apart(row, now=now):
            if error is not None and not isinstance(error, UnknownToUpstream):
                _failed(row, error, now=now)
                continue
            if status is not None:
                fresh = row.news_of(status.messages)
                receive_all(target=row.target, messages=fresh, cost_micros=status.cost_micros, now=now)
            _done(row)


def _apart(row: Due, *, now: datetime) -> AbstractContextManager[None]:
    return apart("cancel_failed", partial(note_failed, [row.id], now=now, park=True), activation=row.hex_id)


def _failed(row: Due, error: ProviderError, *, now: datetime) -> None:
    """Tried again, later and later, until the number's own time there is long over."""
    if row.expire_at + policy.EXPIRY_GRACE > now:
        times = [min(asked_to_wait_until(error) or now, row.expire_at)]
        note_failed([row.id], reason=error.code, now=now, park=False, not_before=times)
        return
    call(
        "activation_at_risk",
        id=row.id,
        tenant=row.tenant_id,
        provider=row.provider_id,
        kind="orphan",
        micros=row.cost_micros,
        note="given back early; the provider never confirmed its cancel",
        now=now,
    )
    _done(row)


def _done(row: Due) -> None:
    run("DELETE FROM activations_check WHERE activation_id = %(id)s AND kind = 'cancel'", {"id": row.id})
