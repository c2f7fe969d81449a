"""Retention (S4): when their time is over, texts and codes go; orders, entries and counts stay.

Everything is found by its own age, so a run that was missed, or stopped half-way, is made up by the next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from activations import evidence
from activations.database import rows, run
from webhooks.retention import erase_bodies

log = structlog.get_logger(__name__)

# A message's reference goes too: where the provider names none it is a digest of what was erased, and a code
# has so few digits that it can be guessed back from one.
BATCH = 1_000
STRAY_AFTER = timedelta(days=1)  # a file without a report: its process was killed before the row was written

ORDERS = """
WITH due AS (
    SELECT id FROM activations_activation
    WHERE erased_at IS NULL AND ended_at IS NOT NULL AND ended_at < %(before)s
    ORDER BY ended_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
), messages AS (
    UPDATE activations_message m
    SET text = '', code = NULL, upstream_ref = 'erased ' || m.id, erased_at = %(now)s
    FROM due WHERE m.activation_id = due.id AND m.erased_at IS NULL
), snapshots AS (
    UPDATE activations_report r SET snapshot_code = NULL, snapshot_text = NULL
    FROM due WHERE r.activation_id = due.id
)
UPDATE activations_activation a SET sms_code = NULL, sms_text = NULL, erased_at = %(now)s
FROM due WHERE a.id = due.id
"""
RENTALS = """
WITH due AS (
    SELECT id FROM activations_rental
    WHERE erased_at IS NULL AND ended_at IS NOT NULL AND ended_at < %(before)s
    ORDER BY ended_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
), messages AS (
    UPDATE activations_rentalmessage m
    SET text = '', code = NULL, upstream_ref = 'erased ' || m.id, erased_at = %(now)s
    FROM due WHERE m.rental_id = due.id AND m.erased_at IS NULL
)
UPDATE activations_rental r SET erased_at = %(now)s FROM due WHERE r.id = due.id
"""
LATE_RENTAL_MESSAGES = """
UPDATE activations_rentalmessage
SET text = '', code = NULL, upstream_ref = 'erased ' || id, erased_at = %(now)s
WHERE id IN (
    SELECT m.id FROM activations_rentalmessage m JOIN activations_rental r ON r.id = m.rental_id
    WHERE m.erased_at IS NULL AND m.received_at < %(before)s AND r.erased_at IS NOT NULL
    ORDER BY m.received_at LIMIT %(batch)s FOR UPDATE OF m SKIP LOCKED
)
"""
# Messages that came after their number's own texts had been erased.
LATE_MESSAGES = """
UPDATE activations_message SET text = '', code = NULL, upstream_ref = 'erased ' || id, erased_at = %(now)s
WHERE id IN (
    SELECT m.id FROM activations_message m JOIN activations_activation a ON a.id = m.activation_id
    WHERE m.erased_at IS NULL AND m.received_at < %(before)s AND a.erased_at IS NOT NULL
    ORDER BY m.received_at LIMIT %(batch)s FOR UPDATE OF m SKIP LOCKED
)
"""
OLD_REPORTS = """
SELECT id, evidence_name FROM activations_report WHERE erased_at IS NULL AND created_at < %(before)s
ORDER BY created_at LIMIT %(batch)s
"""
FORGET_EVIDENCE = """
UPDATE activations_report
SET evidence_name = '', message = '', snapshot_code = NULL, snapshot_text = NULL, erased_at = %(now)s
WHERE id = ANY(%(ids)s)
"""

# Whatever the age, of one customer.
OWN = "o.tenant_id = %(tenant)s AND o.customer_id = %(customer)s"
TEXTS_OF = """
UPDATE activations_message m SET text = '', code = NULL, upstream_ref = 'erased ' || m.id, erased_at = %(now)s
FROM activations_activation o WHERE o.id = m.activation_id AND m.erased_at IS NULL AND """
RENTAL_TEXTS_OF = """
UPDATE activations_rentalmessage m
SET text = '', code = NULL, upstream_ref = 'erased ' || m.id, erased_at = %(now)s
FROM activations_rental o WHERE o.id = m.rental_id AND m.erased_at IS NULL AND """
ORDERS_OF = """
UPDATE activations_activation o SET sms_code = NULL, sms_text = NULL, erased_at = %(now)s
WHERE o.erased_at IS NULL AND """
RENTALS_OF = "UPDATE activations_rental o SET erased_at = %(now)s WHERE o.erased_at IS NULL AND "
REPORTS_OF = "SELECT o.id, o.evidence_name FROM activations_report o WHERE o.erased_at IS NULL AND "


def erase_texts(*, tenant_id: int, customer_id: int, now: datetime) -> None:
    """Erase at once what retention erases in time of one customer: texts, codes, reports' words and evidence.
    For who has no open orders.
    """
    whose = {"tenant": tenant_id, "customer": customer_id, "now": now}
    for statement in (TEXTS_OF, RENTAL_TEXTS_OF, ORDERS_OF, RENTALS_OF):
        run(statement + OWN, whose)
    _forget_evidence(rows(REPORTS_OF + OWN, whose), now=now)


def erase_due(now: datetime) -> None:
    """Erase what is older than settings.TEXT_KEPT_DAYS. Running it twice changes nothing."""
    before = now - timedelta(days=settings.TEXT_KEPT_DAYS)
    orders = _in_batches(ORDERS, before=before, now=now)
    rentals = _in_batches(RENTALS, before=before, now=now)
    messages = _in_batches(LATE_MESSAGES, before=before, now=now)
    messages += _in_batches(LATE_RENTAL_MESSAGES, before=before, now=now)
    reports = _erase_reports(before=before, now=now)
    bodies = erase_bodies(before=before)
    strays = _forget_strays(now=now)
    log.info(
        "texts_erased",
        orders=orders,
        rentals=rentals,
        late=messages,
        reports=reports,
        bodies=bodies,
        strays=strays,
    )


def _in_batches(sql: str, *, before: datetime, now: datetime) -> int:
    erased = 0
    while True:
        count = run(sql, {"before": before, "now": now, "batch": BATCH})
        erased += count
        if count < BATCH:
            return erased


def _erase_reports(*, before: datetime, now: datetime) -> int:
    """The file goes first: a run that stops between leaves a row that is found again."""
    erased = 0
    while found := rows(OLD_REPORTS, {"before": before, "batch": BATCH}):
        erased += _forget_evidence(found, now=now)
    return erased


def _forget_evidence(reports: list[dict[str, Any]], *, now: datetime) -> int:
    for report in reports:
        evidence.forget(report["evidence_name"])
    return run(FORGET_EVIDENCE, {"ids": [report["id"] for report in reports], "now": now})


def _forget_strays(*, now: datetime) -> int:
    strays = 0
    for name in evidence.kept_before(now - STRAY_AFTER):
        if not rows("SELECT 1 FROM activations_report WHERE evidence_name = %(name)s", {"name": name}):
            evidence.forget(name)
            strays += 1
    return strays
