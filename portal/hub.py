"""One Redis subscription for all streams of a process: who listens to which channel."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# Always subscribed, so that the connection has something to listen to when no stream is open.
IDLE_CHANNEL = "events:idle"
WAITING_HINTS = 16  # for one browser that reads slowly; more are dropped, its polls make up for them
READ_SECONDS = 15.0
RETRY_SECONDS = 2.0

Hints = asyncio.Queue[bytes | None]


class Hub:
    """Hands hints from Redis to the queues that joined their channel. Redis away: silence, and new tries."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Hints]] = {}
        self._subscription: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None

    async def join(self, channel: str, hints: Hints) -> None:
        """Put the channel's hints into `hints` from now on."""
        is_first = channel not in self._listeners
        self._listeners.setdefault(channel, set()).add(hints)
        self._keep_reading()
        if is_first and self._subscription:
            await self._tell("subscribe", channel)

    async def leave(self, channel: str, hints: Hints) -> None:
        """Undo join."""
        listeners = self._listeners.get(channel, set())
        listeners.discard(hints)
        if not listeners and self._listeners.pop(channel, None) is not None:
            await self._tell("unsubscribe", channel)

    def _keep_reading(self) -> None:
        loop = asyncio.get_running_loop()
        if self._reader is None or self._reader.done() or self._reader.get_loop() is not loop:
            self._reader = loop.create_task(self._read_forever())

    async def _read_forever(self) -> None:
        while True:
            try:
                await self._read()
            except (RedisError, OSError) as error:
                log.debug("hints_away", reason=type(error).__name__)
            finally:
                self._subscription = None
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=30)
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(IDLE_CHANNEL)
            subscribed: set[str] = set()
            while missing := self._listeners.keys() - subscribed:  # others join while this one is awaited
                await subscription.subscribe(*missing)
                subscribed |= missing
            self._subscription = subscription
            while True:
                message = await subscription.get_message(timeout=READ_SECONDS)
                if message:
                    self._deliver(message)

    def _deliver(self, message: dict[str, Any]) -> None:
        for hints in self._listeners.get(message["channel"].decode(), ()):
            if not hints.full():
                hints.put_nowait(message["data"])

    async def _tell(self, command: str, channel: str) -> None:
        try:
            if self._subscription:
                await getattr(self._subscription, command)(channel)
        except (RedisError, OSError) as error:
            log.debug("hints_away", reason=type(error).__name__)
