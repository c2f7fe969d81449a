"""The shared breaker: what stops a provider from being asked for numbers, for every worker at once.

Trouble that the upstream names (funds, key, ban, rate) pauses it until a time. Calls that fail in a row open
the breaker for a time that doubles with each further failure; when it is over the router lets one order
through (`take_probe`), so that a provider that hangs keeps one thread and not all, and a success closes the
breaker. An operator's pause and a reached daily cap stop a provider likewise; what calls come to neither ends
nor hides them. Only a change of state is told: as a warning in the log, and as a note for
providers.services.alerting, written in the transaction that changed it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from portal.encryption import SecretUnreadable
from providers import routing_memory
from providers.alerts import note_state
from providers.contract import (
    BadCredentials,
    Banned,
    OutcomeUnknown,
    OutOfFunds,
    ProviderError,
    Refused,
    Throttled,
    Unreachable,
)
from providers.http import GivenUp
from providers.models import ProviderHealth
from providers.secrets import open_secret

TRIPPED_AFTER = 5  # failures in a row
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 300
OWN_PAUSE = {
    OutOfFunds: timedelta(minutes=10),
    BadCredentials: timedelta(minutes=10),
    Banned: timedelta(minutes=15),
    Throttled: timedelta(seconds=30),
}
FLAGGED_PAUSE = timedelta(minutes=5)
PROBE_TIME = timedelta(seconds=15)  # longer than any provider may take for one answer
STATE_OF = {
    OutOfFunds: ProviderHealth.State.OUT_OF_FUNDS,
    BadCredentials: ProviderHealth.State.BAD_CREDENTIALS,
    Banned: ProviderHealth.State.BANNED,
    Throttled: ProviderHealth.State.DEGRADED,
}

# A storm of the same refusals writes once in five seconds.
PAUSE = """
INSERT INTO providers_providerhealth AS h (provider_id, state, reason, failures, blocked_until, updated_at)
VALUES (%(provider)s, %(state)s, %(reason)s, %(times)s, %(until)s, %(now)s)
ON CONFLICT (provider_id) DO UPDATE
SET state = excluded.state, reason = excluded.reason, failures = h.failures + excluded.failures,
    blocked_until = excluded.blocked_until, updated_at = excluded.updated_at
WHERE %(held)s OR (
    (h.state NOT IN ('paused', 'spent') OR h.blocked_until <= excluded.updated_at)
    AND (h.state <> excluded.state OR h.blocked_until IS NULL
         OR h.blocked_until < excluded.blocked_until - interval '5 seconds'))
RETURNING old.state, new.state
"""
# Failures of calls that were under way when it opened neither count nor lengthen the pause.
COUNT = """
INSERT INTO providers_providerhealth AS h (provider_id, state, reason, failures, blocked_until, updated_at)
VALUES (
    %(provider)s, CASE WHEN %(times)s >= %(limit)s THEN 'degraded' ELSE 'ok' END, %(reason)s, %(times)s,
    CASE WHEN %(times)s >= %(limit)s THEN %(now)s::timestamptz + %(first)s * interval '1 second' END, %(now)s
)
ON CONFLICT (provider_id) DO UPDATE
SET failures = CASE WHEN h.state = 'ok' THEN least(h.failures + excluded.failures, %(limit)s)
        ELSE h.failures + excluded.failures END,  -- calls of one sweep fail together: they open it once
    reason = excluded.reason, updated_at = excluded.updated_at,
    state = CASE WHEN h.failures + excluded.failures >= %(limit)s THEN 'degraded' ELSE h.state END,
    blocked_until = CASE WHEN h.failures + excluded.failures >= %(limit)s
        THEN excluded.updated_at + interval '1 second' * least(
            %(longest)s, %(first)s * 2 ^ CASE WHEN h.state = 'ok' THEN 0
                ELSE least(h.failures + excluded.failures - %(limit)s, 20) END)
        ELSE h.blocked_until END
WHERE h.state = 'ok' OR h.reason = 'probing'
   OR (h.state = 'degraded' AND coalesce(h.blocked_until <= excluded.updated_at, true))
RETURNING old.state, new.state
"""
CLEAR = """
UPDATE providers_providerhealth AS h
SET state = 'ok', reason = '', failures = 0, blocked_until = NULL, updated_at = %(now)s
WHERE provider_id = %(provider)s AND (state <> 'ok' OR failures > 0)
  AND (%(held)s OR state NOT IN ('paused', 'spent') OR blocked_until <= %(now)s)
  AND (%(all)s OR (state <> 'out_of_funds' AND (
       reason IN ('unreachable', 'outcome_unknown', 'bad_credentials', 'probing')
       OR coalesce(blocked_until <= %(now)s, true))))
RETURNING old.state, new.state
"""
# One of many takes it. A probe that never reports (its worker was killed) is followed by another one.
PROBE = """
UPDATE providers_providerhealth SET reason = 'probing', blocked_until = %s, updated_at = %s
WHERE provider_id = %s AND state = 'degraded' AND coalesce(blocked_until <= %s, true)
"""
KEY = "SELECT secret_encrypted FROM providers_provider WHERE id = %s FOR SHARE"
IS_WELL = "SELECT 1 FROM providers_providerhealth WHERE provider_id = %s AND state = 'ok'"

log = structlog.get_logger(__name__)


def note_failure(provider_id: int, error: ProviderError, now: datetime, *, times: int = 1) -> None:
    """A call failed (`times` of a sweep at once). An ordinary refusal, such as no stock, is an answer; a call
    that a sweep gave up unsent says nothing new, and a key that was refused after it had been replaced says
    nothing of the one that is stored now (U15).
    """
    if isinstance(error, GivenUp):
        return
    for kind, state in STATE_OF.items():
        if isinstance(error, kind):
            until = getattr(error, "until", None) or now + OWN_PAUSE[kind]
            facts = {"state": str(state), "until": until, "times": times, "held": False}
            with transaction.atomic():
                if isinstance(error, BadCredentials) and _has_another_key(provider_id, error):
                    routing_memory.forget()
                else:
                    _write(PAUSE, provider_id, error.code, now, **facts)
            return
    if isinstance(error, (Unreachable, OutcomeUnknown)):
        _write(
            COUNT,
            provider_id,
            error.code,
            now,
            times=times,
            limit=TRIPPED_AFTER,
            first=FIRST_PAUSE_SECONDS,
            longest=LONGEST_PAUSE_SECONDS,
        )
    elif isinstance(error, Refused):
        note_success(provider_id, now=now)


def _has_another_key(provider_id: int, error: BadCredentials) -> bool:
    """Whether the refused key is no longer the stored one: calls that were under way, or whose route was
    remembered, went out with the old one. The row stays locked, so that a key that is replaced at this moment
    ends the pause that is about to be written (providers.services.accounts.rotate_key).
    """
    if error.account is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(KEY, [provider_id])
        row = cursor.fetchone()
    try:
        return row is not None and open_secret(bytes(row[0])) != error.account.secret
    except SecretUnreadable:
        return False


def take_probe(provider_id: int, now: datetime) -> bool:
    """Whether this caller may try a provider whose breaker was open; False: somebody else is trying it.
    Whoever comes with old news finds it well, and needs no probe.
    """
    with connection.cursor() as cursor:
        cursor.execute(PROBE, [now + PROBE_TIME, now, provider_id, now])
        if cursor.rowcount:
            return True
        cursor.execute(IS_WELL, [provider_id])
        return bool(cursor.fetchone())


def flag(provider_id: int, reason: str, now: datetime) -> None:
    """It did what it must not do (U7: `wrong_price`): not asked for numbers for a while, and told."""
    _write(PAUSE, provider_id, reason, now, state="degraded", until=now + FLAGGED_PAUSE, times=1, held=False)


def pause(provider_id: int, *, until: datetime | None, reason: str, now: datetime) -> None:
    """The operator wants no new orders there until then (None: until he resumes it); running ones go on."""
    _write(PAUSE, provider_id, reason[:200], now, state="paused", until=until, times=0, held=True)


def stop_for_the_day(provider_id: int, *, until: datetime, now: datetime) -> None:
    """Its daily cap is reached: no new orders until midnight."""
    _write(PAUSE, provider_id, "daily_cap", now, state="spent", until=until, times=0, held=True)


def note_success(provider_id: int, *, ordered: bool = False, now: datetime | None = None) -> None:
    """It answered. Empty funds end only with a sold number (`ordered`); a ban, rate limit or flag with that
    or with its time. Nothing is written when nothing was wrong.
    """
    _write(CLEAR, provider_id, "", now or timezone.now(), all=ordered, held=False)


def resume(provider_id: int, *, now: datetime | None = None) -> None:
    """The operator put it right (new key, money), or a pause is over: ask it again from now on."""
    _write(CLEAR, provider_id, "", now or timezone.now(), all=True, held=True)


def _write(sql: str, provider_id: int, reason: str, now: datetime, **facts: Any) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(sql, {"provider": provider_id, "reason": reason, "now": now, **facts})
            changed = cursor.fetchone()
        before, after = changed or ("ok", "ok")
        if (before or "ok") != after:
            log.warning(
                "provider_state_changed", provider_id=provider_id, before=before, state=after, reason=reason
            )
            note_state(provider_id, before=before or "ok", after=after, reason=reason, now=now)
        if changed:  # a failure that was counted, too: a success must know that there is something to clear
            transaction.on_commit(routing_memory.forget)
