"""The end of a number's time: used ones close (K7, or K8 where the channel finalizes by itself). Those that
wait for a message, the first or a further one, are asked about once more; unused ones are then released (K6,
M8).
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from activations import policy
from activations.database import rows, run
from activations.hints import tell_browser
from activations.services.checking.claims import claim_expired
from activations.services.checking.holding import SweepClock
from activations.services.checking.sweep import ask_about

END_USED = """
WITH due AS (
    SELECT id FROM activations_activation
    WHERE activation_status = 'active' AND lease_state = 'leased'
        AND sms_status NOT IN ('smsRequested', 'retryRequested') AND expire_at <= %(now)s
    ORDER BY expire_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
), ended AS (
    UPDATE activations_activation a
    SET activation_status = CASE WHEN a.ends_finalized THEN 'finalized' ELSE 'expired' END,
        updated_at = %(now)s, ended_at = %(now)s
    FROM due WHERE a.id = due.id
    RETURNING a.id, a.tenant_id, a.customer_id, a.hex_id, a.activation_status
), unchecked AS (
    DELETE FROM activations_check c USING ended WHERE c.activation_id = ended.id
), told AS (
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    SELECT tenant_id, customer_id, 'activation.' || activation_status, id, '{}', %(now)s FROM ended
)
SELECT tenant_id, customer_id, hex_id FROM ended
"""

# A number whose row of checks was lost (a hand in the database) still ends in time.
RESTORE_CHECKS = """
INSERT INTO activations_check (activation_id, tenant_id, provider_id, kind, due_at)
SELECT a.id, a.tenant_id, a.provider_id, 'status', %(now)s FROM activations_activation a
WHERE a.activation_status = 'active' AND a.lease_state = 'leased'
    AND a.sms_status IN ('smsRequested', 'retryRequested') AND a.expire_at <= %(now)s
    AND NOT EXISTS (SELECT 1 FROM activations_check c WHERE c.activation_id = a.id)
ON CONFLICT DO NOTHING
"""


def expire_due(now: datetime | None = None) -> int:
    """Close every number whose time is over; how many were looked at. Running it twice changes nothing."""
    now = now or timezone.now()
    looked_at = 0
    run(RESTORE_CHECKS, {"now": now})
    clock = SweepClock(now)
    while batch := claim_expired(now=now, clock=clock):
        ask_about(batch, now=now, clock=clock)
        looked_at += len(batch)
        if len(batch) < policy.CHECK_BATCH:
            break
    return looked_at + _end_used(now)


def _end_used(now: datetime) -> int:
    count = 0
    while ended := rows(END_USED, {"now": now, "batch": policy.CHECK_BATCH}):
        count += len(ended)
        for row in ended:
            tell_browser(**row)
        if len(ended) < policy.CHECK_BATCH:
            break
    return count
