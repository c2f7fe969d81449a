"""The success rate: who orders much and receives little pauses for a day (docs/protocols/retail.md 13a)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import structlog

from activations import policy
from activations.database import rows

log = structlog.get_logger(__name__)

JUDGE = """
WITH rate AS (
    SELECT a.tenant_id, a.customer_id, count(*) AS ordered,
        count(*) FILTER (WHERE a.sms_status <> 'smsRequested') AS received,
        count(*) FILTER (WHERE a.sms_status <> 'smsRequested' OR a.activation_status <> 'active') AS ended
    FROM accounts_customer c
    JOIN activations_activation a ON a.tenant_id = c.tenant_id AND a.customer_id = c.id
        AND a.created_at >= greatest(%(since)s, coalesce(c.success_counted_from, %(since)s))
        AND a.lease_state = 'leased'
    WHERE c.id = ANY(%(customers)s) AND (c.blocked_until IS NULL OR c.blocked_until <= %(now)s)
    GROUP BY a.tenant_id, a.customer_id
)
UPDATE accounts_customer c
SET blocked_until = %(until)s, success_counted_from = %(until)s, updated_at = %(now)s
FROM rate
WHERE c.id = rate.customer_id AND rate.ordered >= %(orders)s
    AND rate.received * 100 < %(percent)s * rate.ended
RETURNING c.id, rate.ordered, rate.received
"""


def judge(customer_ids: Collection[int], *, now: datetime) -> None:
    """Block the customers among these whose rate is too low, after a number of theirs ended without a
    message.

    The block starts the count anew, so that it does not follow at once upon its own end.
    """
    if not customer_ids:
        return
    blocked = rows(
        JUDGE,
        {
            "customers": sorted(set(customer_ids)),
            "now": now,
            "since": now - policy.SUCCESS_WINDOW,
            "until": now + policy.SUCCESS_BLOCK,
            "orders": policy.SUCCESS_FROM_ORDERS,
            "percent": policy.SUCCESS_MIN_PERCENT,
        },
    )
    for row in blocked:
        log.info("customer_blocked", customer=row["id"], ordered=row["ordered"], received=row["received"])
