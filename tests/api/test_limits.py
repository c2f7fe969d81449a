"""Rates: nobody exceeds his figure, Redis is asked seldom, and its absence refuses nobody."""

import threading
import time
from datetime import timedelta

import pytest
import time_machine

from api.limits import Limiter, block_of, connect
from portal.errors import RateLimited

START = 1_800_000_000  # a full minute


class CountingRedis:
    """The real client, counting what is sent."""

    def __init__(self, redis):
        self.redis, self.calls = redis, 0

    def __call__(self):
        self.calls += 1
        return self.redis


def spend(limiter, times, *, limit, route="poll", subject="c1"):
    allowed = 0
    for _ in range(times):
        try:
            limiter.spend(route, subject, limit=limit)
            allowed += 1
        except RateLimited:
            pass
    return allowed


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(START + 10, tick=False) as clock:
        yield clock


@pytest.mark.parametrize("limit", [1, 6, 50, 60, 300])
def test_exactly_the_figure_is_let_through_in_one_window(redis, limit):
    assert spend(Limiter(lambda: redis), limit + 20, limit=limit) == limit


@pytest.mark.parametrize("limit", [6, 60, 300])
def test_two_workers_share_one_figure(redis, limit):
    workers = [Limiter(lambda: redis), Limiter(lambda: redis)]

    allowed = sum(spend(worker, 1, limit=limit) for _ in range(limit) for worker in workers)

    assert allowed == limit


def test_threads_of_one_worker_never_exceed_the_figure(redis):
    limiter, allowed = Limiter(lambda: redis), []
    threads = [
        threading.Thread(target=lambda: allowed.append(spend(limiter, 60, limit=300))) for _ in range(8)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sum(allowed) == 300


def test_threads_that_come_at_once_within_the_figure_are_all_let_through(redis):
    class SlowRedis(CountingRedis):
        def __call__(self):
            time.sleep(0.02)  # so that all wait for the same answer
            return super().__call__()

    counted = SlowRedis(redis)
    limiter, allowed, ready = Limiter(counted), [], threading.Barrier(32)

    def ask():
        ready.wait()
        allowed.append(spend(limiter, 9, limit=300))

    threads = [threading.Thread(target=ask) for _ in range(32)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert allowed == [9] * 32
    assert counted.calls == 29, "no thread leased beside another"


def test_p3_a_poll_costs_at_most_a_fifth_of_a_redis_call(redis):
    counted = CountingRedis(redis)

    spend(Limiter(counted), 1000, limit=300)

    assert counted.calls <= 31  # 30 blocks of ten; a spent figure asks no more
    assert block_of(300) == 10
    assert block_of(59) == 1


def test_a_refusal_says_when_the_window_ends(redis, frozen):
    limiter = Limiter(lambda: redis)
    spend(limiter, 6, limit=6)

    with pytest.raises(RateLimited) as refusal:
        limiter.spend("poll", "c1", limit=6)

    assert refusal.value.extra == {"reset": START + 60, "limit": 6}
    frozen.shift(timedelta(seconds=50))
    assert spend(limiter, 10, limit=6) == 6


def test_subjects_and_routes_do_not_share(redis):
    limiter = Limiter(lambda: redis)

    assert [spend(limiter, 9, limit=6, subject=one) for one in ("c1", "c2")] == [6, 6]
    assert spend(limiter, 9, limit=6, route="order") == 6


def test_keys_in_redis_end_by_themselves(redis):
    spend(Limiter(lambda: redis), 25, limit=300)

    assert [redis.ttl(key) for key in redis.keys("rate:*")] == [120]


def test_o2_without_redis_a_worker_limits_by_itself(redis):
    counted = CountingRedis(connect("redis://127.0.0.1:9/0"))

    assert spend(Limiter(counted), 100, limit=60) == 60
    assert counted.calls == 1
