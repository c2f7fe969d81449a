"""`upstream`: the sandbox provider as a real server on loopback, scripted and read by the test.

The server runs once per process in its own thread; each test has an account of its own. Example:

    def test_something(upstream):
        provider = upstream.provider()                      # a Provider row that speaks to it
        upstream.fault("order", "lost", after=True)         # the next order is allocated, its answer lost
        ...
        upstream.sms(activation.phone, "Your code is 1234")
        assert upstream.calls["order"] == 1
"""

import asyncio
import itertools
import secrets
import threading
from collections import Counter

import pytest

from providers.contract import Account
from providers.models import Provider
from providers.registry import ADAPTERS
from providers.sandbox.books import Settings
from providers.sandbox.faults import KINDS
from providers.sandbox.server import Sandbox

numbers = itertools.count(9_001)


class Server:
    """The sandbox on a free port, in a thread with its own event loop."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="sandbox", daemon=True)
        self.thread.start()
        self.sandbox = Sandbox(defaults=Settings(cancel_lock_seconds=0))
        self.url = asyncio.run_coroutine_threadsafe(self.sandbox.start(), self.loop).result(5)

    def do(self, function, *args):
        """Run a function in the server's thread, where its books may be changed."""

        async def run():
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.sandbox.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


class Upstream:
    """One account at the sandbox: its books, its script, and rows that lead to it."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.key = f"sandbox_test_{secrets.token_hex(12)}"
        self.account = server.do(server.sandbox.books.account, self.key.encode())
        self.allowed = None

    @property
    def calls(self) -> Counter:
        """How often each action was called."""
        return self.account.calls

    @property
    def leases(self):
        """Every lease of this account, the oldest first (providers.sandbox.books.Lease)."""
        return list(self.account.leases.values())

    @property
    def paid_micros(self) -> int:
        """What the provider keeps: charges less refunds."""
        return sum(lease.charged - lease.refunded for lease in self.leases)

    def fault(self, action, kind, *, times=1, after=False, **facts):
        """The next `times` calls (-1: all) of an action go wrong; kinds: providers.sandbox.faults.KINDS."""
        assert kind in KINDS, f"{kind} is not one of {sorted(KINDS)}"
        self.control("fault", action=action, kind=kind, times=times, after=after, **{"with": facts})

    def heal(self):
        self.control("heal")

    def settings(self, **settings):
        """delay_ms, cancel_lock_seconds (0 here), life_seconds, callbacks, balance_micros."""
        self.control("settings", **settings)

    def stock(self, service, country, offer, *, count=None, price_micros=None):
        facts = {"count": count, "price_micros": price_micros}
        self.control(
            "stock",
            service=service,
            country=country,
            offer=offer,
            **{name: value for name, value in facts.items() if value is not None},
        )

    def sms(self, to, text, **facts):
        """A message arrives at a lease (id, our reference or phone); facts: sender, code, late, charge."""
        return self.control("sms", to=str(to), text=text, **facts)

    def state(self, to, state, **facts):
        """A lease changes on the provider's side."""
        self.control("state", to=str(to), state=state, **facts)

    def control(self, name, **order):
        control = self.server.sandbox.control
        call = {"books": control.books_of, "callback": control.repeat_callback}.get(name) or getattr(
            control, name
        )
        return self.server.do(call, self.account, order)

    def only(self, *actions):
        """From now on any other call fails the test at its end."""
        self.allowed = set(actions)
        self.calls.clear()

    def adapter(self, **account):
        return ADAPTERS["sandbox"](Account(base_url=self.url, secret=self.key, **account))

    def provider(self, **fields):
        """A Provider row that leads here (shared pool unless `tenant` is given)."""
        number = next(numbers)
        provider = Provider(
            **{
                "public_no": number,
                "display_name": f"Sandbox {number}",
                "protocol": "sandbox",
                "base_url": self.url,
                "cancel_lock_seconds": 0,
                **fields,
            }
        )
        provider.secret = self.key
        provider.save()
        return provider


@pytest.fixture(scope="session")
def sandbox_server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def upstream(sandbox_server):
    upstream = Upstream(sandbox_server)
    yield upstream
    if upstream.allowed is not None:
        surplus = {action: n for action, n in upstream.calls.items() if action not in upstream.allowed}
        assert not surplus, f"calls that this test did not allow: {surplus}"


@pytest.fixture
def other_upstream(sandbox_server):
    """A second provider, for failover and for keeping accounts apart."""
    return Upstream(sandbox_server)
