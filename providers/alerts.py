"""Notes that something about a provider changed. Who is told and when: providers.services.alerting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from providers.alert_models import ProviderAlert

BREAKER_GRACE = timedelta(minutes=1)  # a breaker that closes sooner is nobody's business
WORDS_QUIET = timedelta(hours=6)

# The same value again changes nothing; what people know already need not be told.
NOTE = """
INSERT INTO providers_provideralert AS a (provider_id, subject, told, current, reason, due_at)
VALUES (%(provider)s, %(subject)s, %(before)s, %(value)s, %(reason)s, %(due)s)
ON CONFLICT (provider_id, subject) DO UPDATE
SET current = excluded.current, reason = excluded.reason, due_at = CASE WHEN a.told <> excluded.current
    THEN greatest(excluded.due_at, a.told_at + make_interval(secs => %(quiet)s)) END
WHERE a.current <> excluded.current
"""
COUNT = """
INSERT INTO providers_provideralert AS a (provider_id, subject, told, current, reason, count, due_at)
VALUES (%(provider)s, 'words', '', '', '', %(count)s, %(now)s)
ON CONFLICT (provider_id, subject) DO UPDATE SET count = a.count + excluded.count,
    due_at = coalesce(a.due_at, greatest(excluded.due_at, a.told_at + make_interval(secs => %(quiet)s)))
"""


def note_state(provider_id: int, *, before: str, after: str, reason: str, now: datetime) -> None:
    """Its state of health changed; part of the transaction that changed it."""
    grace = BREAKER_GRACE if after == "degraded" else timedelta(0)
    quiet = settings.PROVIDER_ALERT_QUIET_SECONDS
    _note(provider_id, ProviderAlert.Subject.STATE, before, after, reason, due=now + grace, quiet=quiet)


def note_drained(provider_id: int, *, since: datetime, now: datetime) -> None:
    """The last number of a provider that drains since then has ended; told once per drain."""
    value = since.isoformat(timespec="seconds")
    _note(provider_id, ProviderAlert.Subject.DRAINED, "", value, "", due=now, quiet=0)


def note_words(provider_id: int, *, count: int, now: datetime) -> None:
    """Its price list named so many words that nobody mapped and that are new."""
    facts: dict[str, Any] = {
        "provider": provider_id,
        "count": count,
        "now": now,
        "quiet": WORDS_QUIET.total_seconds(),
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, facts)


def _note(
    provider_id: int, subject: str, before: str, value: str, reason: str, *, due: datetime, quiet: float
) -> None:
    facts: dict[str, Any] = {
        "provider": provider_id, "subject": str(subject), "before": before, "value": value, "reason": reason,
        "due": due, "quiet": quiet,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(NOTE, facts)
