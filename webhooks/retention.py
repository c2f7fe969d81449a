"""Retention. What a provider sent us holds codes, so its body goes with them (S4), and what was but a hint
goes altogether; deliveries and events go when nobody will look at them or replay them any more.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

BATCH = 1_000

ERASE = """
UPDATE webhooks_inboxmessage SET body = '', headers = '{}'
WHERE id IN (
    SELECT id FROM webhooks_inboxmessage WHERE received_at < %(before)s AND NOT (body = '\\x'::bytea)
    ORDER BY received_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
# Nothing came of them but a question; without its body one cannot even be worked again.
HINTS = """
DELETE FROM webhooks_inboxmessage WHERE id IN (
    SELECT id FROM webhooks_inboxmessage WHERE outcome = 'hint' AND received_at < %(before)s
    LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""


def erase_bodies(*, before: datetime) -> int:
    """Empty the stored callbacks received before then; how many. The rows and their outcomes stay, but hints
    are deleted.
    """
    return _in_batches(HINTS, before=before) + _in_batches(ERASE, before=before)


# The oldest rows have the lowest ids, so a look at those tells whether there is anything to do.
DELIVERIES = """
WITH old AS (
    SELECT id FROM (SELECT id, created_at FROM webhooks_delivery ORDER BY id LIMIT %(batch)s) AS oldest
    WHERE created_at < %(before)s
), tries AS (
    DELETE FROM webhooks_deliveryattempt USING old WHERE delivery_id = old.id
)
DELETE FROM webhooks_delivery USING old WHERE webhooks_delivery.id = old.id
"""
# An event that was replayed lately has a younger delivery and stays with it.
EVENTS = """
DELETE FROM webhooks_event WHERE id IN (
    SELECT e.id FROM webhooks_event e
    WHERE e.created_at < %(before)s AND e.dispatched_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM webhooks_delivery d WHERE d.event_id = e.id)
    LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""


def forget_deliveries(*, before: datetime) -> tuple[int, int]:
    """Delete deliveries with their tries, and events, made before then; how many of each."""
    return _in_batches(DELIVERIES, before=before), _in_batches(EVENTS, before=before)


def _in_batches(sql: str, *, before: datetime) -> int:
    changed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"before": before, "batch": BATCH})
            changed += int(cursor.rowcount)
            if cursor.rowcount < BATCH:
                return changed
