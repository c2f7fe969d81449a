"""Numbers that were cancelled here before their provider allowed it: cancelled there when it does (E-13).

Their customers have their money. A message that came in between is stored unseen, and what it cost is listed
as money at risk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from activations import policy
from activations.database import call, run
from activations.services.checking.claims import Due, by_provider, claim_cancels, note_failed, put_back
from activations.services.kept_fees import note_kept_fee
from activations.services.receiving import receive_all
from portal.encryption import SecretUnreadable
from providers.contract import (
    Adapter,
    Call,
    Can,
    ProviderError,
    Status,
    TooEarly,
    UnknownToUpstream,
    WrongState,
)
from providers.http import send_many
from providers.models import Provider
from providers.registry import adapter_for

AGAIN_AFTER = timedelta(seconds=30)
Work = tuple[Due, Adapter]


def cancel_due(now: datetime) -> int:
    """Cancel at their providers what is due; how many were looked at. Running it twice changes nothing."""
    batch = claim_cancels(now=now)
    work: list[Work] = []
    for provider in Provider.objects.filter(pk__in={row.provider_id for row in batch}):
        mine = by_provider(batch)[provider.pk]
        try:
            adapter = adapter_for(provider)
        except (KeyError, SecretUnreadable) as error:
            note_failed([row.id for row in mine], reason=type(error).__name__, now=now, park=True)
            continue
        work += [(row, adapter) for row in mine]
    _ask_how_they_ended(_cancel(work, now=now), now=now)
    return len(batch)


def _cancel(work: list[Work], *, now: datetime) -> list[Work]:
    """Those whose provider will not cancel them any more are given back."""
    calls: list[tuple[Work, Call[Any]]] = [
        ((row, adapter), adapter.cancel(upstream_ref=row.upstream_ref))
        for row, adapter in work
        if Can.CANCEL in adapter.can
    ]
    ended = [one for one in work if Can.CANCEL not in one[1].can]
    for (row, adapter), refunded, error in send_many(calls):
        if error is None:
            note_kept_fee(row.id, refunded_micros=refunded, now=now)
            _done(row)
        elif isinstance(error, TooEarly):
            put_back({row.id: max(error.at or now + AGAIN_AFTER, now + timedelta(seconds=1))})
        elif isinstance(error, WrongState | UnknownToUpstream):
            ended.append((row, adapter))
        else:
            _failed(row, error, now=now)
    return ended


def _ask_how_they_ended(ended: list[Work], *, now: datetime) -> None:
    calls: list[tuple[Due, Call[Status]]] = [
        (row, adapter.status(upstream_ref=row.upstream_ref))
        for row, adapter in ended
        if Can.STATUS in adapter.can
    ]
    for row, adapter in ended:
        if Can.STATUS not in adapter.can:  # nobody can say; its callbacks would have told
            _done(row)
    for row, status, error in send_many(calls):
        if error is not None and not isinstance(error, UnknownToUpstream):
            _failed(row, error, now=now)
            continue
        if status is not None:
            fresh = row.news_of(status.messages)
            receive_all(target=row.target, messages=fresh, cost_micros=status.cost_micros, now=now)
        _done(row)


def _failed(row: Due, error: ProviderError, *, now: datetime) -> None:
    """Tried again, later and later, until the number's own time there is long over."""
    if row.expire_at + policy.EXPIRY_GRACE > now:
        note_failed([row.id], reason=error.code, now=now, park=False)
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
