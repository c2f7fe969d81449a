"""Comparing a provider's list of open leases with ours, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from activations.database import call, rows, run
from providers.contract import Can, ListedLease, TooEarly, Unreachable
from providers.http import send_many
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
SETTLED = timedelta(seconds=20)  # younger numbers may simply have been ordered after the list was written

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
    SELECT 1 FROM activations_activation a WHERE a.provider_id = %(provider)s AND a.upstream_ref = ref)
    AND NOT EXISTS (
    SELECT 1 FROM activations_exchange x WHERE x.provider_id = %(provider)s AND x.upstream_ref = ref)
"""

# Settled attempts whose lease is none of ours: sold late, sold twice, or closed before its answer came.
UNWANTED = """
SELECT t.our_ref, t.activation_id, t.tenant_id, t.ceiling_micros FROM activations_attempt t
WHERE t.our_ref = ANY(%(our_refs)s) AND t.provider_id = %(provider)s
    AND t.outcome NOT IN ('', 'unknown') AND t.started_at < %(before)s
"""


def compare(provider: Provider, listed: Sequence[ListedLease], *, now: datetime) -> None:
    """Numbers of ours that the list lacks are asked about singly; leases that an order of ours left behind
    are cancelled there, or listed as money at risk.
    """
    refs = [lease.upstream_ref for lease in listed]
    before = now - SETTLED
    run(ASK_MISSING, {"provider": provider.pk, "refs": refs, "now": now, "before": before})
    unknown = {row["ref"] for row in rows(NOT_OURS, {"provider": provider.pk, "refs": refs})}
    left_behind = {
        lease.our_ref: lease for lease in listed if lease.our_ref and lease.upstream_ref in unknown
    }
    if not left_behind:
        return
    unwanted = rows(UNWANTED, {"provider": provider.pk, "our_refs": list(left_behind), "before": before})
    _cancel_there(provider, [(row, left_behind[row["our_ref"]]) for row in unwanted], now=now)


def _cancel_there(
    provider: Provider, unwanted: list[tuple[dict[str, object], ListedLease]], *, now: datetime
) -> None:
    adapter = adapter_for(provider)
    if Can.CANCEL not in adapter.can:
        return
    calls = [((row, lease), adapter.cancel(upstream_ref=lease.upstream_ref)) for row, lease in unwanted]
    for (row, lease), _, error in send_many(calls):
        log.warning("lease_left_behind", activation=str(row["activation_id"]), cancelled=error is None)
        if error is not None and not isinstance(error, TooEarly | Unreachable):
            call(
                "activation_at_risk",
                id=row["activation_id"],
                tenant=row["tenant_id"],
                provider=provider.pk,
                kind="orphan",
                micros=lease.cost_micros or row["ceiling_micros"],
                note="a lease that was left behind could not be cancelled",
                now=now,
            )
