"""What the router's query answered a moment ago serves all orders that ask it the same.

Under load a few services and countries are asked for many times a second, and the query is a fifth of what an
order costs. An order is on its way to a provider for longer than a moment lasts, so no router ever knew more
than how things stood a moment ago: what holds are the ceiling, the wallets and the breaker's probe, and those
are checked when they are used. Each process remembers for itself, and nothing for longer than
ROUTES_REMEMBERED_SECONDS.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from django.conf import settings

from portal.fastlane import fetch_all
from providers.routing_sql import Question, Shelf, read_shelf

NOBODY = 0  # no tenant has this id: who has nothing of his own here sees what everybody sees
# Whose shelves differ: own accounts, a policy or caps, something switched off (of a test twin: by its
# reseller).
PARTICULAR = """
SELECT tenant_id FROM providers_provider WHERE tenant_id IS NOT NULL
UNION SELECT tenant_id FROM providers_routingpolicy
UNION SELECT tenant_id FROM providers_routingrule
UNION SELECT t.id FROM providers_listing l
    JOIN accounts_tenant t ON coalesce(t.live_tenant_id, t.id) = l.tenant_id WHERE l.is_off
"""


def shelf_of(asked: Question, *, is_test: bool, now: datetime) -> Shelf:
    """As `read_shelf`, or what it gave to somebody who asked the same within the same moment."""
    seconds = settings.ROUTES_REMEMBERED_SECONDS
    if not seconds:
        return read_shelf(asked, is_test=is_test, now=now)
    moment = int(now.timestamp()) // seconds * seconds
    if asked.tenant not in _particular(moment):
        asked = asked._replace(tenant=NOBODY)
    return _shelf(asked, is_test, moment)


def forget() -> None:
    """What this process has just learned about a provider counts for its next order."""
    _shelf.cache_clear()


@lru_cache(maxsize=1024)
def _shelf(asked: Question, is_test: bool, moment: int) -> Shelf:
    """`moment`: the second since 1970 with which it began; a pause that ends in it ends with it."""
    return read_shelf(asked, is_test=is_test, now=datetime.fromtimestamp(moment, UTC))


@lru_cache(maxsize=2)
def _particular(moment: int) -> frozenset[int]:
    return frozenset(tenant for (tenant,) in fetch_all(PARTICULAR, {}))
