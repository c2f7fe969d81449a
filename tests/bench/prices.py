"""C1–C4: lists of 100 000 offers for 180 countries and 700 services."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median

import psycopg
from django.utils import timezone

from accounts.keys import issue_key
from api.models import PublishedList
from api.publishing import publish_due
from api.retail.price_list import BY_SERVICE, write_prices
from billing.models import PriceRule
from portal.embedded import postgres
from providers.models import Service
from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan, http
from tests.bench.report import Row
from tests.bench.scale import timed
from tests.bench.stack import DATABASE, Stack
from tests.bench.world import Shop

CONNECTIONS = 8
ROUNDS = 3
REBUILDS = 5
OFFERS = 100_000

SERVICES = """
INSERT INTO providers_service (id, name, alt_names, website, icon, prohibited, description, warning, is_other,
    code_pattern)
SELECT 'bench' || n, 'Bench ' || n, '{}', '', '', false, '', '', false, '' FROM generate_series(1, 700) AS n
"""
# The catalogue has its countries; 180 pairs of each service, less those that nobody sells.
SHELVES = """
INSERT INTO providers_offer (provider_id, kind, service_id, country_id, operator, cost_micros, count, quality,
    capabilities, upstream_service, upstream_country, upstream_ref)
SELECT (SELECT min(id) FROM providers_provider), 'activation', s.id, c.id, 'any',
    10000 + 10000 * (random() * 300)::int, 1 + (random() * 500)::int, round(random()::numeric, 2), '{sms}',
    s.id,
    c.id, 'bench'
FROM (SELECT id FROM providers_service WHERE id LIKE 'bench%%') AS s,
    (SELECT id FROM providers_country ORDER BY id LIMIT 180) AS c
ORDER BY random() LIMIT %(offers)s
"""


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    stock(stack)
    yield timed(stack, "C3", f"rebuild of {OFFERS} offers: CPU", 1000 * rebuild(stack, shop), 300,
                seconds=seconds, note="both lists")  # fmt: skip
    yield from over_http(stack, shop, seconds)
    yield from of_dialects(stack, shop, seconds)


def stock(stack: Stack) -> None:
    """100 000 offers instead of what there was; nothing when that has been done."""
    if Service.objects.filter(pk="bench1").exists():
        return
    address = postgres.address(stack.servers.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("UPDATE providers_offer SET count = 0")
        admin.execute(SERVICES)
        admin.execute(SHELVES, {"offers": OFFERS})
        admin.execute("VACUUM ANALYZE")


def rebuild(stack: Stack, shop: Shop) -> float:
    """CPU seconds of one rule's both lists, by country and by service, from offers to stored bodies."""
    load.fire(Plan(stack.web, 1, 60, [asked(shop)], requests_in_all=1)).only(200)
    spent = []
    for percent in range(1, REBUILDS + 1):
        PriceRule.objects.create(layer="platform", tenant=shop.tenant, percent_ppm=percent * 10_000)
        meter = Meter(os.getpid(), *stack.store_pids, own_children=False)
        written = publish_due({"prices": write_prices}, now=timezone.now() + timedelta(minutes=percent))
        spent.append(meter.seconds())
        assert written == 1, written
    return median(spent)


def over_http(stack: Stack, shop: Shop, seconds: float) -> Iterator[Row]:
    stored = PublishedList.objects.get(tenant=shop.tenant, name=BY_SERVICE)
    size = len(stored.packed)
    known = [asked(shop, **{"If-None-Match": stored.etag})]
    packed = [asked(shop, **{"Accept-Encoding": "gzip"})]
    yardsticks = [[http("GET", path, host="y")] for path in ("/bare", "/get", f"/large/{size}")]
    for warm in (known, packed):
        fire(stack.web, warm, 1)
    ratios = []
    for _ in range(ROUNDS):
        bare, get, large = (fire(stack.yardstick, one, seconds).rate for one in yardsticks)
        hit, whole = fire(stack.web, known, seconds).rate, fire(stack.web, packed, seconds).rate
        ratios.append((hit / bare, hit / get, whole / bare, whole / large))
    unchanged, against_get, whole_by_bare, whole_by_large = (median(one) for one in zip(*ratios, strict=True))
    stops = f"{cost(stack, known, seconds):.2f} ms CPU; its one SELECT stops a revoked key (T6)"
    each = f"{size / 1e6:.1f} MB each, {cost(stack, packed, seconds):.2f} ms CPU"
    yield Row("C1", "304 ÷ bare view", unchanged, 0.8, True, note=stops)
    yield Row("C1", "304 ÷ (bare view + one ORM get)", against_get, 1.3, True)
    yield Row("C2", "whole list, gzip ÷ bare view", whole_by_bare, 0.25, True, note=each)
    yield Row("C2", "whole list, gzip ÷ bare view of its size", whole_by_large, 0.25, True)


def of_dialects(stack: Stack, shop: Shop, seconds: float) -> Iterator[Row]:
    """Whole lists for keys of customers: CPU of each, packed, and of published ones that are known."""
    key = issue_key(tenant=shop.tenant, customer=shop.customers[0])[1]
    for name, ask in dialect_lists(shop, key).items():
        packed = [ask({"Accept-Encoding": "gzip"})]
        load.fire(Plan(stack.web, 1, 120, packed, requests_in_all=1)).only(200)  # writes it
        yield Row("C4", f"{name}: CPU", cost(stack, packed, seconds), 5, False, "ms")
    for name, kind in (("handler", "handler/v1/"), ("rentverify", "rentverify/prices/")):
        etag = PublishedList.objects.get(tenant=shop.tenant, name=kind).etag
        ask = dialect_lists(shop, key)[f"{name} getPrices"]
        spent = cost(stack, [ask({"If-None-Match": etag})], seconds)
        yield Row("C4", f"{name} getPrices, 304: CPU", spent, 1.5, False, "ms")


def dialect_lists(shop: Shop, key: str) -> dict[str, Callable[[dict[str, str]], str]]:
    """By name, what makes a request of these headers."""
    host, handler = f"{shop.tenant.slug}.localhost", f"/stubs/handler_api.php?api_key={key}&action="
    tokens = {"rentverify": {"X-API-Token": key}, "ping": {"X-Ping-Api-Key": key}}
    paths = {
        **{f"handler {action}": handler + action
           for action in ("getPrices", "getPricesV3", "getNumbersStatus", "getTopCountriesByService",
                          "getOperators")},
        "rentverify getPrices": "/api/v1/getPrices",
        "rentverify getCountries": "/api/v1/getCountries",
        "ping services": "/v1/nonvoip/services",
        "ping services, limit 100, skip 5000": "/v1/nonvoip/services?limit=100&skip=5000",
    }  # fmt: skip
    return {
        name: lambda headers, name=name, path=path: http(
            "GET", path, host=host, headers={**tokens.get(name.split()[0], {}), **headers}
        )
        for name, path in paths.items()
    }


def cost(stack: Stack, requests: list[str], seconds: float) -> float:
    """CPU milliseconds of one request."""
    meter = Meter(*stack.portal_pids)
    result = fire(stack.web, requests, seconds)
    return 1000 * meter.seconds() / result.count


def asked(shop: Shop, by: str = "services", **headers: str) -> str:
    host, path = f"{shop.tenant.slug}.localhost", f"/api/v1/activation/prices/{by}"
    return http("GET", path, host=host, headers={"X-Api-Key": shop.key, **headers})


def fire(port: int, requests: list[str], seconds: float) -> load.Result:
    return load.fire(Plan(port, CONNECTIONS, seconds, requests)).only(200, 304)
