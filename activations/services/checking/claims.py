"""Claiming due rows, and putting them back with their next time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from activations import policy
from activations.database import rows, run
from activations.services.checking.holding import SweepClock
from activations.services.receiving import Target, reference_of
from portal.fastlane import fetch_all
from providers.contract import ProviderError, Sms

DUE_COLUMNS = """
    a.id, a.hex_id, a.tenant_id, a.customer_id, a.provider_id, a.upstream_ref, a.sms_status,
    a.activation_status,
    a.created_at, a.expire_at, a.cancel_requested_at, a.cost_micros, s.code_pattern, c.tries, c.gone,
    false AS is_former, CASE WHEN a.sms_status = 'smsRequested' THEN NULL ELSE ARRAY(
        SELECT m.upstream_ref FROM activations_message m WHERE m.activation_id = a.id) END AS known
"""

CLAIM_DUE = f"""
WITH due AS (
    SELECT activation_id FROM activations_check
    WHERE kind = 'status' AND parked_reason = '' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_check c SET due_at = %(until)s
FROM due JOIN activations_activation a ON a.id = due.activation_id
    JOIN providers_service s ON s.id = a.service_id
WHERE c.activation_id = due.activation_id
RETURNING {DUE_COLUMNS}
"""  # noqa: S608

# Closed here, and still to be cancelled at the provider.
CLAIM_CANCELS = CLAIM_DUE.replace("kind = 'status'", "kind = 'cancel'")

# Parked rows too: no number outlives its time because its checks fail.
CLAIM_EXPIRED = f"""
WITH due AS (
    SELECT c.activation_id FROM activations_activation a JOIN activations_check c ON c.activation_id = a.id
    WHERE a.activation_status = 'active' AND a.lease_state = 'leased'
        AND a.sms_status IN ('smsRequested', 'retryRequested')
        AND a.expire_at <= %(now)s AND (c.due_at <= %(now)s OR c.parked_reason <> '')
    ORDER BY a.expire_at LIMIT %(batch)s FOR UPDATE OF c SKIP LOCKED
)
UPDATE activations_check c SET due_at = %(until)s, parked_reason = ''
FROM due JOIN activations_activation a ON a.id = due.activation_id
    JOIN providers_service s ON s.id = a.service_id
WHERE c.activation_id = due.activation_id
RETURNING {DUE_COLUMNS}
"""  # noqa: S608

# These touch only rows that nobody has locked. A locked one is being closed or claimed and needs no new time;
# waiting for it, with others locked, is how sweeps would wait for each other in a circle.
KEEP = """
UPDATE activations_check SET due_at = %(until)s WHERE activation_id IN (
    SELECT activation_id FROM activations_check WHERE activation_id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED)
"""
PUT_BACK = """
WITH free AS (
    SELECT activation_id FROM activations_check WHERE activation_id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
)
UPDATE activations_check c SET due_at = v.due_at, tries = 0,
    gone = CASE WHEN v.id = ANY(%(gone)s) THEN least(c.gone + 1, 1000) ELSE 0 END
FROM free JOIN unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS v (id, due_at)
    ON v.id = free.activation_id
WHERE c.activation_id = free.activation_id
"""
NOTE_FAILED = """
WITH free AS (
    SELECT activation_id FROM activations_check WHERE activation_id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
)
UPDATE activations_check c SET tries = least(tries + 1, 1000),
    due_at = greatest(v.not_before, %(now)s + least(5 * 2 ^ least(tries, 6), 60) * interval '1 second'),
    parked_reason = CASE WHEN %(park)s AND tries + 1 >= %(limit)s THEN %(reason)s ELSE '' END
FROM free JOIN unnest(%(ids)s::uuid[], %(not_before)s::timestamptz[]) AS v (id, not_before)
    ON v.id = free.activation_id
WHERE c.activation_id = free.activation_id
"""

OPEN = """
SELECT count(*) FROM activations_activation WHERE provider_id = %(provider)s AND activation_status = 'active'
"""
BY_REFERENCE = f"""
SELECT {DUE_COLUMNS.replace("c.tries, c.gone", "0 AS tries, 0 AS gone")}
FROM activations_activation a JOIN providers_service s ON s.id = a.service_id
WHERE a.provider_id = %(provider)s AND a.upstream_ref = ANY(%(refs)s)
"""  # noqa: S608
# The newest, should an order be attached to a number whose lease before ended unseen.
BY_PHONE = f"""
SELECT {DUE_COLUMNS.replace("c.tries, c.gone", "0 AS tries, 0 AS gone")}
FROM activations_activation a JOIN providers_service s ON s.id = a.service_id
WHERE a.provider_id = %(provider)s AND a.phone = %(phone)s AND a.activation_status = 'active'
    AND a.lease_state = 'leased'
ORDER BY a.created_at DESC LIMIT 1
"""  # noqa: S608

# A former number of an order: its own lease, the order's state. Its messages are told apart when stored.
FORMER_COLUMNS = """
    a.id, a.hex_id, a.tenant_id, a.customer_id, x.provider_id, x.upstream_ref, a.sms_status,
    a.activation_status,
    a.created_at, x.expire_at, a.cancel_requested_at, x.cost_micros, s.code_pattern, x.tries, x.gone,
    true AS is_former, NULL AS known
"""
FORMER_BY_REFERENCE = f"""
SELECT {FORMER_COLUMNS}
FROM activations_exchange x JOIN activations_activation a ON a.id = x.activation_id
    JOIN providers_service s ON s.id = a.service_id
WHERE x.provider_id = %(provider)s AND x.upstream_ref = ANY(%(refs)s)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Due:
    """One number to be asked about. `known`: references of its stored messages, None while there are none.
    `gone`: how often in a row the provider did not know it. `is_former`: its order shows another one.
    """

    id: UUID
    hex_id: str
    tenant_id: int
    customer_id: int
    provider_id: int
    upstream_ref: str
    sms_status: str
    activation_status: str
    created_at: datetime
    expire_at: datetime
    cancel_requested_at: datetime | None
    cost_micros: int
    code_pattern: str
    tries: int
    gone: int
    is_former: bool
    known: list[str] | None

    @property
    def target(self) -> Target:
        lease = self.provider_id, self.upstream_ref
        return Target(self.id, self.tenant_id, self.customer_id, self.hex_id, self.code_pattern, *lease)

    @property
    def awaits_first(self) -> bool:
        return self.activation_status == "active" and self.sms_status == "smsRequested"

    @property
    def awaits_any(self) -> bool:
        """The first message, or the further one that was asked for."""
        return self.activation_status == "active" and self.sms_status in {"smsRequested", "retryRequested"}

    def news_of(self, messages: Iterable[Sms]) -> list[Sms]:
        """The messages that are not stored yet."""
        known = set(self.known or ())
        return [sms for sms in messages if reference_of(sms) not in known]


def claim_due(*, now: datetime, clock: SweepClock | None = None) -> list[Due]:
    """What was due when the sweep started, claimed from the present on; likewise below."""
    return _dues(CLAIM_DUE, _claim(now, clock))


def claim_cancels(*, now: datetime, clock: SweepClock | None = None) -> list[Due]:
    return _dues(CLAIM_CANCELS, _claim(now, clock))


def claim_expired(*, now: datetime, clock: SweepClock | None = None) -> list[Due]:
    return _dues(CLAIM_EXPIRED, _claim(now, clock))


def _dues(statement: str, params: Mapping[str, object]) -> list[Due]:
    """The rows of a statement that gives DUE_COLUMNS, in their order."""
    return [Due(*values) for values in fetch_all(statement, params)]


def _claim(now: datetime, clock: SweepClock | None) -> dict[str, object]:
    until = (clock.now() if clock else now) + policy.CLAIM
    return {"now": now, "until": until, "batch": policy.CHECK_BATCH}


def leases_by_reference(provider_id: int, refs: list[str]) -> list[Due]:
    """The numbers behind a provider's references, whatever became of them, former ones of orders too."""
    if not refs:
        return []
    found = _dues(BY_REFERENCE, {"provider": provider_id, "refs": refs})
    missing = set(refs).difference(row.upstream_ref for row in found)
    if missing:
        former = {"provider": provider_id, "refs": list(missing)}
        found += _dues(FORMER_BY_REFERENCE, former)
    return found


def open_lease_on(provider_id: int, phone: str) -> list[Due]:
    """The open number that a provider knows by its phone alone; one, or none."""
    return _dues(BY_PHONE, {"provider": provider_id, "phone": phone})


def count_open(provider_id: int) -> int:
    """How many numbers of a provider are open."""
    [row] = rows(OPEN, {"provider": provider_id})
    return int(row["count"])


def by_provider(due: Iterable[Due]) -> dict[int, list[Due]]:
    grouped: defaultdict[int, list[Due]] = defaultdict(list)
    for row in due:
        grouped[row.provider_id].append(row)
    return dict(grouped)


def next_check(row: Due, *, interval_seconds: int, now: datetime) -> datetime:
    """Often in the first two minutes, when most codes come; rarer later; at the latest when it expires."""
    age = (now - row.created_at).total_seconds()
    factor = 1 if age < 120 else 2 if age < 300 else 4
    due_at = now + timedelta(seconds=interval_seconds * factor)
    return min(due_at, max(row.expire_at, now + timedelta(seconds=1)))


def put_back(due_times: dict[UUID, datetime], *, gone: Collection[UUID] = ()) -> None:
    """Move the due times of checks that brought no news, all in one narrow statement. `gone`: those that the
    provider did not know.
    """
    if due_times:
        times = list(due_times.values())
        run(PUT_BACK, {"ids": list(due_times), "times": times, "gone": list(gone)})


def note_failed(
    ids: list[UUID], *, reason: str, now: datetime, park: bool, not_before: Sequence[datetime] = ()
) -> None:
    """Checks that failed are tried again later and later, at most a minute, or as late as their provider asks
    for (`not_before`, one time for each). `park`: what cannot be worked here is put aside with its reason
    after some tries (O7); a provider's trouble passes by itself.
    """
    if ids:
        facts = {"ids": ids, "now": now, "park": park, "reason": reason[:200]}
        limit, times = policy.PARK_AFTER_TRIES, list(not_before) or [now] * len(ids)
        run(NOTE_FAILED, {**facts, "limit": limit, "not_before": times})


def asked_to_wait_until(error: ProviderError) -> datetime | None:
    """When a provider that asks for patience (429, a ban) may be asked again; None: it names no time."""
    until = getattr(error, "until", None)
    return until if isinstance(until, datetime) else None
