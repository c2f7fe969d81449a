"""Rents and extensions whose answer was lost (U1, U2, U4): the provider's list, or the rental's own end
there, decides; where it has neither the grace time does, and the amount is listed as money at risk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.utils import timezone

from activations import policy
from activations.database import rows, run
from activations.hints import tell_browser
from activations.rental_models import RentalAttempt
from activations.rental_queries import COLUMNS, RentalRow
from activations.services import leases
from activations.services.apart import ask_all
from activations.services.checking.holding import Held, SweepClock
from activations.services.checking.matching import match
from activations.services.flaws import note_found_flaw
from activations.services.rentals import news, steps
from activations.services.rentals.claims import KEEP, rentals_by_reference
from activations.services.rentals.extending import not_extended, settle_extension
from activations.services.steps import Failure
from portal import errors
from portal.encryption import SecretUnreadable
from providers import health
from providers.contract import (
    Adapter,
    Can,
    Extension,
    Lease,
    ListedLease,
    ProviderError,
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

CLAIM = f"""
WITH due AS (
    SELECT id FROM activations_rentaldue
    WHERE kind = %(kind)s AND parked_reason = '' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_rentaldue d SET due_at = %(until)s
FROM due JOIN activations_rentaldue mine ON mine.id = due.id
    JOIN activations_rental r ON r.id = mine.rental_id
    JOIN activations_rentalterm t ON t.rental_id = r.id AND t.state = 'pending'
    JOIN activations_rentalattempt a ON a.term_id = t.id AND a.outcome IN ('', 'unknown')
    LEFT JOIN providers_offer o ON o.id = a.offer_id
WHERE d.id = due.id
RETURNING d.id AS due_id, t.id AS term_id, t.hours AS term_hours, t.price_micros AS term_price_micros,
    t.extends_from, a.our_ref, a.provider_id AS asked_id, a.ceiling_micros, a.started_at, a.empty_lists,
    a.upstream_ref, r.cost_micros AS rental_cost_micros,
    coalesce(o.upstream_service, '') AS service, coalesce(o.upstream_country, '') AS country,
    ARRAY(SELECT jsonb_array_elements_text(r.routing -> 'exclude_prefixes')) AS exclude_prefixes, {COLUMNS}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class LostTerm:
    """A rent or an extension whose answer never came. `upstream_ref`: a lease to be cancelled."""

    row: RentalRow
    due_id: int
    term_id: UUID
    term_hours: int
    term_price_micros: int
    extends_from: datetime | None
    our_ref: str
    asked_id: int
    ceiling_micros: int
    started_at: datetime
    empty_lists: int
    upstream_ref: str
    rental_cost_micros: int
    service: str
    country: str
    exclude_prefixes: Sequence[str]


def reconcile_due_rentals(now: datetime | None = None) -> int:
    """Find out about every rent and extension that is due; how many were looked at. Twice changes nothing."""
    now = now or timezone.now()
    clock = SweepClock(now)
    return sum(_reconcile_kind(kind, now=clock.counted_from()) for kind in ("reconcile", "extension"))


def _reconcile_kind(kind: str, *, now: datetime) -> int:
    facts = {"kind": kind, "now": now, "until": now + policy.CLAIM, "batch": policy.CHECK_BATCH}
    grouped: defaultdict[int, list[LostTerm]] = defaultdict(list)
    for found in rows(CLAIM, facts):
        row = RentalRow(**{name: found.pop(name) for name in RentalRow._fields})
        lost = LostTerm(row=row, **found)
        grouped[lost.asked_id].append(lost)
    held = Held(KEEP, (one.due_id for mine in grouped.values() for one in mine), SweepClock(now))
    for provider_id, mine in grouped.items():
        held.keep()
        provider = Provider.objects.get(pk=provider_id)
        try:
            adapter = adapter_for(provider)
        except (KeyError, SecretUnreadable) as error:
            _wait_all(mine, reason=type(error).__name__, now=now)
        else:
            find = _find_extensions if kind == "extension" else _find_rentals
            find(mine, provider, adapter, held, now=now)
        held.let_go(one.due_id for one in mine)
    return sum(len(mine) for mine in grouped.values())


# --- rents ---


def _find_rentals(
    lost: list[LostTerm], provider: Provider, adapter: Adapter, held: Held, *, now: datetime
) -> None:
    if Can.LIST_RENTALS not in adapter.can:
        for one in lost:
            held.keep()
            _without_list(one, adapter, now=now)
            held.let_go([one.due_id])
        return
    [(_, listed, error)] = ask_all([(provider, adapter.list_rentals)], meanwhile=held.keep)
    if error is not None or listed is None:
        if error is not None:
            health.note_failure(provider.pk, error, now)
        _wait_all(lost, reason=error.code if error else "no list", now=now)
        return
    taken = {
        due.upstream_ref for due in rentals_by_reference(provider.pk, [one.upstream_ref for one in listed])
    }
    free = [one for one in listed if one.upstream_ref not in taken]
    by_reference = Can.OWN_REFERENCE in adapter.can
    matched = match(lost, free, by_reference=by_reference)
    is_telling = by_reference or all(one.created_at for one in free)
    for one in lost:
        held.keep()
        found = matched.get(one.our_ref)
        if found or one.upstream_ref or is_telling:
            _decide(one, found, provider=provider, adapter=adapter, now=now)
        else:  # there is a rental that nobody has, but not whose it is
            _without_list(one, adapter, now=now)
        held.let_go([one.due_id])


def _decide(
    lost: LostTerm, found: ListedLease | None, *, provider: Provider, adapter: Adapter, now: datetime
) -> None:
    if found is None and lost.upstream_ref:
        _cancel_there(lost, lost.upstream_ref, adapter=adapter, now=now)
    elif found is None:
        _not_shown(lost, now=now)
    elif found.state not in OPEN:
        _release(lost, reason=f"upstream says {found.state.value}", now=now)
    else:
        lease = Lease(found.upstream_ref, found.phone, found.cost_micros, found.expire_at)
        unwanted, ceiling = lost.exclude_prefixes, lost.ceiling_micros
        flaw = leases.flaw_of(lease, ceiling_micros=ceiling, exclude_prefixes=unwanted)
        if not lost.upstream_ref:  # else it was noted when the rent's own answer came
            order = str(lost.row.id)
            note_found_flaw(RentalAttempt, lost.our_ref, flaw, provider_id=provider.pk, order=order, now=now)
        if flaw or lost.upstream_ref:
            _cancel_there(lost, found.upstream_ref, adapter=adapter, now=now)
        else:
            _adopt(lost, lease, found, provider=provider, adapter=adapter, now=now)


def _adopt(
    lost: LostTerm, lease: Lease, found: ListedLease, *, provider: Provider, adapter: Adapter, now: datetime
) -> None:
    """The number was rented: attach it as if its answer had come, and take what already arrived."""
    deal = steps.RentalDeal(
        our_ref=lost.our_ref,
        lease=lease,
        hours=lost.term_hours,
        cost_micros=lost.ceiling_micros if lease.cost_micros is None else lease.cost_micros,
        price_micros=lost.term_price_micros,
        is_own=provider.tenant_id is not None,
        check_seconds=provider.check_seconds,
        ends_unused=provider.rental_ends_unused,
    )
    try:
        attached = steps.attach(lost.row.id, deal, adapter, now=now)
    except IntegrityError:
        _wait(lost, now=now)
        return
    log.info("rental_adopted", rental=lost.row.rnt_id, provider=provider.pk)
    _tell(lost)
    if attached.lease_state == "leased":
        for due in rentals_by_reference(provider.pk, [lease.upstream_ref]):
            news.settle(due, Status(UpstreamState.UNKNOWN, found.messages), provider=provider, now=now)


def _without_list(lost: LostTerm, adapter: Adapter, *, now: datetime) -> None:
    """Nobody can say: released after the grace time, and the provider may charge for it."""
    if lost.upstream_ref:
        _cancel_there(lost, lost.upstream_ref, adapter=adapter, now=now)
    elif lost.started_at + policy.RECONCILE_GRACE <= now:
        if Can.TELL_END not in adapter.can:  # there only what we say was sold costs anything
            _at_risk(lost, note="the provider has no list to find it in", now=now)
        _release(lost, reason="no list to find it in", now=now)
    else:
        _wait(lost, now=now)


def _cancel_there(lost: LostTerm, upstream_ref: str, *, adapter: Adapter, now: datetime) -> None:
    """A lease that must not be sold: released here only when it is cancelled there, or its time is over."""
    try:
        if Can.CANCEL_RENTAL not in adapter.can:
            raise UnknownToUpstream("it cannot cancel")
        send(adapter.cancel_rental(upstream_ref=upstream_ref))
    except (UnknownToUpstream, WrongState):
        _at_risk(lost, note="an unusable rental could not be cancelled", now=now)
    except ProviderError:
        _wait(lost, now=now)
        return
    _release(lost, reason="cancelled there", now=now)


# --- extensions ---


def _find_extensions(
    lost: list[LostTerm], provider: Provider, adapter: Adapter, held: Held, *, now: datetime
) -> None:
    questions = [
        (one, partial(adapter.rental_status, upstream_ref=steps.upstream_ref_of(one.row))) for one in lost
    ]
    for one, status, error in ask_all(questions, meanwhile=held.keep):
        held.let_go([one.due_id])
        if error is None or isinstance(error, UnknownToUpstream):
            _find_extension(one, status or Status(UpstreamState.GONE), provider, now=now)
        else:
            health.note_failure(provider.pk, error, now)
            _wait(one, now=now)


def _find_extension(lost: LostTerm, status: Status, provider: Provider, *, now: datetime) -> None:
    """By the end that the provider has: it moved, or it did not."""
    assert lost.extends_from is not None
    moved = lost.extends_from + timedelta(hours=lost.term_hours) / 2
    if status.expire_at is not None and status.expire_at >= moved and status.state in OPEN:
        settle_extension(
            lost.term_id,
            lost.row,
            Extension(ends_at=status.expire_at),
            hours=lost.term_hours,
            cost_micros=_cost_of_extension(lost, status),
            price_micros=lost.term_price_micros,
            is_own=provider.tenant_id is not None,
            now=now,
        )
        log.info("extension_adopted", rental=lost.row.rnt_id)
    elif status.expire_at is not None or status.state not in OPEN:
        _not_shown(lost, now=now)
    elif lost.started_at + policy.RECONCILE_GRACE <= now:
        _at_risk(lost, note="the provider does not say when it ends", now=now)
        _release(lost, reason="the provider does not say when it ends", now=now)
    else:
        _wait(lost, now=now)


def _cost_of_extension(lost: LostTerm, status: Status) -> int:
    """What the rental costs there more than before; the ceiling where that is not told."""
    more = (status.cost_micros or 0) - lost.rental_cost_micros
    return more if 0 < more <= lost.ceiling_micros else lost.ceiling_micros


# --- both ---


def _not_shown(lost: LostTerm, *, now: datetime) -> None:
    """Released after two separate answers and the grace time (U2)."""
    run(
        "UPDATE activations_rentalattempt SET empty_lists = empty_lists + 1 WHERE our_ref = %(ref)s",
        {"ref": lost.our_ref},
    )
    is_proven = lost.empty_lists + 1 >= policy.EMPTY_LISTS_NEEDED
    if is_proven and lost.started_at + policy.RECONCILE_GRACE <= now:
        _release(lost, reason="not to be seen at the provider", now=now)
    else:
        _wait(lost, now=now)


def _release(lost: LostTerm, *, reason: str, now: datetime) -> None:
    refusal = errors.NoNumbers()
    if lost.extends_from is not None:
        not_extended(lost.term_id, outcome="released", reason=reason, refusal=refusal, now=now)
    else:
        steps.unsold(lost.row.id, failed=Failure(lost.our_ref, "released", reason), refusal=refusal, now=now)
        _tell(lost)
    log.info("rental_term_released", rental=lost.row.rnt_id, reason=reason)


def _wait_all(lost: list[LostTerm], *, reason: str, now: datetime) -> None:
    log.info("lost_rentals_wait", reason=reason)
    for one in lost:
        _wait(one, now=now)


def _wait(lost: LostTerm, *, now: datetime) -> None:
    """Look again later; but no hold outlives its own longest life, whatever the provider says."""
    if lost.started_at + policy.ORDER_LONGEST <= now:
        _at_risk(lost, note="its outcome could not be found out in time", now=now)
        _release(lost, reason="longest life reached", now=now)
        return
    run(
        "UPDATE activations_rentaldue SET due_at = %(due)s WHERE id = %(id)s",
        {"id": lost.due_id, "due": now + policy.RECONCILE_EVERY},
    )


def _at_risk(lost: LostTerm, *, note: str, now: datetime) -> None:
    steps.at_risk(
        lost.term_id,
        tenant_id=lost.row.tenant_id,
        provider_id=lost.asked_id,
        micros=lost.ceiling_micros,
        note=note,
        now=now,
    )


def _tell(lost: LostTerm) -> None:
    row = lost.row
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.rnt_id)
