"""One call for all open numbers of a provider whose list tells their messages.

Such a provider has one due row of its own (ListCheck); its numbers' rows sleep until they expire. A list that
brings no news writes that one row and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from activations import policy
from activations.database import rows, run
from activations.services.apart import apart, ask_all
from activations.services.checking.claims import (
    Due,
    asked_to_wait_until,
    leases_by_reference,
    next_check,
    put_back,
)
from activations.services.checking.holding import Held, SweepClock
from activations.services.checking.orphans import compare
from activations.services.checking.settling import failed, judge_ended, settle
from providers import health
from providers.contract import Can, ListedLease, ProviderError, Status, UpstreamState
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
QUIET = {UpstreamState.WAITING, UpstreamState.RETRYING, UpstreamState.UNKNOWN}
HALF_A_BEAT = timedelta(milliseconds=500)  # sweeps come once a second: due a little early is on time

CLAIM_LISTS = """
UPDATE activations_listcheck l SET due_at = %(until)s
FROM (
    SELECT provider_id FROM activations_listcheck due
    WHERE due_at <= %(now)s AND EXISTS (
        SELECT 1 FROM activations_activation a
        WHERE a.provider_id = due.provider_id AND a.activation_status = 'active'
            AND a.lease_state = 'leased' AND a.sms_status IN ('smsRequested', 'retryRequested'))
    FOR UPDATE SKIP LOCKED
) AS mine
WHERE l.provider_id = mine.provider_id
RETURNING l.provider_id, l.tries, l.compared_at
"""
KEEP_LISTS = "UPDATE activations_listcheck SET due_at = %(until)s WHERE provider_id = ANY(%(ids)s)"


def check_due_lists(now: datetime) -> int:
    """Ask every provider whose list is due, side by side; how many were asked."""
    claimed = {
        row["provider_id"]: row for row in rows(CLAIM_LISTS, {"now": now, "until": now + policy.CLAIM})
    }
    clock = SweepClock(now)
    held = Held(KEEP_LISTS, claimed, clock)
    providers = Provider.objects.in_bulk(claimed)
    calls = []
    for provider in providers.values():
        with apart("provider_not_asked", provider=provider.pk):  # its numbers' own rows show the reason
            adapter = adapter_for(provider)
            if Can.MESSAGES_IN_LIST in adapter.can:
                calls.append((provider, adapter.list_active))
    for provider, listed, error in ask_all(calls, meanwhile=held.keep):
        held.let_go([provider.pk])
        at = clock.counted_from()
        tries, compared_at = claimed[provider.pk]["tries"], claimed[provider.pk]["compared_at"]
        with apart("list_failed", partial(_later, provider, tries=tries, now=at), provider=provider.pk):
            if error is not None:
                health.note_failure(provider.pk, error, now)  # the health row tells it once (U5)
                until = asked_to_wait_until(error)
                _later(provider, reason=error.code, tries=tries, now=at, until=until)
            elif listed is not None:
                _work(provider, listed, compared_at=compared_at, now=now, at=at)
    return len(calls)


def _work(
    provider: Provider,
    listed: Sequence[ListedLease],
    *,
    compared_at: datetime | None,
    now: datetime,
    at: datetime,
) -> None:
    loud = {lease.upstream_ref: lease for lease in listed if lease.messages or lease.state not in QUIET}
    heard = leases_by_reference(provider.pk, list(loud))
    judge_ended([row for row in heard if settle(row, _status(loud[row.upstream_ref]), now=now)], now=now)
    is_due = compared_at is None or compared_at <= now - policy.COMPARE_LISTS_EVERY
    if is_due:
        compare(provider, listed, now=now)
    run(
        "UPDATE activations_listcheck SET due_at = %(due)s, tries = 0,"
        " compared_at = CASE WHEN %(compared)s THEN %(now)s ELSE compared_at END WHERE provider_id = %(id)s",
        {
            "id": provider.pk,
            "now": now,
            "compared": is_due,
            "due": at + timedelta(seconds=provider.check_seconds) - HALF_A_BEAT,
        },
    )


def _later(
    provider: Provider, *, reason: str, tries: int, now: datetime, until: datetime | None = None
) -> None:
    """Asked again later and later, at most a minute, or when the provider wants to be asked again; its
    numbers are asked about singly when their time is over.
    """
    log.info("list_waits", provider=provider.pk, reason=reason)
    wait = min(provider.check_seconds * 2 ** min(tries, 6), 60)
    run(
        "UPDATE activations_listcheck SET due_at = %(due)s, tries = least(tries + 1, 1000)"
        " WHERE provider_id = %(id)s",
        {"id": provider.pk, "due": max(now + timedelta(seconds=wait), until or now)},
    )


def answer_by_list(
    provider: Provider,
    due: list[Due],
    leases: Sequence[ListedLease] | None,
    error: ProviderError | None,
    *,
    now: datetime,
    at: datetime,
) -> list[Due]:
    """Answer these rows from one list; gives back those that it does not show, to be asked singly. `at`: from
    when it counts until they are due again.
    """
    if error is not None:
        health.note_failure(provider.pk, error, at)
        failed(due, reason=error.code, now=at, until=asked_to_wait_until(error))
        return []
    listed = {lease.upstream_ref: lease for lease in leases or ()}
    again: dict[UUID, datetime] = {}
    missing, changed = [], []
    for row in due:
        lease = listed.get(row.upstream_ref)
        if lease is None or row.cancel_requested_at:
            missing.append(row)
        elif settle(row, _status(lease), now=now):
            changed.append(row)
        else:
            again[row.id] = next_check(row, interval_seconds=provider.check_seconds, now=at)
    put_back(again)
    judge_ended(changed, now=now)
    return missing


def _status(lease: ListedLease) -> Status:
    return Status(state=lease.state, messages=lease.messages, cost_micros=lease.cost_micros)
