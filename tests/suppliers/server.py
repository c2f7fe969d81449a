"""The server: the sandbox's port, with a face for every other protocol."""

import asyncio
import threading
import traceback
from collections import defaultdict
from functools import cache
from urllib.parse import parse_qsl

from providers.sandbox.books import Account, Lease, Settings
from providers.sandbox.callbacks import Callbacks
from providers.sandbox.faults import play
from providers.sandbox.http import Connection, Late, Outcome, raw, reply
from providers.sandbox.server import BAD_KEY, Sandbox
from tests.suppliers.face import ON_THE_WIRE, Desk, Face, Refusal, Request
from tests.suppliers.faces import FACES


class Line(Connection):
    """A connection of which faces see the whole request."""

    def __init__(self, server: "SupplierServer") -> None:
        super().__init__(server.answer, server.connections)
        self.supplier_server = server

    def outcome(self, head: bytes, low: bytes, body: bytes) -> Outcome:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        path, _, query = target.partition("?")
        protocol, _, rest = path[1:].partition("/")
        face = FACES.get(protocol)
        if face is None:
            return super().outcome(head, low, body)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        return self.supplier_server.serve(face, Request(method, f"/{rest}", parameters, headers, body))


class FaceCallbacks(Callbacks):
    """Callbacks in the words of the account's protocol."""

    def __init__(self, server: "SupplierServer") -> None:
        super().__init__()
        self.server = server

    def push(self, account: Account, lease: Lease, status: object) -> None:
        face = self.server.faces.get(account.name)
        if face is None or face.pushes(lease):
            super().push(account, lease, status)

    def body(self, account: Account, lease: Lease, status: object) -> bytes:
        face = self.server.faces.get(account.name)
        if face is None:
            return super().body(account, lease, status)
        return face.callback_body(self.server.desk(face, account), lease)

    def headers(self, account: Account, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        face = self.server.faces.get(account.name)
        if face is None:
            return super().headers(account, message_id, timestamp, body)
        return face.callback_headers(account, message_id, timestamp, body)

    def taken(self, account: Account, body: bytes) -> None:
        self.server.notes[account.name].setdefault("taken", []).append(body)


class SupplierServer(Sandbox):
    """`slips` are tracebacks of requests that a face could not work: the client broke the contract, or the
    face is wrong.
    """

    def __init__(self, **options) -> None:
        self.faces: dict[str, Face] = {}  # by the account's name
        self.notes: defaultdict[str, dict] = defaultdict(dict)
        self.slips: defaultdict[str, list[str]] = defaultdict(list)
        super().__init__(**options)

    def make_connection(self) -> Connection:
        return Line(self)

    def make_callbacks(self) -> Callbacks:
        return FaceCallbacks(self)

    def open(self, face: Face, account: Account) -> Account:
        """An account speaks the protocol in which it was last spoken to."""
        self.faces[account.name] = face
        account.settings.price_step_micros = face.price_step_micros
        account.settings.rents_by_day = face.rents_by_day
        return account

    def desk(self, face: Face, account: Account, request: Request | None = None, action: str = "") -> Desk:
        request = request or Request("", "", {}, {}, b"")
        fault = account.take_fault(action) if action and account.faults else None
        return Desk(face, self.books, account, request, action, fault, self.notes[account.name])

    def serve(self, face: Face, request: Request) -> Outcome:
        """Control calls come below a protocol's path, too: they say what an account speaks."""
        if request.path.startswith("/control/"):
            return self._control(face, request)
        account = self.books.account(face.key(request).encode())
        if account is None:
            return face.refuse(Refusal("bad_key", 401))
        self.open(face, account)
        found = face.find(request)
        if found is None:
            return face.refuse(Refusal("nothing_here", 404))
        action, handle = found
        account.calls[action] += 1
        desk = self.desk(face, account, request, action)

        def run() -> Outcome:
            try:
                return handle(desk)
            except Refusal as refusal:
                return face.refuse(refusal)
            except Exception:  # whatever it was: the test must see it
                self.slips[account.name].append(f"{request}\n{traceback.format_exc()}")
                return raw(500, b"the face slipped", "text/plain")

        fault = desk.fault
        outcome = play(fault, run) if fault and fault.kind in ON_THE_WIRE else run()
        delay = account.settings.delay_seconds
        return Late(delay, outcome) if delay and isinstance(outcome, bytes) else outcome

    def _control(self, face: Face, request: Request) -> Outcome:
        """`taken`: the callbacks that were answered with success since the start, as they were sent."""
        account = self.books.account(request.headers.get("x-api-key", "").encode())
        if account is None:
            return BAD_KEY
        self.open(face, account)
        if request.path == "/control/taken":
            return reply({"taken": [body.decode() for body in self.notes[account.name].get("taken", ())]})
        return self._controlled(account, request.path.encode(), request.body)


class Running:
    """The server on a free port, in a thread with its own event loop."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="suppliers", daemon=True)
        self.thread.start()
        self.sandbox = SupplierServer(defaults=Settings(cancel_lock_seconds=0))
        self.url = asyncio.run_coroutine_threadsafe(self.sandbox.start(), self.loop).result(30)

    def do(self, function, *args):
        """Run a function in the server's thread, where its books may be changed."""

        async def run():
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)


@cache
def running() -> Running:
    """This process's server, started at its first use; it ends with the process."""
    return Running()
