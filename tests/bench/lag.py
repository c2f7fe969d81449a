"""S2, S3: how long after an SMS came to the provider its readers see it, pushed or found by checks."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from importlib import import_module
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection
from django.utils import timezone

from accounts.models import Customer
from accounts.services import create_login
from activations.models import Activation
from providers.models import Provider
from tests.bench.cpu import Meter
from tests.bench.report import Row
from tests.bench.stack import RECEIVER, WORKING, Stack, working
from tests.bench.world import SANDBOX_KEY, Shop, control, fill, gather_statistics
from webhooks.services.endpoints import create_endpoint

READERS = 100  # customers, each with an open page
A_SECOND, WARM, PUSHED = 50, 50, 500
FOUND_A_SECOND, FOUND = 20, 300
FEW, MANY = 500, 10_000
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 60.0
SIGHTS = (("get", "GET", 100), ("browser", "browser has the new card", 300), ("webhook", "webhook", 1_000))
EVENT = "customer.activation.updated"


def rows(stack: Stack, shop: Shop) -> Iterator[Row]:
    provider = Provider.objects.get(public_no=1)
    fill(stack, shop, WARM + PUSHED + FOUND + FEW)
    create_endpoint(
        tenant=shop.tenant, customer=None, url=f"http://127.0.0.1:{RECEIVER}/", event_types=[EVENT]
    )
    with working(stack) as live:
        yield from pushed(stack, shop, provider, live)
        yield from polled(stack, shop, provider, FEW)
    fill(stack, shop, MANY)
    gather_statistics()
    with working(stack):
        yield from polled(stack, shop, provider, MANY)


def pushed(stack: Stack, shop: Shop, provider: Provider, live: int) -> Iterator[Row]:
    """Callbacks at 50 a second; each number is polled from the moment its SMS is sent."""
    address = f"http://127.0.0.1:{stack.web}/callbacks/{provider.callback_token}/"
    control(stack, "settings", callbacks=True, callback_url=address)
    witness, meter = Witness(stack, shop, live), Meter(*stack.portal_pids, *stack.pids(*WORKING))
    began = time.perf_counter()
    seen = asyncio.run(witness.watch(waiting(shop)[: WARM + PUSHED]))
    cores = meter.seconds() / (time.perf_counter() - began)
    control(stack, "settings", callbacks=False)
    bare = quantile(seen["bare"], 0.95)
    for who, what, goal in SIGHTS:
        note = f"p50 {quantile(seen[who], 0.5):.0f} ms; a bare view {bare:.0f} ms, {cores:.2f} cores used"
        yield Row("S2", f"SMS pushed: {what}, p95", quantile(seen[who], 0.95), goal, False, "ms", note)


def polled(stack: Stack, shop: Shop, provider: Provider, open_now: int) -> Iterator[Row]:
    """SMS that no callback tells of, of `open_now` open numbers."""
    control(stack, "settings", callbacks=False)
    lags = asyncio.run(find(stack, waiting(shop)[:FOUND]))
    found, goal = quantile(lags, 0.95), 1000 * provider.check_seconds + 500
    note = f"checked every {provider.check_seconds} s"
    yield Row("S3", f"SMS found among {open_now:,} open numbers, p95", found, goal, False, "ms", note)


def waiting(shop: Shop) -> list[tuple[str, str, str]]:
    """Hex id, the provider's id and the customer's id of numbers without a message, customers in turn."""
    found = Activation.objects.filter(
        tenant=shop.tenant, lease_state="leased", activation_status="active", sms_status="smsRequested"
    )
    return list(found.order_by("created_at").values_list("hex_id", "upstream_ref", "customer__external_id"))


def quantile(lags: list[float], share: float) -> float:
    """Milliseconds."""
    return 1000 * sorted(lags)[int(len(lags) * share)]


class Witness:
    """Sends SMS and notes when a poll, an open page and a receiver of webhooks have each."""

    def __init__(self, stack: Stack, shop: Shop, live: int) -> None:
        self.stack, self.shop = stack, shop
        self.host = f"{shop.tenant.slug}.localhost"
        self.pages, self.events = f"http://127.0.0.1:{stack.web}", f"http://127.0.0.1:{live}/events/"
        self.cookies = {customer.external_id: signed_in(customer) for customer in shop.customers}
        self.sent: dict[str, float] = {}
        self.lags: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.tasks: set[asyncio.Task[None]] = set()
        self.listening = 0

    async def watch(self, numbers: list[tuple[str, str, str]]) -> dict[str, list[float]]:
        """Lags in seconds by who saw them: one for each number, or the bench ends here."""
        limits = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=limits, headers={"Host": self.host}) as self.http:
            receiver = await self.receive()
            for cookie in self.cookies.values():
                self.begin(self.listen(cookie))
            await until(lambda: self.listening == len(self.cookies), "streams")
            self.begin(self.look_at_bare())
            for hex_id, lease, customer in numbers:
                self.begin(self.send(hex_id, lease, customer))
                await asyncio.sleep(1 / A_SECOND)
            for who in ("get", "browser", "webhook"):
                await until(lambda who=who: len(self.lags[who]) == len(numbers), who)
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await receiver.cleanup()
        for hex_id, _, _ in numbers[:WARM]:
            for who, _, _ in SIGHTS:
                del self.lags[who][hex_id]
        return {who: list(lags.values()) for who, lags in self.lags.items()}

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    def note(self, who: str, hex_id: str) -> None:
        if hex_id in self.sent:
            self.lags[who].setdefault(hex_id, time.perf_counter() - self.sent[hex_id])

    async def send(self, hex_id: str, lease: str, customer: str) -> None:
        self.sent[hex_id] = time.perf_counter()
        await say(self.http, self.stack, lease)
        path = f"/api/v1/retail/a/customer/{customer}/activation/{hex_id}"
        while hex_id not in self.lags["get"]:
            async with self.http.get(self.pages + path, headers={"X-Api-Key": self.shop.key}) as answer:
                if (await answer.json())["sms_code"]:
                    self.note("get", hex_id)

    async def look_at_bare(self) -> None:
        """What a request that does nothing takes meanwhile: how crowded the machine is."""
        for number in count():
            began = time.perf_counter()
            async with self.http.get(f"http://127.0.0.1:{self.stack.yardstick}/bare") as answer:
                await answer.read()
            self.lags["bare"][str(number)] = time.perf_counter() - began
            await asyncio.sleep(LOOK_SECONDS)

    async def listen(self, cookie: str) -> None:
        """An open page: a hint makes it fetch the card that the hint names."""
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        forever = aiohttp.ClientTimeout(total=None)
        async with self.http.get(self.events, headers=headers, timeout=forever) as stream:
            if stream.status != 200:
                raise SystemExit(f"a stream answered {stream.status}")
            self.listening += 1
            async for line in stream.content:
                if line.startswith(b"data: "):
                    hex_id = line[6:].strip().decode()
                    async with self.http.get(f"{self.pages}/numbers/{hex_id}/card/", headers=headers) as card:
                        await card.read()
                    self.note("browser", hex_id)

    async def receive(self) -> web.AppRunner:
        async def take(request: web.Request) -> web.Response:
            self.note("webhook", json.loads(await request.read())["data"]["activation_id"])
            return web.Response()

        application = web.Application()
        application.router.add_post("/", take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", RECEIVER).start()
        return runner


async def find(stack: Stack, numbers: list[tuple[str, str, str]]) -> list[float]:
    """Send SMS and look into the database, every 20 ms, for when they can be seen; lags in seconds."""
    sent: dict[str, float] = {}
    lags: list[float] = []
    async with aiohttp.ClientSession() as http:

        async def send_all() -> None:
            for hex_id, lease, _ in numbers:
                sent[hex_id] = time.perf_counter()
                await say(http, stack, lease)
                await asyncio.sleep(1 / FOUND_A_SECOND)

        sending = asyncio.create_task(send_all())
        deadline = time.monotonic() + PATIENCE_SECONDS + len(numbers) / FOUND_A_SECOND
        while len(lags) < len(numbers):
            for hex_id in await asyncio.to_thread(have_codes, list(sent)):
                lags.append(time.perf_counter() - sent.pop(hex_id))
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(numbers) - len(lags)} messages were not found")
            await asyncio.sleep(LOOK_SECONDS)
        await sending
    return lags


def have_codes(hex_ids: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hex_id FROM activations_activation WHERE hex_id = ANY(%s) AND sms_code IS NOT NULL",
            [hex_ids],
        )
        return [row[0] for row in cursor.fetchall()]


async def say(http: aiohttp.ClientSession, stack: Stack, lease: str) -> None:
    """A message comes for a number at the sandbox."""
    order = {"to": lease, "text": "Your code is 428193", "code": "428193"}
    address = f"http://127.0.0.1:{stack.sandbox}/control/sms"
    headers = {"X-Api-Key": SANDBOX_KEY, "Host": "sandbox"}
    async with http.post(address, json=order, headers=headers) as answer:
        if answer.status != 200:
            raise SystemExit(f"the sandbox answered {answer.status}: {await answer.text()}")


def signed_in(customer: Customer) -> str:
    """The cookie of a customer's session; a login is made for him."""
    if customer.user_id is None:
        email = f"{customer.external_id}@{customer.tenant.slug}.example"
        customer.user = create_login(tenant=customer.tenant, email=email, password="x", is_confirmed=True)
        customer.save(update_fields=["user"])
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(customer.user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = customer.user.get_session_auth_hash()
    session.set_expiry(timezone.timedelta(hours=1))
    session.save()
    return str(session.session_key)


async def until(is_true: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not all {what} came")
        await asyncio.sleep(0.01)
