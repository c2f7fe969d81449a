"""Price lists are read when their row is due: one row per provider, claimed by moving its time forward, so
that the row of a killed worker comes back by itself and any number of sweeps may run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection

from portal.encryption import SecretUnreadable
from providers.catalogue.syncing import Synced, sync_offers
from providers.contract import Can, ProviderError
from providers.health import note_failure
from providers.http import send
from providers.models import CatalogueSync, Provider
from providers.registry import ADAPTERS, adapter_for

CLAIM = timedelta(minutes=1)  # for one answer of the provider or one writing, not for the whole reading
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30, 3_600
AT_ONCE = 20  # providers that one sweep reads, so that a sweep has an end
TOO_SHORT, NO_PRICES = "too_short", "no_price_list"

Clock = Callable[[], datetime]

OPEN = """
INSERT INTO providers_cataloguesync (provider_id, next_sync_at, offers)
SELECT p.id, %(now)s, (SELECT count(*) FROM providers_offer o WHERE o.provider_id = p.id AND o.count > 0)
FROM providers_provider p
WHERE p.is_enabled AND p.sync_seconds > 0
    AND NOT EXISTS (SELECT FROM providers_cataloguesync s WHERE s.provider_id = p.id)
ON CONFLICT DO NOTHING
"""
# A paused provider is read only when somebody asks for it.
CLAIM_ONE = """
UPDATE providers_cataloguesync s SET next_sync_at = %(until)s
FROM (
    SELECT due.provider_id FROM providers_cataloguesync due
    JOIN providers_provider p ON p.id = due.provider_id
    WHERE due.next_sync_at <= %(now)s AND (p.is_enabled OR due.asked <> '')
    ORDER BY due.next_sync_at LIMIT 1 FOR UPDATE OF due SKIP LOCKED
) AS mine
WHERE s.provider_id = mine.provider_id
RETURNING s.provider_id, s.asked, s.tries
"""
KEEP = """
UPDATE providers_cataloguesync SET next_sync_at = %(until)s
WHERE provider_id = %(provider)s AND next_sync_at = %(claimed)s
"""
# Whoever asked while it was being read is not forgotten: then the time is no longer ours.
SETTLE = """
UPDATE providers_cataloguesync SET tries = %(tries)s, trouble = %(trouble)s,
    asked = CASE WHEN next_sync_at = %(claimed)s THEN '' ELSE asked END,
    next_sync_at = CASE WHEN next_sync_at = %(claimed)s THEN %(next)s ELSE next_sync_at END
WHERE provider_id = %(provider)s
"""
BALANCE = """
UPDATE providers_cataloguesync SET balance_micros = %(balance)s, balance_at = %(now)s
WHERE provider_id = %(provider)s
"""
ASK = """
INSERT INTO providers_cataloguesync AS s (provider_id, next_sync_at, asked, offers)
SELECT id, %(now)s, %(asked)s,
    (SELECT count(*) FROM providers_offer o WHERE o.provider_id = p.id AND o.count > 0)
FROM providers_provider p WHERE id = ANY (%(providers)s)
ON CONFLICT (provider_id) DO UPDATE SET next_sync_at = excluded.next_sync_at, asked = excluded.asked
"""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Claim:
    """A provider's row as long as it is ours; `until` is its time, by which we know it again."""

    provider_id: int
    asked: str
    tries: int
    until: datetime
    clock: Clock

    def keep(self) -> None:
        """Still at work: the row stays ours for another while."""
        until = self.clock() + CLAIM
        if _run(KEEP, {"provider": self.provider_id, "until": until, "claimed": self.until}):
            self.until = until

    def settle(self, *, tries: int, trouble: str, next_at: datetime | None) -> None:
        facts = {"tries": tries, "trouble": trouble, "next": next_at, "claimed": self.until}
        _run(SETTLE, {"provider": self.provider_id, **facts})


def sync_due(clock: Clock) -> int:
    """Read the price lists whose time has come, one after the other; how many were tried."""
    _run(OPEN, {"now": clock()})
    count = 0
    while count < AT_ONCE and (claim := _claim(clock)) is not None:
        _work(claim)
        count += 1
    return count


def ask_for_sync(provider_ids: list[int], *, now: datetime, accept_short: bool = False) -> None:
    """Have these providers' price lists read by the next sweep, also where they are paused."""
    asked = CatalogueSync.Asked.ACCEPT if accept_short else CatalogueSync.Asked.SYNC
    _run(ASK, {"providers": provider_ids, "now": now, "asked": str(asked)})


def has_prices(provider: Provider) -> bool:
    """Whether its protocol is one of ours and has a price list."""
    adapter = ADAPTERS.get(provider.protocol)
    return adapter is not None and Can.PRICES in adapter.can


def _claim(clock: Clock) -> _Claim | None:
    now = clock()
    until = now + CLAIM
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_ONE, {"now": now, "until": until})
        row = cursor.fetchone()
    if row is None:
        return None
    provider_id, asked, tries = row
    return _Claim(provider_id, asked, tries, until, clock)


def _work(claim: _Claim) -> None:
    provider = Provider.objects.get(pk=claim.provider_id)
    if not has_prices(provider):
        claim.settle(tries=0, trouble=NO_PRICES, next_at=None)
        return
    accept_short = claim.asked == CatalogueSync.Asked.ACCEPT
    try:
        synced = sync_offers(provider, claim.clock(), accept_short=accept_short, after_call=claim.keep)
        _note_balance(claim, provider)
    except (ProviderError, SecretUnreadable) as error:
        _fail(claim, provider, getattr(error, "code", "secret_unreadable"), getattr(error, "until", None))
    except Exception as error:  # a mistake of ours, or of an adapter: the neighbours are not to wait (O7)
        log.exception("sync_failed", provider=provider.public_no)
        _fail(claim, provider, f"error: {type(error).__name__}", None)
    else:
        _done(claim, provider, synced)


def _note_balance(claim: _Claim, provider: Provider) -> None:
    """Remember what funds are left there, where the protocol tells; that it fails spoils no price list."""
    adapter = adapter_for(provider)
    if Can.BALANCE not in adapter.can:
        return
    try:
        balance = send(adapter.balance())
    except ProviderError as error:
        note_failure(provider.pk, error, claim.clock())
        return
    _run(BALANCE, {"provider": provider.pk, "balance": balance, "now": claim.clock()})


def _done(claim: _Claim, provider: Provider, synced: Synced) -> None:
    """On time again, give or take a tenth, so that providers do not come due in step."""
    seconds = provider.sync_seconds * random.uniform(0.9, 1.1)  # noqa: S311  no secret
    next_at = claim.clock() + timedelta(seconds=seconds) if provider.sync_seconds else None
    claim.settle(tries=0, trouble=TOO_SHORT if synced.is_refused else "", next_at=next_at)


def _fail(claim: _Claim, provider: Provider, trouble: str, until: datetime | None) -> None:
    """Again later and later, at most an hour, and not before the upstream says."""
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(claim.tries, 10), LONGEST_PAUSE_SECONDS)
    now = claim.clock()
    again = now + timedelta(seconds=pause * random.uniform(0.75, 1.25))  # noqa: S311  no secret
    next_at = max(again, until or again) if provider.sync_seconds else None
    claim.settle(tries=min(claim.tries + 1, 1_000), trouble=trouble[:200], next_at=next_at)


def _run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
