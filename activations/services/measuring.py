"""How good routes prove to be: what ended is counted, and the router's figures are added up from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from activations.database import call
from providers.scoring import SAMPLE_MIN

WINDOW_DAYS = 7  # today and the six days before it (UTC)
BEHIND = timedelta(minutes=1)  # what ended later may not be committed yet
PATIENCE = timedelta(seconds=60)  # who gives a number back sooner has not waited for its code
MOST_STEPS = 30  # quarters of a day: a week that nobody counted is counted in one sweep
FIGURES_AT_ONCE = 1_000


def measure_due(now: datetime | None = None) -> None:
    """Count what has ended and add up the figures that changed. Running it twice changes nothing."""
    now = now or timezone.now()
    until = now - BEHIND
    for _ in range(MOST_STEPS):
        (counted,) = call("route_count", until=until, days=WINDOW_DAYS, patience=PATIENCE)
        if counted is None or counted >= until:
            break
    for _ in range(MOST_STEPS):
        (refreshed,) = call(
            "route_refresh", now=now, days=WINDOW_DAYS, batch=FIGURES_AT_ONCE, sample=SAMPLE_MIN
        )
        if refreshed < FIGURES_AT_ONCE:
            break
