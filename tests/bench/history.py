"""H1–H3: a tenant with millions of past orders. `--rows N` says how many; 5 000 000 take minutes to make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median
from urllib.parse import quote

import psycopg
from django.db import connection
from django.utils import timezone

from activations.history import Cursor, HistoryFilter, count_due, history_page
from portal.embedded import postgres
from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan
from tests.bench.report import Row
from tests.bench.scale import timed
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import COUNTRY, SERVICE, Shop

CONNECTIONS = 8
ROUNDS = 3
TRIES = 5
DAYS = 365
EVERYTHING = HistoryFilter()
ADDRESS = "/m/customers/activation/history?limit=100"

INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid = 'activations_activation'::regclass
    AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""
# One order in fifty was not sold; of the rest half have a code. Evenly over a year, oldest first.
SEED = """
INSERT INTO activations_activation (hex_id, ord_id, tenant_id, customer_id, channel, service_id, country_id,
    phone, formatted, lease_state, sms_status, activation_status, billing_status, price_micros,
    customer_price_micros,
    max_price_micros, created_at, updated_at, expire_at, upstream_ref, routing)
SELECT lpad(to_hex(n), 24, '0'), 'h' || n, %(tenant)s,
    (%(customers)s::bigint[])[1 + n %% cardinality(%(customers)s)],
    'retail', %(service)s, %(country)s, (12025550000 + n)::text, '',
    CASE WHEN n %% 50 = 0 THEN 'unsold' ELSE 'leased' END,
    CASE WHEN state IN ('finalized', 'used') THEN 'smsReceived' ELSE 'smsRequested' END,
    CASE WHEN state = 'used' THEN 'expired' ELSE state END,
    CASE WHEN state IN ('finalized', 'used') THEN 'billed' ELSE 'released' END,
    250000, 300000, 250000, at, at, at + interval '20 minutes', 'h' || n, '{}'
FROM (
    SELECT n, now() - (%(rows)s - n + 1) * (interval '1 day' * %(days)s / %(rows)s) AS at,
        CASE WHEN n %% 50 = 0 THEN 'canceled'
            ELSE (ARRAY['finalized', 'used', 'expired', 'canceled'])[1 + n %% 4] END AS state
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS made
"""
STEP = 500_000


def rows(stack: Stack, shop: Shop, *, seconds: float, count: int) -> Iterator[Row]:
    seed(stack, shop, count)
    note = f"{count:,} orders"
    yield Row("H3", "total of everything, SQL", sql_ms(lambda: page(shop, limit=1)), 5, False, "ms", note)
    yield Row(
        "H2", "page=1000 and its total, SQL", sql_ms(lambda: page(shop, number=1000)), 15, False, "ms", note
    )
    yield Row(
        "H2",
        "page=10000 and its total, SQL",
        sql_ms(lambda: page(shop, number=10_000)),
        80,
        False,
        "ms",
    )
    yield from over_http(stack, shop, seconds)


def page(shop: Shop, *, number: int = 1, limit: int = 100) -> object:
    return history_page(tenant_id=shop.tenant.pk, narrow=EVERYTHING, page=number, limit=limit)


def sql_ms(ask: Callable[[], object]) -> float:
    """Execution time of its statements in PostgreSQL."""
    made: list[tuple[str, object]] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        made.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    return median(sum(explained(sql, params) for sql, params in made) for _ in range(TRIES))


def explained(sql: str, params: object) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)  # type: ignore[arg-type]
        plan = cursor.fetchone()[0]
    return float((json.loads(plan) if isinstance(plan, str) else plan)[0]["Execution Time"])


def over_http(stack: Stack, shop: Shop, seconds: float) -> Iterator[Row]:
    first = [shop.call("GET", ADDRESS)]
    deep = [
        shop.call("GET", f"{ADDRESS}&cursor={quote(cursor_at(shop, days))}") for days in (30, 100, 200, 300)
    ]
    fire(stack, first, 1)
    fire(stack, deep, 1)
    ratios = []
    for _ in range(ROUNDS):
        near = fire(stack, first, seconds).rate
        ratios.append(fire(stack, deep, seconds).rate / near)
    yield Row("H1", "deep cursor page ÷ page 1", median(ratios), 0.8, True)
    meter = Meter(*stack.portal_pids)
    result = fire(stack, first, 2 * seconds)
    reached = 1000 * meter.seconds() / result.count
    yield timed(stack, "H1", "page of 100: CPU", reached, 1.5, seconds=seconds)


def fire(stack: Stack, requests: list[str], seconds: float) -> load.Result:
    return load.fire(Plan(stack.web, CONNECTIONS, seconds, requests)).only(200)


def cursor_at(shop: Shop, days: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at, id FROM activations_activation WHERE tenant_id = %s AND created_at < %s"
            " ORDER BY created_at DESC, id DESC LIMIT 1",
            [shop.tenant.pk, timezone.now() - timedelta(days=days)],
        )
        return Cursor(*cursor.fetchone()).text()


def seed(stack: Stack, shop: Shop, count: int) -> None:
    """Past orders without money, written past triggers and indexes; then counted and vacuumed as in life."""
    address = postgres.address(stack.servers.sockets, postgres.ADMIN, DATABASE)
    params = {
        "tenant": shop.tenant.pk,
        "customers": [customer.pk for customer in shop.customers],
        "service": SERVICE,
        "country": COUNTRY,
        "rows": count,
        "days": DAYS,
    }
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("SET maintenance_work_mem = '512MB'")
        indexes = admin.execute(INDEXES).fetchall()
        for name, _ in indexes:
            admin.execute(f"DROP INDEX {name}")
        for first in range(1, count + 1, STEP):
            admin.execute(SEED, {**params, "first": first, "last": min(first + STEP - 1, count)})
        for _, definition in indexes:
            admin.execute(definition)
        admin.execute("VACUUM ANALYZE activations_activation")
    now = timezone.now()
    while count_due(now=now):  # a week's worth at a time
        pass
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE activations_historycount")
