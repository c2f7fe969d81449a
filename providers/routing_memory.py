"""What the router found a moment ago serves all orders that ask it the same.

Under load a few services and countries are asked for many times a second; to look for them each time was a
quarter of what an order costs PostgreSQL. An order may well be on its way to a provider for longer than a
moment lasts, so no router ever knew more than how things stood a moment ago: what holds are the ceiling, the
wallets and the breaker's probe, and those are checked when they are used. Each process remembers for itself,
and nothing for longer than ROUTES_REMEMBERED_SECONDS.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar, cast

from django.conf import settings

from portal.fastlane import fetch_all
from providers.routing_sql import Question

NOBODY = 0  # no tenant has this id: who has nothing of his own here sees what everybody sees
KEPT_MOST = 100  # things; a shelf may have 200 lines
# Whose shelves differ: own accounts, a policy or caps, something switched off (of a test twin: by its
# reseller).
PARTICULAR = """
SELECT tenant_id FROM providers_provider WHERE tenant_id IS NOT NULL
UNION SELECT tenant_id FROM providers_routingpolicy
UNION SELECT tenant_id FROM providers_routingrule
UNION SELECT t.id FROM providers_listing l
    JOIN accounts_tenant t ON coalesce(t.live_tenant_id, t.id) = l.tenant_id WHERE l.is_off
"""

T = TypeVar("T")


class Moment:
    """What was read since it began. `now`: that time; a pause that ends within the moment ends after it."""

    def __init__(self, began: int) -> None:
        self.began = began
        self.now = datetime.fromtimestamp(began, UTC)
        self._opened = monotonic()
        self._particular = frozenset(tenant for (tenant,) in fetch_all(PARTICULAR, {}))
        self._known: dict[Hashable, object] = {}

    def shared(self, asked: Question) -> Question:
        """The question that everybody asks whose answer is the same."""
        return asked if asked.tenant in self._particular else asked._replace(tenant=NOBODY)

    def is_over(self, seconds: int) -> bool:
        """By the clock, also for an order that waited and a sweep that works with one time."""
        return monotonic() - self._opened > seconds

    def recall(self, key: Hashable, find: Callable[[], T]) -> T:
        """What was found under the key, or what `find` gives now; its refusals are not kept."""
        known = self._known
        found = known.get(key)
        if found is None:
            found = find()
            if len(known) < KEPT_MOST:
                known[key] = found
        return cast("T", found)

    def forget(self) -> None:
        """What is being read at this moment is not kept either."""
        self._known = {}


_latest: Moment | None = None


def moment_of(now: datetime) -> Moment | None:
    """The one that this time belongs to. None: nothing is remembered here, or no longer."""
    global _latest
    seconds = settings.ROUTES_REMEMBERED_SECONDS
    if not seconds:
        return None
    began = int(now.timestamp()) // seconds * seconds
    moment = _latest
    if moment is None or moment.began < began or moment.is_over(seconds):
        _latest = moment = Moment(began)
    return moment if moment.began == began else None


def forget() -> None:
    """What this process has just learned about a provider counts for its next order."""
    if _latest is not None:
        _latest.forget()
