"""When a message's text and code are shown: in full for a while after the end, then masked, then erased."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

MASK = "••••••"


def is_masked(ended_at: datetime | None, *, now: datetime) -> bool:
    """Whether what came for a number that ended then is no longer shown."""
    return ended_at is not None and ended_at < masked_before(now)


def masked_before(now: datetime) -> datetime:
    """What came for numbers that ended earlier is no longer shown."""
    return now - timedelta(hours=settings.TEXT_SHOWN_HOURS)
