"""Whether numbers that expired unused were paid back, where the provider does not promise it (RV-5).

Such an account's funds are read now and then, at moments at which nothing is under way there. What they fell
by since the last reading must be what we bought less what ended unused; what is missing is listed as money
at risk of the numbers that expired meanwhile, the oldest first: which of them it was nobody can say.

Where a protocol does not even tell funds (PG-5), every such number is listed until somebody has looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from activations.database import call, rows, run
from billing.money import CENT
from portal.encryption import SecretUnreadable
from providers import health
from providers.contract import Can, ProviderError
from providers.http import send
from providers.models import Provider
from providers.registry import ADAPTERS, adapter_for

log = structlog.get_logger(__name__)
EVERY = timedelta(minutes=5)
SOON = timedelta(minutes=1)
ADDS_UP_FOR = timedelta(hours=12)  # older ends may be erased, which takes them out of the index
SETTLED = timedelta(seconds=60)  # by then an end that both clocks see differently has reached the funds

OPEN = """
INSERT INTO activations_refundcheck (provider_id, due_at)
SELECT id, %(now)s FROM providers_provider
WHERE protocol = ANY(%(protocols)s) OR options -> 'without' @> '"refunds_expired"'
ON CONFLICT DO NOTHING
"""
CLAIM = """
UPDATE activations_refundcheck c SET due_at = %(until)s
FROM (SELECT provider_id FROM activations_refundcheck WHERE due_at <= %(now)s FOR UPDATE SKIP LOCKED) AS mine
WHERE c.provider_id = mine.provider_id
RETURNING c.provider_id, c.balance_micros, c.read_at
"""
READ = """
UPDATE activations_refundcheck SET balance_micros = %(balance)s, read_at = %(now)s, due_at = %(due)s
WHERE provider_id = %(provider)s
"""
# What moved at a provider since the last reading. Cancelled numbers are back less their fee, which is listed.
MOVED = """
WITH lease AS (
    SELECT id, cost_micros, activation_status, billing_status, sms_status, cancel_requested_at, created_at,
        expire_at, ended_at
    FROM activations_activation
    WHERE provider_id = %(provider)s AND lease_state = 'leased' AND activation_status = 'active'
    UNION ALL
    SELECT id, cost_micros, activation_status, billing_status, sms_status, cancel_requested_at, created_at,
        expire_at, ended_at
    FROM activations_activation
    WHERE provider_id = %(provider)s AND lease_state = 'leased' AND activation_status <> 'active'
        AND ended_at > %(since)s AND erased_at IS NULL
), risk AS (
    SELECT kind, amount_micros FROM activations_moneyatrisk
    WHERE provider_id = %(provider)s AND created_at > %(since)s
)
SELECT
    (SELECT coalesce(sum(cost_micros) FILTER (WHERE created_at > %(since)s), 0)
        - coalesce(sum(cost_micros) FILTER (WHERE billing_status = 'released'), 0) FROM lease)
    + (SELECT coalesce(sum(amount_micros) FILTER (WHERE kind = 'kept_fee'), 0) FROM risk) AS spent_micros,
    EXISTS (
        SELECT 1 FROM lease WHERE cancel_requested_at IS NOT NULL
            OR (activation_status = 'active' AND sms_status = 'smsRequested' AND expire_at <= %(later)s)
            OR (activation_status = 'expired' AND billing_status = 'released' AND ended_at > %(settled)s)
    ) OR EXISTS (
        SELECT 1 FROM activations_activation a JOIN activations_attempt t ON t.activation_id = a.id
        WHERE a.activation_status = 'active' AND a.lease_state = 'ordering' AND t.provider_id = %(provider)s
    ) OR EXISTS (
        SELECT 1 FROM activations_check WHERE provider_id = %(provider)s AND kind = 'cancel'
    ) AS is_moving,
    EXISTS (SELECT 1 FROM lease WHERE billing_status = 'refunded')
    OR EXISTS (SELECT 1 FROM risk WHERE kind NOT IN ('kept_fee', 'unreturned'))
    OR EXISTS (
        SELECT 1 FROM activations_exchange x JOIN activations_activation a ON a.id = x.activation_id
        WHERE %(provider)s IN (x.provider_id, a.provider_id)
            AND (x.due_at IS NOT NULL OR greatest(x.started_at, x.swapped_at, x.ended_at) > %(since)s)
    ) OR EXISTS (
        SELECT 1 FROM activations_rental
        WHERE provider_id = %(provider)s
            AND (rental_status = 'active' OR greatest(created_at, ended_at) > %(since)s)
    ) AS is_unclear,
    (SELECT array_agg(id ORDER BY ended_at, id) FROM lease
        WHERE activation_status = 'expired' AND billing_status = 'released') AS expired
"""
EXPIRED = """
SELECT id, tenant_id, cost_micros FROM activations_activation
WHERE provider_id = %(provider)s AND lease_state = 'leased' AND activation_status = 'expired'
    AND billing_status = 'released' AND cost_micros > 0 AND erased_at IS NULL
    AND ended_at > %(since)s AND ended_at <= %(until)s
ORDER BY ended_at, id
"""
BY_ID = "SELECT id, tenant_id, cost_micros FROM activations_activation WHERE id = ANY(%(ids)s)"
MISSING = "its funds are less by this since numbers expired unused"
UNTOLD = "the provider does not tell whether it paid this expired number back"


@dataclass(frozen=True, slots=True)
class Moved:
    """Of one provider since its last reading. `is_unclear`: more happened than can be added up."""

    spent_micros: int
    is_moving: bool
    is_unclear: bool
    expired: list[UUID] | None


def check_expired_refunds(now: datetime | None = None) -> int:
    """Read the funds of every provider that is due; how many were read. Running it twice changes nothing."""
    now = now or timezone.now()
    protocols = [name for name, adapter in ADAPTERS.items() if Can.REFUNDS_EXPIRED not in adapter.can]
    run(OPEN, {"protocols": protocols, "now": now})
    claimed = {row["provider_id"]: row for row in rows(CLAIM, {"now": now, "until": now + SOON})}
    return sum(
        _check(provider, before=claimed[provider.pk], now=now)
        for provider in Provider.objects.filter(pk__in=claimed, protocol__in=ADAPTERS)  # one may be gone
    )


def _check(provider: Provider, *, before: dict[str, object], now: datetime) -> bool:
    """False: not now, but soon again."""
    since = before["read_at"] if isinstance(before["read_at"], datetime) else now
    if Can.BALANCE not in ADAPTERS[provider.protocol].can:
        return _list_untold(provider, since=since, now=now)
    moved = _moved(provider, since=since, now=now)
    if moved.is_moving:
        return False
    balance = _balance(provider, now=now)
    if balance is None or _moved(provider, since=since, now=now) != moved:
        return False
    if isinstance(before["balance_micros"], int) and not moved.is_unclear and since > now - ADDS_UP_FOR:
        missing = before["balance_micros"] - moved.spent_micros - balance
        _list_missing(provider, missing, moved.expired or [], now=now)
    run(READ, {"provider": provider.pk, "balance": balance, "now": now, "due": now + EVERY})
    return True


def _moved(provider: Provider, *, since: datetime, now: datetime) -> Moved:
    times = {"since": since, "settled": now - SETTLED, "later": now + SETTLED}
    [row] = rows(MOVED, {"provider": provider.pk, **times})
    return Moved(**{**row, "spent_micros": int(row["spent_micros"])})


def _balance(provider: Provider, *, now: datetime) -> int | None:
    try:
        adapter = adapter_for(provider)
        return send(adapter.balance()) if Can.BALANCE in adapter.can else None
    except (KeyError, SecretUnreadable):
        return None
    except ProviderError as error:
        health.note_failure(provider.pk, error, now)
        return None


def _list_missing(provider: Provider, missing_micros: int, expired: list[UUID], *, now: datetime) -> None:
    """Less than a cent is rounding. What no expired number can explain is none of ours."""
    if missing_micros < CENT:
        return
    log.warning("expired_not_returned", provider=provider.pk, missing_micros=missing_micros, of=len(expired))
    costs = {row["id"]: row for row in rows(BY_ID, {"ids": expired})}
    for activation_id in expired:
        part = min(missing_micros, costs[activation_id]["cost_micros"])
        if part >= CENT:
            _list(costs[activation_id], provider, part, note=MISSING, now=now)
            missing_micros -= part


def _list_untold(provider: Provider, *, since: datetime, now: datetime) -> bool:
    """Every number that expired unused, unless the account is known to pay them back."""
    until = now - SETTLED
    try:
        is_promised = Can.REFUNDS_EXPIRED in adapter_for(provider).can
    except SecretUnreadable:
        return False
    expired = rows(EXPIRED, {"provider": provider.pk, "since": since, "until": until})
    for row in [] if is_promised else expired:
        _list(row, provider, row["cost_micros"], note=UNTOLD, now=now)
    run(READ, {"provider": provider.pk, "balance": None, "now": until, "due": now + EVERY})
    return True


def _list(row: Mapping[str, Any], provider: Provider, micros: int, *, note: str, now: datetime) -> None:
    call(
        "activation_at_risk",
        id=row["id"],
        tenant=row["tenant_id"],
        provider=provider.pk,
        kind="unreturned",
        micros=micros,
        note=note,
        now=now,
    )
