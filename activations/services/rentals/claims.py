"""Claiming due rows of rentals, and putting them back with their next time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activations import policy
from activations.database import rows, run
from activations.rental_queries import COLUMNS, RentalRow
from activations.services.checking.holding import Held, SweepClock
from activations.services.receiving import Target, reference_of
from providers.contract import Sms

CLAIM = f"""
WITH due AS (
    SELECT id FROM activations_rentaldue
    WHERE kind = %(kind)s AND parked_reason = '' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_rentaldue d SET due_at = %(until)s
FROM due JOIN activations_rentaldue mine ON mine.id = due.id
    JOIN activations_rental r ON r.id = mine.rental_id
    JOIN providers_service s ON s.id = r.service_id
WHERE d.id = due.id
RETURNING d.id AS due_id, d.tries, r.upstream_ref, r.cost_micros, s.code_pattern,
    ARRAY(SELECT m.upstream_ref FROM activations_rentalmessage m WHERE m.rental_id = r.id) AS known, {COLUMNS}
"""  # noqa: S608
BY_REFERENCE = f"""
SELECT 0 AS due_id, 0 AS tries, r.upstream_ref, r.cost_micros, s.code_pattern,
    ARRAY(SELECT m.upstream_ref FROM activations_rentalmessage m WHERE m.rental_id = r.id) AS known, {COLUMNS}
FROM activations_rental r JOIN providers_service s ON s.id = r.service_id
WHERE r.provider_id = %(provider)s AND r.upstream_ref = ANY(%(refs)s)
"""  # noqa: S608
BY_PHONE = f"""
SELECT 0 AS due_id, 0 AS tries, r.upstream_ref, r.cost_micros, s.code_pattern,
    ARRAY(SELECT m.upstream_ref FROM activations_rentalmessage m WHERE m.rental_id = r.id) AS known, {COLUMNS}
FROM activations_rental r JOIN providers_service s ON s.id = r.service_id
WHERE r.provider_id = %(provider)s AND r.phone = %(phone)s AND r.rental_status = 'active'
    AND r.lease_state = 'leased'
ORDER BY r.created_at DESC LIMIT 1
"""  # noqa: S608
# Only rows that nobody holds: a locked one is being closed or claimed and needs no new time. A row that an
# extension has planned for later meanwhile keeps that time.
KEEP = """
UPDATE activations_rentaldue SET due_at = %(until)s WHERE id IN (
    SELECT id FROM activations_rentaldue WHERE id = ANY(%(ids)s) AND due_at <= %(until)s
    FOR UPDATE SKIP LOCKED)
"""
PUT_BACK = """
WITH free AS (
    SELECT id FROM activations_rentaldue WHERE id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
)
UPDATE activations_rentaldue d SET due_at = v.due_at, tries = 0
FROM free JOIN unnest(%(ids)s::bigint[], %(times)s::timestamptz[]) AS v (id, due_at) ON v.id = free.id
WHERE d.id = free.id
"""
NOTE_FAILED = """
WITH free AS (
    SELECT id FROM activations_rentaldue WHERE id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
)
UPDATE activations_rentaldue d SET tries = least(tries + 1, 1000),
    due_at = %(now)s + least(5 * 2 ^ least(tries, 6), 60) * interval '1 second',
    parked_reason = CASE WHEN %(park)s AND tries + 1 >= %(limit)s THEN %(reason)s ELSE '' END
FROM free WHERE d.id = free.id
"""


@dataclass(frozen=True, slots=True)
class DueRental:
    """A rental to be asked about. `known`: references of its stored messages."""

    row: RentalRow
    due_id: int
    tries: int
    upstream_ref: str
    cost_micros: int
    code_pattern: str
    known: list[str]

    @property
    def target(self) -> Target:
        row = self.row
        return Target(row.id, row.tenant_id, row.customer_id, row.rnt_id, self.code_pattern)

    @property
    def provider_id(self) -> int:
        assert self.row.provider_id is not None
        return self.row.provider_id

    def news_of(self, messages: Iterable[Sms]) -> list[Sms]:
        """The messages that are not stored yet."""
        known = set(self.known)
        return [sms for sms in messages if reference_of(sms) not in known]


def claim(kind: str, *, now: datetime, clock: SweepClock, most: int = policy.CHECK_BATCH) -> list[DueRental]:
    """At most so many of those that were due of one kind when the sweep started; a killed worker's rows come
    back by themselves.
    """
    facts = {"kind": kind, "now": now, "until": clock.now() + policy.CLAIM, "batch": most}
    return [_due_rental(row) for row in rows(CLAIM, facts)]


def hold(batch: Iterable[DueRental], clock: SweepClock) -> Held:
    """The claimed rows, to be kept while their providers are asked."""
    return Held(KEEP, [due.due_id for due in batch], clock)


def rentals_by_reference(provider_id: int, refs: list[str]) -> list[DueRental]:
    """The rentals behind a provider's references, whatever became of them."""
    if not refs:
        return []
    return [_due_rental(row) for row in rows(BY_REFERENCE, {"provider": provider_id, "refs": refs})]


def open_rental_on(provider_id: int, phone: str) -> list[DueRental]:
    """The running rental that a provider knows by its phone alone; one, or none."""
    return [_due_rental(row) for row in rows(BY_PHONE, {"provider": provider_id, "phone": phone})]


def _due_rental(found: dict[str, Any]) -> DueRental:
    row = RentalRow(**{name: found.pop(name) for name in RentalRow._fields})
    return DueRental(row=row, **found)


def next_check(row: RentalRow, *, interval_seconds: int, now: datetime) -> datetime:
    """At the provider's pace while messages are likely, that is soon after it was rented or heard from."""
    lively = max(row.created_at, row.last_message_at or row.created_at) + policy.RENTAL_CHECK_OFTEN > now
    factor = 1 if lively or row.is_cancelling else policy.RENTAL_CHECK_SELDOM
    return now + timedelta(seconds=interval_seconds * factor)


def put_back(due_times: dict[int, datetime]) -> None:
    """Move the times of due rows that brought no news, all in one narrow statement."""
    if due_times:
        run(PUT_BACK, {"ids": list(due_times), "times": list(due_times.values())})


def note_failed(ids: list[int], *, reason: str, now: datetime, park: bool) -> None:
    """What failed is tried again later and later, at most a minute. `park`: what cannot be worked here is put
    aside with its reason after some tries (O7); a provider's trouble passes by itself.
    """
    if ids:
        limit = policy.PARK_AFTER_TRIES
        run(NOTE_FAILED, {"ids": ids, "now": now, "park": park, "limit": limit, "reason": reason[:200]})
