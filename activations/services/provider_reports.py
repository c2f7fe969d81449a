"""Telling providers of reports: a due row, sent outside any transaction, tried again until it is answered."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from activations.database import rows, run
from activations.models import Report
from portal.encryption import SecretUnreadable
from providers.contract import ProviderError, Refused
from providers.http import send
from providers.registry import adapter_for

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=60)
MOST_TRIES = 10
BATCH = 50

CLAIM = """
UPDATE activations_report SET upstream_due_at = %(later)s, upstream_tries = upstream_tries + 1
WHERE id IN (
    SELECT id FROM activations_report WHERE upstream_due_at <= %(now)s
    ORDER BY upstream_due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
SETTLE = """
UPDATE activations_report SET upstream_state = %(state)s, upstream_due_at = NULL
WHERE id = %(id)s AND upstream_due_at IS NOT NULL
"""


def send_due_reports(now: datetime) -> int:
    """Pass every due report on once; how many were. Any number of sweeps may run side by side."""
    claimed = rows(CLAIM, {"now": now, "later": now + AGAIN_AFTER, "batch": BATCH})
    for line in claimed:
        report = Report.objects.select_related("activation__provider").get(pk=line["id"])
        state = _answer(report)
        if state == Report.UpstreamState.DUE and report.upstream_tries >= MOST_TRIES:
            state = Report.UpstreamState.UNKNOWN
        if state != Report.UpstreamState.DUE:
            run(SETTLE, {"id": report.pk, "state": state})
    return len(claimed)


def _answer(report: Report) -> str:
    """The provider's word on it; DUE: none yet."""
    lease = report.activation
    assert lease.provider is not None
    try:
        adapter = adapter_for(lease.provider)
        send(
            adapter.report(
                upstream_ref=lease.upstream_ref, reason_id=report.reason_id, message=report.message
            )
        )
    except Refused as error:
        log.info("report_not_taken", report=report.pk, reason=error.code)
        return Report.UpstreamState.REFUSED
    except (ProviderError, KeyError, SecretUnreadable) as error:
        log.info("report_not_answered", report=report.pk, reason=type(error).__name__)
        return Report.UpstreamState.DUE
    return Report.UpstreamState.ACCEPTED
