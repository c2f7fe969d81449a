"""P1–P4: polling for a code."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import psycopg
import redis

from portal.embedded import postgres
from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan, Result, http
from tests.bench.report import Row
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import Shop, buy, control, gather_statistics

CONNECTIONS = 16
ROUNDS = 5
BUYERS = 32


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    polls = [
        shop.call("GET", f"/a/customer/{customer.external_id}/activation/{buy(customer)}")
        for customer in shop.customers[:300]
    ]
    bare, get = [http("GET", "/bare", host="y")], [http("GET", "/get", host="y")]
    gather_statistics()
    fire(stack.web, polls, 1)  # warm: prepared statements, rate leases

    against_bare, against_get = [], []
    for _ in range(ROUNDS):
        b = fire(stack.yardstick, bare, seconds).rate
        g = fire(stack.yardstick, get, seconds).rate
        p = fire(stack.web, polls, seconds).rate
        against_bare.append(p / b)
        against_get.append(p / g)
    yield Row("P1", "poll ÷ (bare view + one ORM get)", median(against_get), 1.3, True)
    yield Row("P2", "poll ÷ bare view", median(against_bare), 0.35, True)
    yield from cost(stack, polls, seconds)
    yield from beside_buyers(stack, shop, polls, seconds)


def fire(port: int, requests: list[str], seconds: float) -> Result:
    return load.fire(Plan(port, CONNECTIONS, seconds, requests)).only(200)


def cost(stack: Stack, polls: list[str], seconds: float) -> Iterator[Row]:
    """CPU, SQL statements and Redis calls of one poll."""
    cache = redis.Redis.from_url(stack.servers.redis_url(1))
    meter, sql, calls = Meter(*stack.portal_pids), statements(stack), commands(cache)
    result = fire(stack.web, polls, seconds * 2)
    spent = meter.seconds()
    yield Row("P3", "poll: CPU", 1000 * spent / result.count, 0.45, False, "ms")
    yield Row("P3", "poll: SQL statements", (statements(stack) - sql) / result.count, 1.005, False, "")
    yield Row("P3", "poll: Redis calls", (commands(cache) - calls) / result.count, 0.2, False, "")


def statements(stack: Stack) -> int:
    """Statements so far: every one of ours commits by itself."""
    address = postgres.address(stack.servers.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [DATABASE]
        ).fetchone()
    assert row
    return int(row[0])


def commands(cache: redis.Redis) -> int:
    return int(cache.info("stats")["total_commands_processed"])  # type: ignore[index]


def beside_buyers(stack: Stack, shop: Shop, polls: list[str], seconds: float) -> Iterator[Row]:
    """Polls while 32 buyers wait for a provider that takes 300 ms."""
    orders = [shop.order(customer) for customer in shop.customers[300:]]
    rates, tails = [], []
    for _ in range(ROUNDS):
        alone = fire(stack.web, polls, seconds)
        control(stack, "settings", delay_ms=300)
        buyers = load.start(Plan(stack.web, BUYERS, seconds + 1.0, orders))
        crowded = fire(stack.web, polls, seconds)
        bought = load.finish(buyers).only(200)
        control(stack, "settings", delay_ms=0)
        rates.append(crowded.rate / alone.rate)
        tails.append(crowded.p99 / alone.p99)
    note = f"{bought.rate:.0f} orders/s meanwhile"
    yield Row("P4", "poll rate with 32 buyers waiting ÷ without", median(rates), 0.8, True, note=note)
    yield Row("P4", "poll p99 with 32 buyers waiting ÷ without", median(tails), 3.0, False)
