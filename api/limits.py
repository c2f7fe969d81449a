"""Requests per minute (or second), counted in Redis in fixed windows.

A worker leases permits in blocks (one INCRBY), so that a poll seldom asks Redis. While Redis is away each
worker counts for itself: callers are still limited, and nobody is refused for our trouble (O2).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal.errors import RateLimited

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
LARGEST_BLOCK = 10
BLOCKED_FROM = 60  # permits a minute; below that every request is counted by itself
AWAY_SECONDS = 2.0  # how long a Redis that did not answer is left alone
TIMEOUT_SECONDS = 0.25


@dataclass(slots=True)
class Lease:
    """What this worker may still let through in the present window. `turn`: who asks Redis for more."""

    left: int = 0
    is_last: bool = False
    is_counted: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)


class Limiter:
    """The permits of one worker, which its threads share."""

    def __init__(self, connect: Callable[[], Redis], *, window_seconds: int = WINDOW_SECONDS) -> None:
        self._connect = connect
        self._seconds = window_seconds
        self._lock = threading.Lock()
        self._window = 0
        self._leases: dict[str, Lease] = {}
        self._away_until = 0.0

    def spend(self, route: str, subject: str, *, limit: int) -> None:
        """Take one permit of `limit` per window for `subject` (a key or customer). Raises RateLimited."""
        window = int(time.time()) // self._seconds
        name = f"{route}:{subject}"
        with self._lock:
            if window != self._window:
                self._window = window
                self._leases = {}
            lease = self._leases.get(name)
            if lease is None:
                lease = self._leases[name] = Lease()
            if lease.left > 0:
                lease.left -= 1
                return
        if not self._spend_of_more(lease, f"rate:{window}:{name}", limit):
            raise RateLimited(reset=(window + 1) * self._seconds, limit=limit)

    def _spend_of_more(self, lease: Lease, key: str, limit: int) -> bool:
        """Get another block, unless another thread just did, and spend one permit of it. Threads that all got
        a block at once would hold more than the limit between them, and refuse a caller who is within it.
        """
        with lease.turn:
            with self._lock:
                if lease.left > 0:
                    lease.left -= 1
                    return True
            if lease.is_last:
                return False
            block = block_of(limit)
            total = self._count(key, block, is_first=not lease.is_counted)
            granted = limit if total is None else max(0, min(block, limit - (total - block)))
            with self._lock:
                lease.left = max(0, granted - 1)
                lease.is_last = total is None or total >= limit
                lease.is_counted = True
            return granted > 0

    def _count(self, key: str, block: int, *, is_first: bool) -> int | None:
        """How many permits are gone after this block; None while Redis does not answer."""
        if time.monotonic() < self._away_until:
            return None
        try:
            redis = self._connect()
            if not is_first:
                return int(redis.incrby(key, block))
            with redis.pipeline(transaction=False) as pipe:
                pipe.incrby(key, block)
                pipe.expire(key, 2 * self._seconds)
                return int(pipe.execute()[0])
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("limits_without_redis", error=type(error).__name__)
            return None


def block_of(limit: int) -> int:
    """How many permits are leased at once: at most a thirtieth of a minute's, for workers to share."""
    return 1 if limit < BLOCKED_FROM else max(1, min(LARGEST_BLOCK, limit // 30))


def connect(url: str) -> Redis:
    """A client that gives up fast: a request is waiting."""
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


@cache
def _redis() -> Redis:
    return connect(settings.REDIS_URL)


limiter = Limiter(_redis)
per_second = Limiter(_redis, window_seconds=1)
