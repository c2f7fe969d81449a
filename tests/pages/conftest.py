"""A shop with pages: a signed-in customer, services, countries, and a real server for real browsers."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import uvicorn
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from activations.services.checking import check_due
from portal.embedded.places import CHECKOUT
from providers.sandbox.stock import shelves
from tests.activations.conftest import COUNTRY, SERVICE, Shop
from tests.factories import (
    CountryFactory,
    CustomerFactory,
    MemberFactory,
    OfferFactory,
    ServiceFactory,
    UserFactory,
)
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401  (fixtures)

# ruff: noqa: F811

PATIENCE_MS = 60_000  # other tests may need the machine
expect.set_options(timeout=PATIENCE_MS)

SHOTS = CHECKOUT / ".state" / "screenshots"
SERVICES = {
    "whatsapp": "WhatsApp", "telegram": "Telegram", "google": "Google / Gmail / YouTube", "tiktok": "TikTok",
    "instagram": "Instagram / Threads", "discord": "Discord", "amazon": "Amazon",
    "openai": "OpenAI / ChatGPT",
}  # fmt: skip
COUNTRIES = {
    "us": ("United States", "1"), "uk": ("United Kingdom", "44"), "de": ("Germany", "49"),
    "nl": ("Netherlands", "31"), "br": ("Brazil", "55"), "id": ("Indonesia", "62"),
}  # fmt: skip


# The browser's driver has an event loop running in the test's thread, and a sweep needs its own.
SWEEP = ThreadPoolExecutor(1)


class Store(Shop):
    """A Shop whose customer can sign in."""

    def __init__(self, upstream, **fields):
        super().__init__(upstream, **fields)
        self.customer.user = UserFactory(tenant=self.tenant, email="kim@example.com")
        self.customer.save()
        self.host = f"{self.tenant.slug}.localhost"

    def fill(self):
        """Put several services and countries on the shelves."""
        for country, (name, dial) in COUNTRIES.items():
            iso2 = "GB" if country == "uk" else country.upper()
            CountryFactory(id=country, name=name, iso2=iso2, dial_codes=[dial])
        for rank, (service, name) in enumerate(SERVICES.items(), start=1):
            ServiceFactory(id=service, name=name, popular_rank=rank)
            for country in COUNTRIES:
                if (service, country) in shelves() and (service, country) != (SERVICE, COUNTRY):
                    self.stock(service, country)
        return self

    def stock(self, service, country):
        tier = min(shelves()[service, country], key=lambda one: one.cost_micros)
        OfferFactory(
            provider=self.provider, service=ServiceFactory(id=service), country=CountryFactory(id=country),
            cost_micros=tier.cost_micros, upstream_ref=tier.ref, count=tier.count, success_rate=0.9,
        )  # fmt: skip

    def visitor(self):
        """A Django client at this tenant's host."""
        return Client(headers={"host": self.host, "accept": "text/html"})

    def signed_in(self, user=None):
        client = self.visitor()
        client.force_login(user or self.customer.user)
        return client

    def deliver(self, row, text, **facts):
        """An SMS that the next check has found."""
        self.sms(row, text, **facts)
        SWEEP.submit(check_soon).result(20)

    def stranger(self):
        """Another customer of the same tenant, signed in."""
        other = CustomerFactory(tenant=self.tenant, with_login=True, balance_micros=50_000_000)
        return self.signed_in(other.user)


@pytest.fixture
def store(upstream, owner_connection):
    """Its channel is no other test process's: Valkey's channels know no database numbers."""
    owner_connection.execute("SELECT setval('accounts_customer_id_seq', %s)", [secrets.randbelow(2**40) + 1])
    return Store(upstream)


@pytest.fixture(scope="session")
def server():
    """The whole portal on a free port, pages and streams, in a thread; gives the port."""
    limits = {"log_level": "warning", "timeout_graceful_shutdown": 1}
    config = uvicorn.Config("portal.asgi:application", host="127.0.0.1", port=0, **limits)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    thread.join(10)


class Browser:
    """A browser context at the store, with or without script, signed in."""

    def __init__(self, store, port, new_context):
        self.store, self.base, self.new_context = store, f"http://{store.host}:{port}", new_context

    def open(self, path="/", *, signed_in=True, **options):
        context = self.new_context(base_url=self.base, **options)
        if signed_in:
            cookie = self.store.signed_in().cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.base}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path)
        return page


@pytest.fixture
def browsing(store, server, new_context):
    return Browser(store, server, new_context)


@pytest.fixture
def shot():
    """Saves a screenshot where `git` does not look."""

    def save(page, name, **options):
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png", **{"full_page": True, **options})

    return save


def check_soon():
    try:
        check_due(timezone.now() + timedelta(seconds=30))
    finally:
        connections.close_all()


@pytest.fixture
def member_of():
    """Makes a member of a store's tenant; gives the login."""

    def make(store, role="owner"):
        return MemberFactory(tenant=store.tenant, role=role).user

    return make
