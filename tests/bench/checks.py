"""U1–U3: asking providers about 10 000 open numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

import psycopg
import redis
from django.db import connection
from django.utils import timezone

from activations.services.checking import check_due
from portal.celery import app as celery
from portal.embedded import postgres
from providers.adapters.sandbox import Sandbox
from providers.contract import Can
from providers.models import Provider
from providers.registry import ADAPTERS
from tests.bench.cpu import Meter
from tests.bench.report import Row
from tests.bench.scale import timed
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import Shop, fill, gather_statistics

OPEN = 10_000
QUEUE = celery.conf.task_default_queue
LISTS = 5


class WithoutList(Sandbox):
    """The same upstream, as one that cannot list its open orders."""

    protocol = "sandbox_single"
    can = Sandbox.can - {Can.LIST_ACTIVE, Can.MESSAGES_IN_LIST}


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    fill(stack, shop, OPEN)
    gather_statistics()
    ADAPTERS[WithoutList.protocol] = WithoutList
    cache = redis.Redis.from_url(stack.servers.redis_url(1))
    Provider.objects.update(protocol=WithoutList.protocol)
    make_due("activations_check")
    written, queued = wide_writes(stack), cache.llen(QUEUE)

    meter = Meter(os.getpid(), *stack.store_pids, own_children=False)
    looked_at = check_due(now=timezone.now())
    spent = meter.seconds()

    yield timed(stack, "U1", f"single checks of {looked_at} numbers", looked_at / spent, 5_000,
                seconds=seconds, unit="/CPU-s", at_least=True)  # fmt: skip
    yield Row("U3", "rows written on the wide table", wide_writes(stack) - written, 0, False, "")
    yield Row("U3", "messages to the queue", cache.llen(QUEUE) - queued, 0, False, "")  # type: ignore[operator]

    Provider.objects.update(protocol=Sandbox.protocol)
    now = timezone.now()
    costs = [list_cost(stack, now + timedelta(seconds=3 * n)) for n in range(1, LISTS + 2)]
    yield Row("U2", "cores for a list of 10 000 every 3 s", median(costs[1:]) / 3, 0.03, False, "cores")
    yield Row("U3", "rows written by lists on the wide table", wide_writes(stack) - written, 0, False, "")


def list_cost(stack: Stack, now: datetime) -> float:
    """CPU seconds of one sweep in which the provider's list is due and the numbers' own rows are not."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE activations_check SET due_at = %s", [now + timedelta(hours=1)])
        cursor.execute("UPDATE activations_listcheck SET due_at = %s", [now])
    meter = Meter(os.getpid(), *stack.store_pids, own_children=False)
    check_due(now=now)
    return meter.seconds()


def make_due(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET due_at = now() - interval '1 second'")
        cursor.execute("DELETE FROM activations_listcheck")


def wide_writes(stack: Stack) -> int:
    """Rows of the activation table inserted, updated or deleted so far."""
    address = postgres.address(stack.servers.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("SELECT pg_stat_force_next_flush()")
        row = admin.execute(
            "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
            " WHERE relname = 'activations_activation'"
        ).fetchone()
    assert row
    return int(row[0])
