"""Time within one order: it starts at the caller's `now` and goes on with the wait for providers."""

from __future__ import annotations

import time
from datetime import datetime, timedelta


class Clock:
    def __init__(self, now: datetime, *, budget_seconds: float) -> None:
        self._start, self._started = now, time.monotonic()
        self._budget = budget_seconds

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._started)

    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self._budget - (time.monotonic() - self._started)
