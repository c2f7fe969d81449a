"""Comparing a provider's list of open leases with ours, in both directions; and leases that were sold to us
late, when nobody waited for them any more (U1, U2, U4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.utils import timezone

from activations.database import call, rows, run
from activations.services.apart import apart, ask_all
from activations.services.checking.matching import fits, match
from activations.services.checking.news import ENDED
from activations.services.kept_fees import note_fee_of_unsold
from providers import health
from providers.contract import Adapter, Can, ListedLease, TooEarly, Unreachable
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
SETTLED = timedelta(seconds=20)  # younger numbers may simply have been ordered after the list was written
LATE_FOR = timedelta(hours=1)  # longer than numbers live
LOOK_EVERY = timedelta(minutes=1)

ASK_MISSING = """
UPDATE activations_check c SET due_at = %(now)s
WHERE c.due_at > %(now)s AND c.parked_reason = '' AND c.kind = 'status' AND c.activation_id IN (
    SELECT m.activation_id FROM activations_activation a JOIN activations_check m ON m.activation_id = a.id
    WHERE a.provider_id = %(provider)s AND a.activation_status = 'active' AND a.lease_state = 'leased'
        AND a.sms_status IN ('smsRequested', 'retryRequested') AND a.created_at < %(before)s
        AND NOT EXISTS (SELECT 1 FROM unnest(%(refs)s::text[]) AS ref WHERE ref = a.upstream_ref)
    LIMIT 200 FOR UPDATE OF m SKIP LOCKED)
"""

NOT_OURS = """
SELECT ref FROM unnest(%(refs)s::text[]) AS ref WHERE NOT EXISTS (
    SELECT 1 FROM activations_activation a WHERE a.provider_id = ANY(%(providers)s) AND a.upstream_ref = ref)
    AND NOT EXISTS (
    SELECT 1 FROM activations_exchange x WHERE x.provider_id = ANY(%(providers)s) AND x.upstream_ref = ref)
"""

# Settled attempts whose lease is none of ours: sold late, sold twice, or closed before its answer came.
UNWANTED = """
SELECT t.our_ref, t.activation_id, t.tenant_id, t.ceiling_micros FROM activations_attempt t
WHERE t.our_ref = ANY(%(our_refs)s) AND t.provider_id = %(provider)s
    AND t.outcome NOT IN ('', 'unknown') AND t.started_at < %(before)s
"""

FACTS = """
SELECT t.our_ref, t.activation_id, t.tenant_id, t.ceiling_micros, t.started_at,
    o.upstream_service AS service, o.upstream_country AS country
FROM activations_attempt t JOIN providers_offer o ON o.id = t.offer_id
"""
# Given up without being seen in a list: activations/sql/activation_attempts.sql, attempt_look_at.
SOUGHT = FACTS + "WHERE t.look_at IS NOT NULL AND t.provider_id = %(provider)s"
UNDER_WAY = f"""
{FACTS} JOIN activations_check c ON c.activation_id = t.activation_id AND c.kind = 'reconcile'
WHERE t.outcome IN ('', 'unknown') AND t.provider_id = ANY(%(providers)s)
UNION ALL
{FACTS} JOIN activations_exchange x ON x.our_ref = t.our_ref AND x.state = 'buying'
WHERE t.outcome IN ('', 'unknown') AND t.provider_id = ANY(%(providers)s)
"""

# All attempts at a provider with those that are due: one list answers for them, whenever they were given up.
CLAIM_SOUGHT = """
WITH mine AS (
    SELECT id FROM activations_attempt WHERE look_at IS NOT NULL AND provider_id IN (
        SELECT due.provider_id FROM activations_attempt due WHERE due.look_at <= %(now)s)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE activations_attempt t SET look_at = CASE WHEN t.ended_at > %(oldest)s THEN %(again)s END
FROM mine WHERE t.id = mine.id RETURNING t.provider_id, t.look_at
"""


@dataclass(frozen=True, slots=True)
class Sought:
    """An attempt of which a lease may exist: given up, or still under way."""

    our_ref: str
    activation_id: UUID
    tenant_id: int
    ceiling_micros: int
    started_at: datetime
    service: str
    country: str
    upstream_ref: str = ""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A lease that an attempt of ours left behind. `is_sure`: no other lease can be meant."""

    lease: ListedLease
    our_ref: str
    activation_id: UUID
    tenant_id: int
    ceiling_micros: int
    is_sure: bool = True

    @property
    def cost_micros(self) -> int:
        return self.lease.cost_micros or self.ceiling_micros


def find_late(now: datetime | None = None) -> None:
    """Read the lists of providers where an order was given up lately, whether or not anybody has a number
    there. Running it twice changes nothing.
    """
    now = now or timezone.now()
    claim = {"now": now, "again": now + LOOK_EVERY, "oldest": now - LATE_FOR}
    wanted = {row["provider_id"] for row in rows(CLAIM_SOUGHT, claim) if row["look_at"]}
    calls = []
    for provider in Provider.objects.filter(pk__in=wanted):
        with apart("provider_not_asked", provider=provider.pk):
            adapter = adapter_for(provider)
            if Can.LIST_ACTIVE in adapter.can:
                calls.append((provider, adapter.list_active))
    for provider, listed, error in ask_all(calls):
        with apart("list_failed", provider=provider.pk):
            if error is not None:
                health.note_failure(provider.pk, error, now)
            elif listed is not None:
                compare(provider, listed, now=now)


def compare(provider: Provider, listed: Sequence[ListedLease], *, now: datetime) -> None:
    """Numbers of ours that the list lacks are asked about singly; leases that an order of ours left behind
    are cancelled there, or listed as money at risk. Leases of others stay as they are.
    """
    refs = [lease.upstream_ref for lease in listed]
    run(ASK_MISSING, {"provider": provider.pk, "refs": refs, "now": now, "before": now - SETTLED})
    adapter = adapter_for(provider)
    late: Sequence[LeftBehind] = ()
    if Can.OWN_REFERENCE not in adapter.can:
        late = _late(provider, listed)
    _cancel_there(provider, adapter, [*_named(provider, listed, now=now), *late], now=now)


def _named(provider: Provider, listed: Sequence[ListedLease], *, now: datetime) -> list[LeftBehind]:
    """What carries a reference of ours, and belongs to no order."""
    named = [lease for lease in listed if lease.our_ref]
    unknown = _not_ours([lease.upstream_ref for lease in named], [provider.pk])
    by_our_ref = {lease.our_ref: lease for lease in named if lease.upstream_ref in unknown}
    if not by_our_ref:
        return []
    wanted = {"provider": provider.pk, "our_refs": list(by_our_ref), "before": now - SETTLED}
    return [LeftBehind(by_our_ref[row["our_ref"]], **row) for row in rows(UNWANTED, wanted)]


def _late(provider: Provider, listed: Sequence[ListedLease]) -> list[LeftBehind]:
    """What was sold to us late, where the provider keeps no reference: by service, country, price and time,
    as lost orders are found (matching). The account may serve other programs, so what may be an order's
    that is under way, or an order's of another row with this account, is not looked at.
    """
    sought = [Sought(**row) for row in rows(SOUGHT, {"provider": provider.pk})]
    if not sought:
        return []
    same = Provider.objects.filter(protocol=provider.protocol, base_url=provider.base_url)
    providers = list(same.values_list("pk", flat=True))
    # Read before the leases: what is attached in between is then under way, or somebody's.
    under_way = [Sought(**row) for row in rows(UNDER_WAY, {"providers": providers})]
    free = [
        lease
        for lease in listed
        if lease.state not in ENDED and not any(fits(row, lease) for row in under_way)
    ]
    unknown = _not_ours([lease.upstream_ref for lease in free], providers)
    free = [lease for lease in free if lease.upstream_ref in unknown]
    matched = match(sought, free, by_reference=False)
    taken = {lease.upstream_ref for lease in matched.values()}
    others = [lease for lease in free if lease.upstream_ref not in taken]
    return [
        LeftBehind(
            lease=matched[row.our_ref],
            our_ref=row.our_ref,
            activation_id=row.activation_id,
            tenant_id=row.tenant_id,
            ceiling_micros=row.ceiling_micros,
            is_sure=not any(fits(row, lease) for lease in others),
        )
        for row in sought
        if row.our_ref in matched
    ]


def _not_ours(refs: list[str], providers: list[int]) -> Collection[str]:
    if not refs:
        return ()
    return {row["ref"] for row in rows(NOT_OURS, {"providers": providers, "refs": refs})}


def _cancel_there(
    provider: Provider, adapter: Adapter, unwanted: Sequence[LeftBehind], *, now: datetime
) -> None:
    """Once each: what cannot be cancelled, or might be somebody else's, is money at risk."""
    calls = []
    for one in unwanted:
        if not one.is_sure:
            _settle(provider, one, note="several leases may be the one that was sold late", now=now)
        elif Can.CANCEL not in adapter.can:
            _settle(provider, one, note="a lease that was left behind cannot be cancelled there", now=now)
        else:
            calls.append((one, partial(adapter.cancel, upstream_ref=one.lease.upstream_ref)))
    for one, refunded_micros, error in ask_all(calls):
        log.warning("lease_left_behind", activation=str(one.activation_id), cancelled=error is None)
        if error is None:
            _note_fee(provider, one, refunded_micros=refunded_micros, now=now)
            _settle(provider, one, note="", now=now)
        elif not isinstance(error, TooEarly | Unreachable):
            _settle(provider, one, note="a lease that was left behind could not be cancelled", now=now)


def _note_fee(provider: Provider, one: LeftBehind, *, refunded_micros: int | None, now: datetime) -> None:
    """U16: where the provider does not say what came back, the account's own fee is believed."""
    fee_micros = provider.cancel_fee_micros
    if refunded_micros is not None:
        fee_micros = max(one.cost_micros - refunded_micros, 0)
    note_fee_of_unsold(
        one.activation_id,
        tenant_id=one.tenant_id,
        provider_id=provider.pk,
        fee_micros=fee_micros,
        now=now,
    )


def _settle(provider: Provider, one: LeftBehind, *, note: str, now: datetime) -> None:
    """Its attempt is looked for no more; with a note, what it cost is money at risk."""
    run("UPDATE activations_attempt SET look_at = NULL WHERE our_ref = %(ref)s", {"ref": one.our_ref})
    if note:
        call(
            "activation_at_risk",
            id=one.activation_id,
            tenant=one.tenant_id,
            provider=provider.pk,
            kind="orphan",
            micros=one.cost_micros,
            note=note,
            now=now,
        )
