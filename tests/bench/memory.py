"""M1: what a web worker holds after 100 000 requests and a price list, and what an open stream takes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
from django.conf import settings

from tests.bench import load, prices
from tests.bench.lag import signed_in
from tests.bench.load import Plan, http
from tests.bench.report import Row
from tests.bench.stack import Stack, await_http, end, free_port, granian, live
from tests.bench.world import Shop, buy

REQUESTS = 100_000
WARM, STREAMS = 50, 450
MB, KB = 1e6, 1e3


def rows(stack: Stack, shop: Shop) -> Iterator[Row]:
    mixed = requests_of(shop)  # buys first: the stock of the price list has nothing that the sandbox sells
    prices.stock(stack)
    yield Row(
        "M1", f"web worker after {REQUESTS:,} requests", worker(shop, mixed), 140, False, "MB", "resident"
    )
    yield Row("M1", "an open stream", stream(shop), 60, False, "KB", f"of {STREAMS}")


def worker(shop: Shop, mixed: list[str]) -> float:
    """The larger of two fresh workers. Nine polls to one 304, balance, history page and price of a pair each,
    then both whole lists.
    """
    port = free_port()
    server = granian("portal.wsgi:application", port)
    try:
        await_http(port, "/healthz")
        load.fire(Plan(port, 16, 600, mixed, requests_in_all=REQUESTS)).only(200, 304)
        for wanted in ("services", "countries"):
            whole = prices.asked(shop, wanted, **{"Accept-Encoding": "gzip"})
            load.fire(Plan(port, 8, 60, [whole], requests_in_all=64)).only(200)
        return max(child.memory_info().rss for child in psutil.Process(server.pid).children()) / MB
    finally:
        end([server])


def requests_of(shop: Shop) -> list[str]:
    seldom = [
        prices.asked(shop, **{"If-None-Match": "*"}),
        shop.call("GET", "/m/customers/activation/history?limit=100"),
        shop.call("GET", "/m/prices/services/telegram/countries/us"),
    ]
    made = []
    for number, customer in enumerate(shop.customers):
        own = f"/a/customer/{customer.external_id}"
        made += [shop.call("GET", f"{own}/activation/{buy(customer)}")] * 9
        made += [shop.call("GET", f"{own}/balance"), seldom[number % len(seldom)]]
    return made


def stream(shop: Shop) -> float:
    """Resident memory of the server of streams, by how much it grows with each."""
    port = free_port()
    server = live(port)
    customer = shop.customers[0]
    cookie = f"{settings.SESSION_COOKIE_NAME}={signed_in(customer)}"
    asked = http("GET", "/events/", host=f"{shop.tenant.slug}.localhost", headers={"Cookie": cookie})
    process = psutil.Process(server.pid)
    try:
        await_http(port, "/healthz")
        with ExitStack() as opened:
            for _ in range(WARM):
                opened.enter_context(listening(port, asked))
            before = process.memory_info().rss
            for _ in range(STREAMS):
                opened.enter_context(listening(port, asked))
            return (process.memory_info().rss - before) / STREAMS / KB
    finally:
        end([server])


def listening(port: int, asked: str) -> socket.socket:
    """A connection whose stream has begun."""
    line = socket.create_connection(("127.0.0.1", port), timeout=30)
    line.sendall(asked.encode("latin-1"))
    heard = b""
    while b"retry:" not in heard:
        if not (more := line.recv(4096)):
            raise SystemExit(f"no stream: {heard[:60]!r}")
        heard += more
    return line
