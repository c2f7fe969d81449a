"""Telling providers how leases ended, where they learn of it in no other way (Can.TELL_END).

The row is written with the lease and becomes due by a trigger; it stays due until the provider has confirmed,
so that neither a lost answer nor a killed worker leaves a number open there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

import structlog
from django.utils import timezone

from activations import policy
from activations.database import rows, run
from activations.models import Report
from activations.services.apart import Unaskable, ask_all
from portal.encryption import SecretUnreadable
from providers import health
from providers.contract import Adapter, Call, Can, End, Lease, ProviderError, UnknownToUpstream, WrongState
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=10)
PARK_AFTER_TRIES = 150  # about a day
FINAL = (UnknownToUpstream, WrongState)  # asking again changes nothing

NOTE = """
INSERT INTO activations_ending
    (tenant_id, provider_id, activation_id, rental_id, upstream_ref, native_amount, native_currency, fx_rate)
SELECT tenant_id, provider_id, %(activation)s, %(rental)s, upstream_ref, %(amount)s, %(currency)s, %(rate)s
FROM {table} WHERE id = %(id)s AND lease_state = 'leased' AND upstream_ref = %(ref)s
ON CONFLICT DO NOTHING
"""
# A report that was granted when the number had ended comes too late to say that it was used: its end is told.
CLAIM = """
WITH due AS (
    SELECT id FROM activations_ending WHERE due_at <= %(now)s AND parked_reason = ''
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_ending e SET due_at = %(until)s
FROM due JOIN activations_ending mine ON mine.id = due.id
    LEFT JOIN activations_activation a ON a.id = mine.activation_id
    LEFT JOIN activations_rental r ON r.id = mine.rental_id
WHERE e.id = due.id
RETURNING e.id, e.provider_id, e.upstream_ref, e.native_amount AS amount, e.told, e.tries,
    e.rental_id IS NOT NULL AS is_rental,
    CASE
        WHEN EXISTS (
            SELECT 1 FROM activations_report p WHERE p.activation_id = a.id AND p.status = 'approved'
                AND p.reason_id = %(used)s AND p.decided_at <= coalesce(a.ended_at, p.decided_at)
        ) THEN 'used'
        WHEN a.billing_status = 'refunded' THEN 'refunded'
        WHEN coalesce(a.activation_status, r.rental_status) = 'active' THEN ''
        WHEN a.billing_status = 'billed' OR r.messages_count > 0 THEN 'sold'
        ELSE 'unused'
    END AS ended
"""
# What became due anew meanwhile (a refund just after the end) stays due.
CONFIRMED = """
UPDATE activations_ending SET told = %(ended)s, tries = 0, due_at = nullif(due_at, %(until)s)
WHERE id = %(id)s
"""
NOT_CONFIRMED = """
UPDATE activations_ending SET tries = tries + 1, due_at = least(due_at, %(due)s), parked_reason = %(parked)s
WHERE id = %(id)s AND due_at = %(until)s
"""
TELL_AGAIN = """
UPDATE activations_ending e SET due_at = %(now)s, told = '', tries = 0, parked_reason = ''
FROM activations_ending mine LEFT JOIN activations_activation a ON a.id = mine.activation_id
    LEFT JOIN activations_rental r ON r.id = mine.rental_id
WHERE e.id = mine.id AND e.id = ANY(%(ids)s)
    AND (coalesce(a.activation_status, r.rental_status) <> 'active' OR a.billing_status = 'refunded')
"""


@dataclass(frozen=True, slots=True)
class Untold:
    """A lease that ended. `ended`: how, as it is now (empty: it runs). `told`: what its provider knows."""

    id: int
    provider_id: int
    upstream_ref: str
    amount: Decimal | None
    told: str
    tries: int
    is_rental: bool
    ended: str


def note_lease(lease: Lease, *, activation_id: UUID | None = None, rental_id: UUID | None = None) -> None:
    """Remember that the provider of this lease must be told its end; in the transaction that attaches it.
    Nothing when the order took another lease.
    """
    native = lease.native
    table = "activations_activation" if rental_id is None else "activations_rental"
    run(
        NOTE.format(table=table),
        {
            "id": activation_id or rental_id,
            "activation": activation_id,
            "rental": rental_id,
            "ref": lease.upstream_ref,
            "amount": native.amount if native else None,
            "currency": native.currency if native else "",
            "rate": native.rate if native else None,
        },
    )


def tell_again(*, ending_ids: list[int], now: datetime) -> int:
    """Tell these ends once more, whatever was confirmed or given up; how many there are to tell."""
    return run(TELL_AGAIN, {"ids": ending_ids, "now": now})


def tell_due_ends(now: datetime | None = None) -> int:
    """Tell every end that is due; how many were looked at. Running it twice changes nothing."""
    now = now or timezone.now()
    until, looked_at = now + policy.CLAIM, 0
    claim = {
        "now": now,
        "until": until,
        "batch": policy.CHECK_BATCH,
        "used": Report.Reason.USED_BEFORE.value,
    }
    while found := [Untold(**row) for row in rows(CLAIM, claim)]:
        _tell(found, until=until, now=now)
        looked_at += len(found)
        if len(found) < policy.CHECK_BATCH:
            break
    return looked_at


def _tell(found: list[Untold], *, until: datetime, now: datetime) -> None:
    grouped: defaultdict[int, list[Untold]] = defaultdict(list)
    for one in found:
        if one.ended and one.ended != one.told:
            grouped[one.provider_id].append(one)
        else:
            run(CONFIRMED, {"id": one.id, "ended": one.told, "until": until})
    calls = []
    for provider in Provider.objects.filter(pk__in=grouped):
        try:
            adapter = adapter_for(provider)
        except (KeyError, SecretUnreadable) as trouble:
            for one in grouped[provider.pk]:
                _not_confirmed(one, type(trouble).__name__, is_final=False, until=until, now=now)
            continue
        if Can.TELL_END not in adapter.can:  # taken away since, by an option of the account
            for one in grouped[provider.pk]:
                run(CONFIRMED, {"id": one.id, "ended": one.told, "until": until})
            continue
        calls += [(one, partial(_telling, adapter, one)) for one in grouped[provider.pk]]
    for one, _, error in ask_all(calls):
        if error is None:
            run(CONFIRMED, {"id": one.id, "ended": one.ended, "until": until})
        else:
            _failed(one, error, until=until, now=now)


def _telling(adapter: Adapter, one: Untold) -> Call[None]:
    return adapter.tell_end(
        upstream_ref=one.upstream_ref, end=End(one.ended), amount=one.amount, is_rental=one.is_rental
    )


def _failed(one: Untold, error: ProviderError, *, until: datetime, now: datetime) -> None:
    is_final = isinstance(error, FINAL)
    if not is_final and not isinstance(error, Unaskable):
        health.note_failure(one.provider_id, error, now)
    _not_confirmed(one, error.code, is_final=is_final, until=until, now=now)


def _not_confirmed(one: Untold, reason: str, *, is_final: bool, until: datetime, now: datetime) -> None:
    """Told again later and later; what is given up is counted among the parked work."""
    is_parked = is_final or one.tries + 1 >= PARK_AFTER_TRIES
    if is_parked:
        log.error("end_not_taken", lease=one.id, provider=one.provider_id, ended=one.ended, reason=reason)
    wait = min(FIRST_WAIT * 2 ** min(one.tries, 10), LONGEST_WAIT)
    parked = reason if is_parked else ""
    run(NOT_CONFIRMED, {"id": one.id, "due": now + wait, "until": until, "parked": parked})
