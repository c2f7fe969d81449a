"""Receivers of webhooks: real HTTP servers on loopback, which the operator's exception lets tenants name."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.factories import CustomerFactory, TenantFactory
from webhooks.models import Endpoint
from webhooks.payloads import dialect
from webhooks.signing import new_secret


@dataclass
class Receiver:
    """Answers with `status`, `headers` and `answer` after `delay` seconds and keeps what came."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    answer: bytes = b'{"result":"success"}'
    delay: float = 0.0
    got: list = field(default_factory=list)
    port: int = 0
    connections: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.got]


def serve(receiver, context=None):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            receiver.connections += 1
            super().setup()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(receiver.delay)
            receiver.got.append((dict(self.headers), body))
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def receivers(settings):
    """Start receivers that tenants may name: `receivers(status=…)`."""
    settings.ADDRESS_EXCEPTIONS = []
    running = []

    def start(*, excepted=True, **answers):
        receiver = Receiver(**answers)
        running.append(serve(receiver))
        if excepted:
            settings.ADDRESS_EXCEPTIONS = [*settings.ADDRESS_EXCEPTIONS, f"127.0.0.1:{receiver.port}"]
        return receiver

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(receivers):
    return receivers()


@pytest.fixture
def tenant():
    return TenantFactory(slug="acme", twin=True)


@pytest.fixture
def customer(tenant):
    return CustomerFactory(tenant=tenant, external_id="buyer", balance_micros=5_000_000)


@pytest.fixture
def endpoint(tenant, receiver):
    return make_endpoint(tenant, receiver.url)


def make_endpoint(tenant, url, *, customer=None, event_types=None, **fields):
    endpoint = Endpoint(
        tenant=tenant,
        customer=customer,
        url=url,
        event_types=event_types or dialect().usual_types(is_customer=customer is not None),
        **fields,
    )
    endpoint.secret = new_secret()
    endpoint.save()
    return endpoint
