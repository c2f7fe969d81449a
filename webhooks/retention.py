"""Retention of the inbox: what a provider sent us holds codes, so its body goes with them (S4)."""

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


def erase_bodies(*, before: datetime) -> int:
    """Empty the stored callbacks received before then; how many. The rows and their outcomes stay."""
    erased = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(ERASE, {"before": before, "batch": BATCH})
            erased += int(cursor.rowcount)
            if cursor.rowcount < BATCH:
                return erased
