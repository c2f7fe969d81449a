"""Orders whose answer was lost: adopted, cancelled there, or released (U1, U2, U4, U7, M10).

The provider's own list decides. A lease is ours by the reference that we sent along; where a provider keeps
no references, by service, country, time and price among leases nobody has. One empty or failed list proves
nothing; every order has a longest life all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import structlog
from django.db import IntegrityError
from django.utils import timezone

from activations import policy
from activations.database import call, rows, run
from activations.hints import tell_browser
from activations.models import Attempt
from activations.phones import clean_phone
from activations.services import leases, steps
from activations.services.apart import apart, ask_all
from activations.services.checking.claims import KEEP, leases_by_reference, note_failed
from activations.services.checking.holding import Held, SweepClock
from activations.services.checking.matching import Lost, match
from activations.services.checking.settling import settle
from activations.services.flaws import note_found_flaw
from activations.services.kept_fees import note_fee_of_unsold
from activations.services.steps import Deal, Failure
from portal import errors
from providers import health
from providers.contract import (
    Adapter,
    Can,
    Lease,
    ListedLease,
    ProviderError,
    Sms,
    Status,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)
from providers.http import send
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
OPEN = {UpstreamState.WAITING, UpstreamState.RECEIVED, UpstreamState.RETRYING, UpstreamState.UNKNOWN}

CLAIM_LOST = """
WITH due AS (
    SELECT activation_id FROM activations_check
    WHERE kind = 'reconcile' AND parked_reason = '' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_check c SET due_at = %(until)s
FROM due JOIN activations_activation a ON a.id = due.activation_id
    JOIN activations_attempt t ON t.activation_id = a.id AND t.outcome IN ('', 'unknown')
    LEFT JOIN providers_offer o ON o.id = t.offer_id
WHERE c.activation_id = due.activation_id
RETURNING a.id, a.hex_id, a.tenant_id, a.customer_id, a.price_micros, a.due_price_micros,
    a.due_customer_price_micros, t.provider_id, t.our_ref, t.ceiling_micros, t.started_at, t.empty_lists,
    t.upstream_ref, coalesce(o.upstream_service, '') AS service, coalesce(o.upstream_country, '') AS country,
    ARRAY(SELECT jsonb_array_elements_text(a.routing -> 'exclude_prefixes')) AS exclude_prefixes,
    (a.routing ->> 'life_seconds')::int AS life_seconds
"""


def reconcile_due(now: datetime | None = None) -> int:
    """Find out about every order that is due; how many were looked at. Running it twice changes nothing."""
    now = now or timezone.now()
    claim = {"now": now, "until": now + policy.CLAIM, "batch": policy.CHECK_BATCH}
    grouped: defaultdict[int, list[Lost]] = defaultdict(list)
    for row in rows(CLAIM_LOST, claim):
        grouped[row["provider_id"]].append(Lost(**row))
    held = Held(KEEP, (row.id for lost in grouped.values() for row in lost), SweepClock(now))
    for provider_id, lost in grouped.items():
        with apart("provider_not_asked", partial(_stumbled, lost, now=now), provider=provider_id):
            _reconcile(Provider.objects.get(pk=provider_id), lost, held, now=now)
        held.let_go(row.id for row in lost)
    return sum(len(lost) for lost in grouped.values())


def _reconcile(provider: Provider, lost: list[Lost], held: Held, *, now: datetime) -> None:
    adapter = adapter_for(provider)
    if Can.LIST_ACTIVE not in adapter.can:
        for row in lost:
            with _turn_of(row, held, now=now):
                _without_list(row, provider, adapter, now=now)
        return
    [(_, listed, error)] = ask_all([(provider, adapter.list_active)], meanwhile=held.keep)
    if error is not None or listed is None:
        if error is not None:
            health.note_failure(provider.pk, error, now)
        _wait_all(lost, reason=error.code if error else "no list", now=now)
        return
    taken = {
        row.upstream_ref for row in leases_by_reference(provider.pk, [one.upstream_ref for one in listed])
    }
    matched = match(
        lost,
        [one for one in listed if one.upstream_ref not in taken],
        by_reference=Can.OWN_REFERENCE in adapter.can,
    )
    for row in lost:
        with _turn_of(row, held, now=now):
            _decide(row, matched.get(row.our_ref), provider=provider, adapter=adapter, now=now)


def _decide(
    row: Lost, found: ListedLease | None, *, provider: Provider, adapter: Adapter, now: datetime
) -> None:
    if found is None and row.upstream_ref:
        _cancel_there(row, row.upstream_ref, provider=provider, adapter=adapter, now=now)
    elif found is None:
        _not_listed(row, now=now)
    elif found.state not in OPEN:
        _release(row, reason=f"upstream says {found.state.value}", now=now)
    else:
        lease = Lease(found.upstream_ref, found.phone, found.cost_micros, found.expire_at)
        flaw = leases.flaw_of(lease, ceiling_micros=row.ceiling_micros, exclude_prefixes=row.exclude_prefixes)
        if not row.upstream_ref:  # else it was noted when the order's own answer came
            order = str(row.id)
            note_found_flaw(Attempt, row.our_ref, flaw, provider_id=provider.pk, order=order, now=now)
        if flaw or row.upstream_ref:
            _cancel_there(row, found.upstream_ref, provider=provider, adapter=adapter, now=now)
        else:
            _adopt(row, lease, found.messages, provider=provider, adapter=adapter, now=now)


def _adopt(
    row: Lost, lease: Lease, messages: Sequence[Sms], *, provider: Provider, adapter: Adapter, now: datetime
) -> None:
    """The number was bought: attach it as if its answer had come, and take what already arrived."""
    deal = Deal(
        our_ref=row.our_ref,
        lease=lease,
        phone=clean_phone(lease.phone),
        cost_micros=lease.cost_micros or row.ceiling_micros,
        price_micros=row.price_micros,
        is_own=provider.tenant_id is not None,
        due_price_micros=row.due_price_micros,
        due_customer_price_micros=row.due_customer_price_micros,
        terms=leases.terms_of(
            lease, account=provider, adapter=adapter, life_seconds=row.life_seconds, now=now
        ),
    )
    try:
        attached = steps.attach(row.id, deal, now=now)
    except IntegrityError:
        _wait(row, now=now)
        return
    log.info("order_adopted", activation=row.hex_id, provider=provider.pk)
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.hex_id)
    if attached.lease_state == "leased":
        for due in leases_by_reference(provider.pk, [lease.upstream_ref]):
            settle(due, Status(UpstreamState.UNKNOWN, messages), now=now)


def _not_listed(row: Lost, *, now: datetime) -> None:
    """Released after two separate lists and the grace time (U2)."""
    run(
        "UPDATE activations_attempt SET empty_lists = empty_lists + 1 WHERE our_ref = %(ref)s",
        {"ref": row.our_ref},
    )
    if row.empty_lists + 1 >= policy.EMPTY_LISTS_NEEDED and row.started_at + policy.RECONCILE_GRACE <= now:
        _release(row, reason="not in the provider's lists", now=now)
    else:
        _wait(row, now=now)


def _without_list(row: Lost, provider: Provider, adapter: Adapter, *, now: datetime) -> None:
    """Nobody can say: released after the grace time, and the provider may charge for it."""
    if row.upstream_ref:
        _cancel_there(row, row.upstream_ref, provider=provider, adapter=adapter, now=now)
    elif row.started_at + policy.RECONCILE_GRACE <= now:
        if Can.TELL_END not in adapter.can:  # there only what we say was sold costs anything
            _at_risk(row, note="the provider has no list to find it in", now=now)
        _release(row, reason="no list to find it in", now=now)
    else:
        _wait(row, now=now)


def _cancel_there(
    row: Lost, upstream_ref: str, *, provider: Provider, adapter: Adapter, now: datetime
) -> None:
    """A lease that must not be sold: released here only when it is cancelled there, or its time is over."""
    try:
        if Can.CANCEL not in adapter.can:
            raise UnknownToUpstream("it cannot cancel")
        send(adapter.cancel(upstream_ref=upstream_ref))
    except (UnknownToUpstream, WrongState):
        _at_risk(row, note="an unusable lease could not be cancelled", now=now)
    except ProviderError:
        _wait(row, now=now)
        return
    else:
        note_fee_of_unsold(
            row.id,
            tenant_id=row.tenant_id,
            provider_id=provider.pk,
            fee_micros=provider.cancel_fee_micros,
            now=now,
        )
    _release(row, reason="cancelled there", now=now)


def _release(row: Lost, *, reason: str, now: datetime) -> None:
    steps.unsold(
        row.id,
        failed=Failure(row.our_ref, "released", reason),
        refusal=errors.NoNumbers(),
        token=None,
        now=now,
    )
    log.info("order_released", activation=row.hex_id, reason=reason)
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.hex_id)


@contextmanager
def _turn_of(row: Lost, held: Held, *, now: datetime) -> Iterator[None]:
    held.keep()
    with apart("lost_order_failed", partial(_stumbled, [row], now=now), activation=row.hex_id):
        yield
    held.let_go([row.id])


def _stumbled(lost: Sequence[Lost], *, reason: str, now: datetime) -> None:
    """Tried again later and later (O7). Parked only when not even its longest life can end it."""
    for row in lost:
        later = partial(note_failed, [row.id], now=now)
        if row.started_at + policy.ORDER_LONGEST > now:
            later(reason=reason, park=False)
            continue
        with apart("lost_order_failed", partial(later, park=True), activation=row.hex_id):
            _wait(row, now=now)


def _wait_all(lost: Iterable[Lost], *, reason: str, now: datetime) -> None:
    log.info("lost_orders_wait", reason=reason)
    for row in lost:
        _wait(row, now=now)


def _wait(row: Lost, *, now: datetime) -> None:
    """Look again later; but no hold outlives its own longest life, whatever the provider says."""
    if row.started_at + policy.ORDER_LONGEST <= now:
        _at_risk(row, note="its outcome could not be found out in time", now=now)
        _release(row, reason="longest life reached", now=now)
        return
    run(
        "UPDATE activations_check SET due_at = %(due)s WHERE activation_id = %(id)s AND kind = 'reconcile'",
        {"id": row.id, "due": now + policy.RECONCILE_EVERY},
    )


def _at_risk(row: Lost, *, note: str, now: datetime) -> None:
    call(
        "activation_at_risk",
        id=row.id,
        tenant=row.tenant_id,
        provider=row.provider_id,
        kind="orphan",
        micros=row.ceiling_micros,
        note=note,
        now=now,
    )
