"""P1–P4: polling for a code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import psycopg
import redis

from accounts.keys import issue_key
from accounts.models import Customer
from activations.models import Activation
from api.limits import WINDOW_SECONDS
from portal.embedded import postgres
from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan, Result, http
from tests.bench.report import Row
from tests.bench.scale import BARE, timed
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import Shop, buy, control, gather_statistics

CONNECTIONS = 16
ROUNDS = 5
BUYERS = 32
POLLED = 300  # orders
TOLD_SECONDS = 11  # PostgreSQL's PGSTAT_IDLE_INTERVAL is 10
GET = [http("GET", "/get", host="y")]


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    bought = [(customer, buy(customer)) for customer in shop.customers[:POLLED]]
    dialects = {
        "retail poll": [
            shop.call("GET", f"/a/customer/{customer.external_id}/activation/{hex_id}")
            for customer, hex_id in bought
        ],
        **others(shop, bought),
    }
    gather_statistics()
    for polls in dialects.values():
        fire(stack.web, polls, 1)  # warm: prepared statements, rate leases
    yield from ratios(stack, dialects, seconds)
    for name, polls in dialects.items():
        yield from cost(stack, name, polls, seconds)
    yield from beside_buyers(stack, shop, dialects["retail poll"], seconds)


def others(shop: Shop, bought: list[tuple[Customer, str]]) -> dict[str, list[str]]:
    """The same orders through the dialects in which each customer has a key of his own."""
    host = f"{shop.tenant.slug}.localhost"
    orders = Activation.objects.filter(tenant=shop.tenant).values_list("hex_id", "num_id", "ord_id")
    ids = {hex_id: (num_id, ord_id) for hex_id, num_id, ord_id in orders}
    words, documents = [], []
    for customer, hex_id in bought:
        key = issue_key(tenant=shop.tenant, customer=customer)[1]
        num_id, ord_id = ids[hex_id]
        query = f"api_key={key}&action=getStatus&id={num_id}"
        words.append(http("GET", f"/stubs/handler_api.php?{query}", host=host))
        headers = {"X-Ping-Api-Key": key}
        documents.append(http("GET", f"/v1/nonvoip/orders/{ord_id}/poll", host=host, headers=headers))
    return {"handler getStatus": words, "ping poll": documents}


def ratios(stack: Stack, dialects: dict[str, list[str]], seconds: float) -> Iterator[Row]:
    """Rates beside the yardstick's, taken in turns."""
    against_bare: dict[str, list[float]] = {name: [] for name in dialects}
    against_get: dict[str, list[float]] = {name: [] for name in dialects}
    for _ in range(ROUNDS):
        bare = fire(stack.yardstick, BARE, seconds).rate
        get = fire(stack.yardstick, GET, seconds).rate
        for name, polls in dialects.items():
            rate = fire(stack.web, polls, seconds).rate
            against_bare[name].append(rate / bare)
            against_get[name].append(rate / get)
    for name in dialects:
        yield Row("P1", f"{name} ÷ (bare view + one ORM get)", median(against_get[name]), 1.3, True)
        yield Row("P2", f"{name} ÷ bare view", median(against_bare[name]), 0.35, True)


def fire(port: int, requests: list[str], seconds: float) -> Result:
    return load.fire(Plan(port, CONNECTIONS, seconds, requests)).only(200)


def cost(stack: Stack, name: str, polls: list[str], seconds: float) -> Iterator[Row]:
    """CPU, SQL statements and Redis calls of one poll."""
    cache = redis.Redis.from_url(stack.servers.redis_url(1))
    await_quiet_window(TOLD_SECONDS + 4 * seconds)
    fire(stack.web, polls, seconds)  # each key's first permits of this window
    sql, calls, meter = statements(stack), commands(cache), Meter(*stack.portal_pids)
    result = fire(stack.web, polls, seconds * 2)
    spent, called = meter.seconds(), commands(cache) - calls
    yield timed(stack, "P3", f"{name}: CPU", 1000 * spent / result.count, 0.45, seconds=seconds)
    yield Row("P3", f"{name}: SQL statements", (statements(stack) - sql) / result.count, 1.005, False, "")
    yield Row("P3", f"{name}: Redis calls", called / result.count, 0.2, False, "")


def await_quiet_window(seconds: float) -> None:
    """Wait until no window of rates begins for so long: each key's permits are leased anew at its start."""
    left = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
    if left < seconds + 1:
        time.sleep(left)


def statements(stack: Stack) -> int:
    """Statements so far, with those that idle connections tell late: every one of ours commits by itself."""
    time.sleep(TOLD_SECONDS)
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
    orders = [shop.order(customer) for customer in shop.customers[POLLED:]]
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
