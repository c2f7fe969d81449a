"""When what is due in the life of a rental is due: everything hangs on its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from activations import policy

CLOCKS_DIFFER = timedelta(hours=24)  # upstreams write ends in zones of their own


def end_after(start: datetime, *, hours: int, named: datetime | None) -> datetime:
    """The end that the provider named where it is believable, else `hours` after `start`."""
    counted = start + timedelta(hours=hours)
    slack = min(CLOCKS_DIFFER, timedelta(hours=hours) / 2)
    return named if named is not None and abs(named - counted) <= slack else counted


def remind_at(ends_at: datetime, *, hours: int, now: datetime) -> datetime | None:
    """When its end is told beforehand; None: that moment has passed."""
    moment = ends_at - min(policy.RENTAL_REMIND_BEFORE, timedelta(hours=hours) / 4)
    return moment if moment > now else None


def renew_at(ends_at: datetime, *, hours: int, now: datetime) -> datetime:
    """When it renews itself: a little before its end, or at once when that has passed."""
    return max(ends_at - min(policy.RENTAL_RENEW_BEFORE, timedelta(hours=hours) / 8), now)
