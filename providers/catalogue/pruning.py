"""Forgets the points of charts that are too old to be shown."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection

KEPT_DAYS = 90
BATCH = 10_000  # rows that one statement locks

PRUNE = """
DELETE FROM providers_offerday WHERE id IN (
    SELECT id FROM providers_offerday WHERE day < %s LIMIT %s
)
"""


def prune_charts(*, today: date) -> int:
    """How many points were forgotten."""
    count = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(PRUNE, [today - timedelta(days=KEPT_DAYS), BATCH])
            found = int(cursor.rowcount)
        count += found
        if found < BATCH:
            return count
