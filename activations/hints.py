"""Telling open browsers that something changed: an id only, through Redis, which may be away."""

from __future__ import annotations

from functools import lru_cache, partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
WAIT_SECONDS = 0.3


@lru_cache(maxsize=1)
def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=WAIT_SECONDS, socket_connect_timeout=WAIT_SECONDS)


def channel_of(*, tenant_id: int, customer_id: int) -> str:
    return f"events:{tenant_id}:{customer_id}"


def tell_browser(*, tenant_id: int, customer_id: int, hex_id: str) -> None:
    """Publish after commit that this activation or rental changed. A lost hint costs nothing: pages poll."""
    publish = partial(_publish, tenant_id=tenant_id, customer_id=customer_id, hex_id=hex_id)
    if connection.in_atomic_block:
        transaction.on_commit(publish)
    else:  # `on_commit` would take a connection for nothing
        publish()


def _publish(*, tenant_id: int, customer_id: int, hex_id: str) -> None:
    try:
        _redis(settings.REDIS_URL).publish(channel_of(tenant_id=tenant_id, customer_id=customer_id), hex_id)
    except (RedisError, OSError) as error:
        log.debug("hint_lost", reason=type(error).__name__)
