"""Rows that a sweep has claimed and is not done with, and the time that it takes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from activations import policy
from activations.database import run
from activations.services.clock import Clock

FRESH = timedelta(seconds=5)


class SweepClock(Clock):
    """Starts at the sweep's `now` and goes on."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now, budget_seconds=0)

    def counted_from(self) -> datetime:
        """From when the time until a row is due again runs: the sweep's start while that is fresh, so that a
        number keeps its beat; the present in a slow sweep, whose rows would be due again already.
        """
        now = self.now()
        return self._start if now - self._start < FRESH else now


class Held:
    """Claimed rows. `keep` claims them anew before their claim is over, so that no other sweep takes them
    however slowly a provider answers, while those of a killed worker come back soon.

    `statement`: puts off the rows of `ids` to `until`.
    """

    def __init__(self, statement: str, ids: Iterable[object], clock: SweepClock) -> None:
        self._statement, self._ids, self._clock = statement, set(ids), clock
        self._due = clock.now() + policy.CLAIM / 3

    def keep(self) -> None:
        """To be called again and again while the sweep waits; mostly it does nothing."""
        now = self._clock.now()
        if now < self._due or not self._ids:
            return
        self._due = now + policy.CLAIM / 3
        run(self._statement, {"ids": list(self._ids), "until": now + policy.CLAIM})

    def let_go(self, ids: Iterable[object]) -> None:
        """These have a time of their own from now on."""
        self._ids.difference_update(ids)
