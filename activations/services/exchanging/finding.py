"""Exchanges whose answer was lost: the provider's list tells whether a number was bought (U1, U2, U4).

Until that is known nothing is swapped and no other provider is asked, so that no two are paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from django.db import IntegrityError

from activations import policy
from activations.database import call, rows, run
from activations.services import leases
from activations.services.apart import apart, ask_all
from activations.services.checking.claims import leases_by_reference
from activations.services.checking.holding import Held, SweepClock
from activations.services.checking.matching import match
from activations.services.exchanging.buying import note_swap, take_lease
from activations.services.flaws import note_flaw
from providers import health
from providers.contract import Adapter, Can, Lease, ListedLease, UpstreamState
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
OPEN = {UpstreamState.WAITING, UpstreamState.RECEIVED, UpstreamState.RETRYING, UpstreamState.UNKNOWN}

CLAIM = """
WITH due AS (
    SELECT id FROM activations_exchange WHERE state = 'buying' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_exchange x SET due_at = %(until)s
FROM due JOIN activations_exchange y ON y.id = due.id
    JOIN activations_activation a ON a.id = y.activation_id
    JOIN activations_attempt t ON t.our_ref = y.our_ref
    LEFT JOIN providers_offer o ON o.id = y.offer_id
WHERE x.id = due.id
RETURNING x.id, a.hex_id, a.tenant_id, a.customer_id, x.provider_id, x.our_ref,
    x.cost_micros AS ceiling_micros, x.due_price_micros, x.due_customer_price_micros, x.started_at,
    x.upstream_ref, t.empty_lists,
    coalesce(o.upstream_service, '') AS service, coalesce(o.upstream_country, '') AS country,
    ARRAY(SELECT jsonb_array_elements_text(a.routing -> 'exclude_prefixes')) AS exclude_prefixes,
    (a.routing ->> 'life_seconds')::int AS life_seconds
"""
KEEP = """
UPDATE activations_exchange SET due_at = %(until)s WHERE id IN (
    SELECT id FROM activations_exchange WHERE id = ANY(%(ids)s) AND state = 'buying' FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Lost:
    """An exchange of which nobody knows whether its number was bought. Micro-USD."""

    id: int
    hex_id: str
    tenant_id: int
    customer_id: int
    provider_id: int
    our_ref: str
    ceiling_micros: int
    due_price_micros: int
    due_customer_price_micros: int
    started_at: datetime
    upstream_ref: str
    empty_lists: int
    service: str
    country: str
    exclude_prefixes: list[str]
    life_seconds: int | None


def find_bought(now: datetime) -> None:
    """Find out about every exchange that is due."""
    claim = {"now": now, "until": now + policy.CLAIM, "batch": policy.CHECK_BATCH}
    grouped: defaultdict[int, list[Lost]] = defaultdict(list)
    for row in rows(CLAIM, claim):
        grouped[row["provider_id"]].append(Lost(**row))
    held = Held(KEEP, (row.id for lost in grouped.values() for row in lost), SweepClock(now))
    for provider_id, lost in grouped.items():
        with apart("provider_not_asked", partial(_wait_all, lost, now=now), provider=provider_id):
            _find(Provider.objects.get(pk=provider_id), lost, held, now=now)
        held.let_go(row.id for row in lost)


def _find(provider: Provider, lost: list[Lost], held: Held, *, now: datetime) -> None:
    adapter = adapter_for(provider)
    if Can.LIST_ACTIVE not in adapter.can:
        for row in lost:
            _without_list(row, now=now)
        return
    [(_, listed, error)] = ask_all([(provider, adapter.list_active)], meanwhile=held.keep)
    if error is not None or listed is None:
        if error is not None:
            health.note_failure(provider.pk, error, now)
        _wait_all(lost, reason=error.code if error else "no list", now=now)
        return
    refs = [one.upstream_ref for one in listed]
    taken = {row.upstream_ref for row in leases_by_reference(provider.pk, refs)}
    free = [one for one in listed if one.upstream_ref not in taken]
    matched = match(lost, free, by_reference=Can.OWN_REFERENCE in adapter.can)
    for row in lost:
        held.keep()
        with apart("exchange_failed", partial(_wait_all, [row], now=now), activation=row.hex_id):
            if row.our_ref in matched:
                _found(row, matched[row.our_ref], provider=provider, adapter=adapter, now=now)
            else:
                _not_listed(row, now=now)
        held.let_go([row.id])


def _found(row: Lost, found: ListedLease, *, provider: Provider, adapter: Adapter, now: datetime) -> None:
    """It was bought: swapped if the order still waits, else given back, as if its answer had come."""
    if found.state not in OPEN:
        _end(row, "unsold", reason=f"upstream says {found.state.value}", now=now)
        return
    lease = Lease(found.upstream_ref, found.phone, found.cost_micros, found.expire_at)
    unwanted = row.exclude_prefixes
    flaw = leases.flaw_of(lease, ceiling_micros=row.ceiling_micros, exclude_prefixes=unwanted)
    note_flaw(provider.pk, flaw, order=row.hex_id, now=now)
    try:
        word = take_lease(
            row.id,
            lease,
            cost_micros=found.cost_micros or row.ceiling_micros,
            due_price_micros=row.due_price_micros,
            due_customer_price_micros=row.due_customer_price_micros,
            account=provider,
            adapter=adapter,
            life_seconds=row.life_seconds,
            flaw=flaw,
            now=now,
        )
    except IntegrityError:
        _wait(row, now=now)
        return
    note_swap(row.tenant_id, row.customer_id, row.hex_id, word)


def _not_listed(row: Lost, *, now: datetime) -> None:
    """Not bought, say two separate lists after the grace time (U2)."""
    run(
        "UPDATE activations_attempt SET empty_lists = empty_lists + 1 WHERE our_ref = %(ref)s",
        {"ref": row.our_ref},
    )
    if row.empty_lists + 1 >= policy.EMPTY_LISTS_NEEDED and row.started_at + policy.RECONCILE_GRACE <= now:
        _end(row, "unsold", reason="not in the provider's lists", now=now)
    else:
        _wait(row, now=now)


def _without_list(row: Lost, *, now: datetime) -> None:
    """Nobody can say: after the grace time the provider may charge for it."""
    if row.started_at + policy.RECONCILE_GRACE <= now:
        _end(row, "kept", reason="no list to find it in", micros=row.ceiling_micros, now=now)
    else:
        _wait(row, now=now)


def _wait_all(lost: Iterable[Lost], *, reason: str, now: datetime) -> None:
    log.info("lost_exchanges_wait", reason=reason)
    for row in lost:
        with apart("exchange_failed", activation=row.hex_id):
            _wait(row, now=now)


def _wait(row: Lost, *, now: datetime) -> None:
    """Look again later, but not for ever."""
    if row.started_at + policy.ORDER_LONGEST <= now:
        _end(row, "kept", reason="not found out in time", micros=row.ceiling_micros, now=now)
        return
    run(
        "UPDATE activations_exchange SET due_at = %(due)s WHERE id = %(id)s AND state = 'buying'",
        {"id": row.id, "due": now + policy.RECONCILE_EVERY},
    )


def _end(row: Lost, state: str, *, reason: str, now: datetime, micros: int = 0) -> None:
    call(
        "exchange_end",
        exchange=row.id,
        lease="",
        state=state,
        outcome="released",
        reason=reason[:80],
        kind="orphan",
        micros=micros,
        now=now,
    )
    log.info("exchange_given_up", activation=row.hex_id, reason=reason)
