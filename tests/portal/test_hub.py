"""Streams that open while the hub is just connecting."""

import asyncio
import time

import redis
from django.conf import settings

from portal.hub import Hub


def test_a_stream_that_opens_while_the_hub_connects_is_heard():
    names = [f"events:hub-test:{number}" for number in range(200)]

    async def subscribed():
        hub = Hub()
        try:
            for (
                name
            ) in names:  # one at each turn of the loop: some while the hub connects, some before and after
                await hub.join(name, asyncio.Queue())
                await asyncio.sleep(0)
            return await asyncio.to_thread(wait_for, names)
        finally:
            hub._reader.cancel()

    assert asyncio.run(subscribed()) == []


def wait_for(names):
    """The channels that nobody listens to, after waiting for there to be none."""
    client, deadline = redis.Redis.from_url(settings.REDIS_URL), time.monotonic() + 60
    while True:
        deaf = [name.decode() for name, count in client.pubsub_numsub(*names) if count == 0]
        if not deaf or time.monotonic() > deadline:
            return deaf
        time.sleep(0.05)
