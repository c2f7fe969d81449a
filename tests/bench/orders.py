"""B1–B6: buying a number over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from statistics import median

import psycopg
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from activations.models import Activation
from portal.embedded import postgres
from tests.bench import load, pgbench
from tests.bench.cpu import Meter
from tests.bench.load import Plan
from tests.bench.recorded import Blank, recording, script
from tests.bench.report import Row
from tests.bench.scale import bare_view_ms, timed
from tests.bench.stack import DATABASE, Stack, await_http, end, free_port, granian
from tests.bench.world import COUNTRY, SERVICE, Shop, control, gather_statistics, open_shop

CLIENTS = 8
ROUNDS = 3
MANY_TENANTS, EACH = 100, 8
STATEMENTS = 3  # of an order: caller, opening, attaching; what is in stock is asked for once a second


def rows(stack: Stack, *, seconds: float) -> Iterator[Row]:
    many = [open_shop(f"many{n}", customers=EACH) for n in range(MANY_TENANTS)]
    hot = open_shop("hot", customers=MANY_TENANTS * EACH)
    spread = [shop.order(customer) for customer_no in range(EACH) for shop in many
              for customer in [shop.customers[customer_no]]]  # fmt: skip
    crowded = [hot.order(customer) for customer in hot.customers]
    orders(stack, spread, 2)  # before any is recorded: the first one writes what is written once
    many_script = yardstick(many[0], tenants=MANY_TENANTS, each=EACH)
    hot_script = yardstick(hot, tenants=1, each=len(hot.customers))
    gather_statistics()

    ratios = []
    for _ in range(ROUNDS):
        many_rate = orders(stack, spread, seconds)
        many_sql = replay(stack, many_script, seconds)
        hot_rate = orders(stack, crowded, seconds)
        hot_sql = replay(stack, hot_script, seconds)
        ratios.append((many_rate / many_sql, hot_rate / hot_sql, hot_rate / many_rate))
    by_many, by_hot, hot_by_many = (median(column) for column in zip(*ratios, strict=True))
    yield Row("B1", "order, many wallets ÷ pgbench of its SQL", by_many, 0.30, True)
    yield Row("B2", "order, one hot tenant ÷ pgbench of its SQL", by_hot, 0.45, True)
    yield Row("B2", "order, one hot tenant ÷ many wallets", hot_by_many, 0.70, True)
    yield from cost(stack, spread, many_script, seconds)
    yield from one_wallet(stack, spread, seconds)
    yield from connections(stack, hot)


def orders(stack: Stack, requests: list[str], seconds: float) -> float:
    """Orders per second with 8 clients; each answer must be a number."""
    return load.fire(Plan(stack.web, CLIENTS, seconds, requests)).only(200).rate


def replay(stack: Stack, text: str, seconds: float) -> float:
    return pgbench.run(text, sockets=stack.servers.sockets, database=DATABASE, clients=CLIENTS,
                       seconds=max(1, round(seconds)))  # fmt: skip


def yardstick(shop: Shop, *, tenants: int, each: int) -> str:
    """pgbench's script for one order of a random customer of `tenants` shops that were opened one after the
    other.

    Ids run on: customers by one, tenants by two (each has a test twin), so pgbench can compute them.
    """
    first_customer, first_tenant = min(c.pk for c in shop.customers), shop.tenant.pk
    known = ApiKey.objects.get(tenant=shop.tenant)
    for n in range(tenants):
        ApiKey.objects.get_or_create(
            tenant_id=first_tenant + 2 * n,
            digest=hashlib.sha256(f"bench{first_tenant + 2 * n}".encode()).digest(),
        )
    ApiKey.objects.filter(tenant=shop.tenant).update(last_used_at=timezone.now())  # written once a minute
    sample = min(shop.customers, key=lambda customer: customer.pk)
    client = Client(headers={"host": f"{shop.tenant.slug}.localhost"})
    for _ in range(5):  # the first order of a second asks what is then remembered
        with recording() as made:
            answer = client.post(
                f"/api/v1/retail/a/customer/{sample.external_id}/activation",
                json.dumps({"service_id": SERVICE, "country_id": COUNTRY, "customer_price": 100}),
                content_type="application/json",
                headers={"X-Api-Key": shop.key},
            )
        assert answer.status_code == 200, answer.content
        if len(made.statements) == STATEMENTS:
            break
    assert len(made.statements) == STATEMENTS, made.statements
    order = Activation.objects.get(hex_id=answer.json()["activation_id"])
    head = "\n".join([
        f"\\set n random(0, {tenants * each - 1})",
        f"\\set tenant {first_tenant} + 2 * (:n / {each})",
        f"\\set customer {first_customer} + :n",
        f"\\set place :n % {each}",
        "\\set lease random(1, 9000000000000000)",
    ])  # fmt: skip
    return script(made, [
        Blank(sample.external_id, "('c' || :place)"),
        Blank(bytes(known.digest), "sha256(convert_to('bench' || :tenant, 'UTF8'))"),
        Blank(f"{shop.tenant.slug}.localhost", host_of(shop, first_tenant, tenants)),
        Blank(sample.pk, ":customer::bigint"),
        Blank(shop.tenant.pk, ":tenant::bigint"),
        Blank(order.upstream_ref, "(:lease)::text"),
    ], head=head)  # fmt: skip


def host_of(shop: Shop, first_tenant: int, tenants: int) -> str:
    if tenants == 1:
        return f"'{shop.tenant.slug}.localhost'"
    return f"('many' || ((:tenant - {first_tenant}) / 2) || '.localhost')"


def cost(stack: Stack, requests: list[str], sql: str, seconds: float) -> Iterator[Row]:
    """CPU of an order, and what of it is left where the provider is a function of the same process: that the
    call is waited for costs, too. Beside it what PostgreSQL alone takes for its `sql`, sent by pgbench.
    """
    port = free_port()
    stack.processes["direct"] = granian("tests.bench.direct:application", port)
    await_http(port, "/healthz")
    servers = {"web": stack.web, "direct": port}
    for one in servers.values():
        load.fire(Plan(one, CLIENTS, 2, requests)).only(200)  # both workers import everything first
    rounds: list[tuple[float, float, float, float]] = []
    for _ in range(2 * ROUNDS):
        spent = []
        for name, one in servers.items():
            meter = Meter(*stack.pids(name), *stack.store_pids)
            count = load.fire(Plan(one, CLIENTS, seconds, requests)).only(200).count
            spent.append(1000 * meter.seconds() / count)
        alone = pgbench.cost_ms(sql, stack.servers.sockets, database=DATABASE, clients=CLIENTS,
                                server_pids=stack.store_pids)  # fmt: skip
        rounds.append((*spent, alone, bare_view_ms(stack, seconds=seconds)))
    end([stack.processes.pop("direct")])
    whole, without, alone, bare = (median(column) for column in zip(*rounds, strict=True))
    yield timed(stack, "B3", "order: CPU with the provider's call", whole, 1.9, seconds=seconds, bare=bare)
    yield timed(stack, "B3", "order: CPU without it", without, 1.2, seconds=seconds, bare=bare,
                note=f"{alone / bare:.3g} of them PostgreSQL's for its SQL by pgbench")  # fmt: skip


def one_wallet(stack: Stack, others: list[str], seconds: float) -> Iterator[Row]:
    """32 parallel orders on one wallet, funded for exactly half of them. As many other buyers come before, so
    that nobody waits while connections are made.
    """
    load.fire(Plan(stack.web, 32, 2, others)).only(200)
    shop = open_shop("wallet", customers=1)
    customer = shop.customers[0]
    body = json.dumps({"service_id": SERVICE, "country_id": COUNTRY, "customer_price": 1_000_000})
    request = shop.call("POST", f"/a/customer/{customer.external_id}/activation", body)
    funded = 100_000_000 // 1_000_000
    result = load.fire(Plan(stack.web, 32, 30, [request], requests_in_all=2 * funded)).only(200, 402)
    sold = Activation.objects.filter(customer=customer, lease_state="leased").count()
    yield timed(stack, "B4", "32 orders at once on one wallet: p99", result.p99, 120, seconds=seconds)
    yield Row("B4", f"funded for {funded}: sold beyond or below", abs(sold - funded), 0, False, "numbers")


def connections(stack: Stack, hot: Shop) -> Iterator[Row]:
    """With two connections per worker, 32 buyers at a 300 ms provider are served as if there were enough."""
    port = free_port()
    small = granian("portal.wsgi:application", port, pool=2)
    stack.processes["small"] = small
    await_http(port, "/healthz")
    wanted = [hot.order(customer) for customer in hot.customers]
    load.fire(Plan(port, 32, 3, wanted)).only(200)  # both workers import everything first
    control(stack, "settings", delay_ms=300)
    buying = load.start(Plan(port, 32, 4, wanted))
    idle = max(idle_in_transaction(stack) for _ in range(300))
    result = load.finish(buying).only(200)
    control(stack, "settings", delay_ms=0)
    yield Row("B6", "transactions open while a provider is asked", idle, 0, False, "")
    waiting_only = 32 / 0.3
    yield Row("B6", "order rate with 4 connections ÷ 32 buyers/300 ms", result.rate / waiting_only, 0.5, True,
              note="4 held connections could reach 0.125")  # fmt: skip


def idle_in_transaction(stack: Stack) -> int:
    """Transactions of the application that have been waiting for their client for longer than a moment."""
    address = postgres.address(stack.servers.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'portal' AND state = 'idle in transaction'"
            " AND clock_timestamp() - state_change > interval '100 ms'"
        ).fetchone()
    assert row
    return int(row[0])
