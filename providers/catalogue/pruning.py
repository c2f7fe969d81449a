"""Forgets the points of charts that are too old to be shown, and offers that live on under another name."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection

KEPT_DAYS = 90
OFFER_KEPT = timedelta(days=7)  # after it vanished; no order that bought it is open any more
BATCH = 10_000  # rows that one statement locks

PRUNE = """
DELETE FROM providers_offerday WHERE id IN (
    SELECT id FROM providers_offerday WHERE day < %s LIMIT %s
)
"""
# Where price ids rotate, each list brings new ones for the same line. What vanished for good stays: it may
# come back, and charts show it.
PRUNE_OFFERS = """
WITH pruned AS (
    DELETE FROM providers_offer WHERE id IN (
        SELECT o.id FROM providers_offer o
        WHERE o.count = 0 AND o.upstream_ref <> '' AND o.changed_at < %(before)s AND EXISTS (
            SELECT 1 FROM providers_offer n
            WHERE n.provider_id = o.provider_id AND n.kind = o.kind AND n.service_id = o.service_id
                AND n.country_id = o.country_id AND n.operator = o.operator
                AND n.duration_hours IS NOT DISTINCT FROM o.duration_hours
                AND n.upstream_ref <> o.upstream_ref AND n.changed_at >= o.changed_at AND n.count > 0)
        LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    RETURNING id
), points AS (
    DELETE FROM providers_offerday d USING pruned WHERE d.offer_id = pruned.id
)
SELECT count(*) FROM pruned
"""


def prune_offers(*, now: datetime) -> int:
    """Forget lines that have been sold under another price id for a week; how many there were. Orders keep
    their prices and their routing decision, and name such an offer by its number only.
    """
    count = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(PRUNE_OFFERS, {"before": now - OFFER_KEPT, "batch": BATCH})
            found = int(cursor.fetchone()[0])
        count += found
        if found < BATCH:
            return count


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
