"""How late the portal's own work is (O9): the oldest due item and the oldest order of unknown outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

# Each part reads one end of a partial index.
SELECT = """
SELECT
    least(
        (SELECT min(due_at) FROM activations_check WHERE kind = 'status' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_check WHERE kind = 'reconcile' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_exchange WHERE state = 'buying' AND due_at IS NOT NULL),
        (SELECT min(due_at) FROM activations_exchange WHERE state = 'returning' AND due_at IS NOT NULL),
        (SELECT min(expire_at) FROM activations_activation WHERE activation_status = 'active'),
        (SELECT min(due_at) FROM activations_rentaldue WHERE kind = 'status' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_rentaldue WHERE kind = 'reconcile' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_rentaldue WHERE kind = 'extension' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_rentaldue WHERE kind = 'expire' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_rentaldue WHERE kind = 'renew' AND parked_reason = ''),
        (SELECT min(due_at) FROM activations_ending WHERE due_at IS NOT NULL AND parked_reason = ''),
        (SELECT min(upstream_due_at) FROM activations_report WHERE upstream_due_at IS NOT NULL),
        (SELECT created_at FROM webhooks_event WHERE dispatched_at IS NULL ORDER BY id LIMIT 1),
        (SELECT min(s.next_sync_at) FROM providers_cataloguesync s
         JOIN providers_provider p ON p.id = s.provider_id WHERE p.is_enabled),
        -- A tenant's receiver that fails or rests is not our lateness.
        (SELECT min(d.deliver_at) FROM webhooks_endpoint e CROSS JOIN LATERAL (
            SELECT deliver_at FROM webhooks_delivery WHERE endpoint_id = e.id AND state = 'pending'
            ORDER BY deliver_at LIMIT 1) d
         WHERE e.is_enabled AND e.failing_since IS NULL AND coalesce(e.paused_until < now(), true)),
        (SELECT min(lease_due_at) FROM activations_sale WHERE lease_due_at IS NOT NULL),
        -- Nor is a marketplace that was tried within the last minute and took no message.
        (SELECT min(p.deliver_at) FROM activations_contract c CROSS JOIN LATERAL (
            SELECT deliver_at FROM activations_push WHERE contract_id = c.id AND state = 'pending'
            ORDER BY deliver_at LIMIT 1) p
         WHERE NOT EXISTS (SELECT 1 FROM activations_push t WHERE t.contract_id = c.id AND t.state = 'pending'
                           AND t.tries > 0 AND t.deliver_at > now() - interval '1 minute'))
    ),
    least(
        (SELECT min(a.created_at) FROM activations_check c
         JOIN activations_activation a ON a.id = c.activation_id WHERE c.kind = 'reconcile'),
        (SELECT min(t.created_at) FROM activations_rentaldue d
         JOIN activations_rentalterm t ON t.rental_id = d.rental_id AND t.state = 'pending'
         WHERE d.kind IN ('reconcile', 'extension')),
        (SELECT min(started_at) FROM activations_exchange WHERE state = 'buying' AND due_at IS NOT NULL)
    ),
    (SELECT count(*) FROM activations_check WHERE parked_reason <> '')
        + (SELECT count(*) FROM activations_rentaldue WHERE parked_reason <> '')
        + (SELECT count(*) FROM activations_ending WHERE parked_reason <> '')
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Ages in whole seconds, 0 when nothing is late; `parked`: checks that were given up."""

    oldest_due_seconds: int
    oldest_unknown_seconds: int
    parked: int

    @property
    def is_late(self) -> bool:
        return (
            self.oldest_due_seconds > settings.HEALTH_DUE_SECONDS
            or self.oldest_unknown_seconds > settings.HEALTH_UNKNOWN_SECONDS
        )


def backlog(*, now: datetime) -> Backlog:
    """Read it in one query. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT)
        row = cursor.fetchone()
    assert row is not None
    due, unknown, parked = row
    return Backlog(_age(due, now), _age(unknown, now), parked)


def _age(since: datetime | None, now: datetime) -> int:
    return 0 if since is None else max(0, int((now - since).total_seconds()))
