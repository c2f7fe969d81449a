"""The sandbox as a process: routes of its protocol and of its control, on one port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson

from providers.sandbox import rentals
from providers.sandbox.actions import ACTIONS as ORDER_ACTIONS
from providers.sandbox.books import Account, Books, Settings
from providers.sandbox.callbacks import Callbacks
from providers.sandbox.control import Control, Unknown
from providers.sandbox.faults import play
from providers.sandbox.http import Connection, Late, Outcome, error, reply

BAD_KEY = error(401, "bad_key")
NOTHING_HERE = error(404, "nothing_here")
ACTIONS = ORDER_ACTIONS | rentals.ACTIONS
ROUTES = {
    (b"POST", b"/v1/orders"): "order",
    (b"GET", b"/v1/orders"): "list",
    (b"GET", b"/v1/balance"): "balance",
    (b"GET", b"/v1/catalogue"): "catalogue",
    (b"GET", b"/v1/prices"): "prices",
    (b"POST", b"/v1/rentals"): "rent",
    (b"GET", b"/v1/rentals"): "rental_list",
    (b"GET", b"/v1/rental_prices"): "rental_prices",
}
ORDER_ROUTES = {
    (b"GET", b""): "status",
    (b"POST", b"cancel"): "cancel",
    (b"POST", b"retry"): "retry",
    (b"POST", b"finish"): "finish",
    (b"POST", b"report"): "report",
}
RENTAL_ROUTES = {
    (b"GET", b""): "rental_status",
    (b"POST", b"extend"): "extend",
    (b"POST", b"cancel"): "rental_cancel",
    (b"POST", b"finish"): "rental_finish",
}


class Sandbox:
    """A provider. `await start()` opens the port; `port` 0 takes a free one, `address` tells which."""

    def __init__(self, *, journal: Path | None = None, defaults: Settings | None = None) -> None:
        self.books = Books(journal=journal, defaults=defaults)
        self.callbacks = self.make_callbacks()
        self.control = Control(self.books, self.callbacks.push)
        self.connections: set[Connection] = set()
        self.server: asyncio.Server | None = None

    def make_callbacks(self) -> Callbacks:
        return Callbacks()

    def make_connection(self) -> Connection:
        return Connection(self.answer, self.connections)

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> str:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.make_connection, host, port, backlog=1_024)
        return f"http://{host}:{self.server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        for task in list(self.callbacks.tasks):
            task.cancel()
        self.books.close()

    def answer(self, method: bytes, path: bytes, key: bytes, body: bytes) -> Outcome:
        """The outcome of one request (called by the connections)."""
        account = self.books.account(key)
        if account is None:
            return BAD_KEY
        action, lease_id = _route(method, path)
        if not action:
            return self._controlled(account, path, body)
        account.calls[action] += 1
        if not account.faults and not account.settings.delay_seconds:
            return ACTIONS[action](self.books, account, lease_id, body, None)
        return self._troubled(account, action, lease_id, body)

    def _troubled(self, account: Account, action: str, lease_id: int, body: bytes) -> Outcome:
        fault = account.take_fault(action)

        def run() -> bytes:
            return ACTIONS[action](self.books, account, lease_id, body, fault)

        outcome = run() if fault is None else play(fault, run)
        delay = account.settings.delay_seconds
        if delay and isinstance(outcome, bytes):
            return Late(delay, outcome)
        return outcome

    def _controlled(self, account: Account, path: bytes, body: bytes) -> Outcome:
        name = path.removeprefix(b"/control/").decode("latin-1")
        call = {
            "sms": self.control.sms,
            "fault": self.control.fault,
            "heal": self.control.heal,
            "settings": self.control.settings,
            "stock": self.control.stock,
            "state": self.control.state,
            "callback": self.control.repeat_callback,
            "books": self.control.books_of,
        }.get(name)
        if call is None or not path.startswith(b"/control/"):
            return NOTHING_HERE
        try:
            return reply(call(account, orjson.loads(body) if body else {}))
        except Unknown as unknown:
            return error(404, "unknown", text=str(unknown))
        except (KeyError, ValueError, TypeError) as slip:
            return error(400, "bad_request", text=str(slip))


def _route(method: bytes, path: bytes) -> tuple[str, int]:
    for start, routes in ((b"/v1/orders/", ORDER_ROUTES), (b"/v1/rentals/", RENTAL_ROUTES)):
        if path.startswith(start):
            which, _, verb = path[len(start) :].partition(b"/")
            if which.isdigit() and len(which) < 19:
                return routes.get((method, verb), ""), int(which)
    return ROUTES.get((method, path), ""), 0
