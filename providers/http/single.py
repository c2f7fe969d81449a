"""One call at a time with urllib3: kept connections per thread, a deadline over the whole exchange.

urllib3 alone: requests on top of it doubles what a call costs and adds nothing that is wanted here.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from http.client import HTTPResponse
from socket import socket
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

import certifi
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, make_headers, parse_url
from urllib3.util.connection import create_connection

from portal import addresses
from portal.addresses import AddressRefused
from providers.contract import Call, OutcomeUnknown, ProviderError, Reply, T, Unreachable
from providers.http.common import (
    CONNECT_SECONDS,
    PAGES_MAX,
    body_of,
    headers_of,
    is_guarded,
    let_go_of_database,
    next_page,
    note_call,
    read,
)
from providers.traffic import note_traffic


def send(call: Call[T]) -> T:
    """Send one call and read its answer. Raises only Refused, Unreachable or OutcomeUnknown."""
    return _ask(call)[0]


def send_all(call: Call[Sequence[T]]) -> Sequence[T]:
    """Everything in a list: its call's answer and the pages that follow it. Raises as `send` does."""
    items: list[T] = []
    for _ in range(PAGES_MAX):
        found, reply = _ask(call)
        items.extend(found)
        following = next_page(call, reply)
        if following is None:
            return items
        call = following
    raise OutcomeUnknown("the list does not end")


def _ask(call: Call[T]) -> tuple[T, Reply]:
    let_go_of_database()
    started, status = time.monotonic(), 0
    try:
        reply = _exchange(call, started + call.timeout_seconds)
        status = reply.status
        result = read(call, reply)
    except ProviderError as error:
        seconds = time.monotonic() - started
        note_call(call, seconds, error)
        note_traffic(call, seconds, status=status, error=error)
        raise
    seconds = time.monotonic() - started
    note_call(call, seconds)
    note_traffic(call, seconds, status=status)
    return result, reply


class _Flight(threading.local):
    """What is known of the call that this thread is making."""

    deadline = 0.0
    never_sent = False
    pools: PoolManager | None = None
    guarded_pools: PoolManager | None = None


_flight = _Flight()


class _TimedStream(io.RawIOBase):
    """Reads a socket until the deadline of the thread's call, however slowly the bytes drip."""

    def __init__(self, sock: socket) -> None:
        self.sock = sock
        self.raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _flight.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self.sock.settimeout(left)
        return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedStream(sock))


class _Noting(HTTPConnection):
    """Notes when a request begins to leave: a call that failed before never reached anybody."""

    response_class = _TimedResponse

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _flight.never_sent = False
        super().send(data)


class _NotingSecurely(_Noting, HTTPSConnection):
    pass


class _Guarded(HTTPConnection):
    """Connects to nothing but addresses that were examined just now (W9)."""

    def _new_conn(self) -> socket:
        failure: OSError = OSError("the name leads nowhere")
        for _, address in addresses.resolve(self._dns_host, self.port or 0):
            try:
                return create_connection((address, self.port or 0), self.timeout)
            except OSError as error:
                failure = error
        raise failure


class _GuardedPlain(_Guarded, _Noting):
    pass


class _GuardedSecurely(_Guarded, _NotingSecurely):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Noting


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _NotingSecurely


class _GuardedPlainPool(HTTPConnectionPool):
    ConnectionCls = _GuardedPlain


class _GuardedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecurely


OPEN_POOLS = {"http": _PlainPool, "https": _SecurePool}
GUARDED_POOLS = {"http": _GuardedPlainPool, "https": _GuardedSecurePool}


def _pools(*, is_guarded: bool) -> PoolManager:
    """This thread's kept connections; those of guarded calls are apart."""
    pools = _flight.guarded_pools if is_guarded else _flight.pools
    if pools is None:
        pools = PoolManager(64, maxsize=2, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())
        pools.pool_classes_by_scheme = GUARDED_POOLS if is_guarded else OPEN_POOLS
        if is_guarded:
            _flight.guarded_pools = pools
        else:
            _flight.pools = pools
    return pools


class _Place(NamedTuple):
    """Where a call goes. `target` is path and query as they stand in the address."""

    scheme: str
    host: str
    port: int | None
    target: str
    headers: dict[str, str]


@lru_cache(maxsize=1024)
def _place(url: str) -> _Place:
    """Most calls go to one of a few addresses; each is taken apart once. Raises ValueError or HTTPError."""
    address = parse_url(url)
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError("no web address")
    headers = make_headers(basic_auth=unquote(address.auth)) if address.auth else {}
    return _Place(address.scheme, address.host, address.port, address.request_uri, headers)


def _exchange(call: Call[Any], deadline: float) -> Reply:
    """Sent as it is: no cookies, proxies, redirects or retries."""
    _flight.deadline, _flight.never_sent = deadline, True
    try:
        if is_guarded(call):
            addresses.check(call.url)
        place = _place(call.url)
        pools = _pools(is_guarded=is_guarded(call))
        pool = pools.connection_from_host(place.host, place.port, place.scheme)
        response = pool.urlopen(
            call.method,
            _target(place, call),
            body_of(call),
            {**place.headers, **headers_of(call)},
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=min(CONNECT_SECONDS, call.timeout_seconds), read=call.timeout_seconds),
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _body(response, call.max_bytes)
        finally:
            response.release_conn()
    except AddressRefused as refusal:
        raise Unreachable(str(refusal)) from None
    except (HTTPError, OSError, ValueError) as error:
        kind = Unreachable if _flight.never_sent else OutcomeUnknown
        raise kind(type(error).__name__) from None
    return Reply(response.status, body.decode("utf-8", "replace"), response.headers)


def _target(place: _Place, call: Call[Any]) -> str:
    if not call.params:
        return place.target
    return f"{place.target}{'&' if '?' in place.target else '?'}{urlencode(call.params)}"


def _body(raw: Any, max_bytes: int) -> bytes:
    """The whole body. Raises OutcomeUnknown (and drops the connection) when it is too long or packed."""
    body = b""
    while piece := raw.read(max_bytes + 1 - len(body), decode_content=False):
        body += piece  # an end that comes before the announced length raises
    if len(body) > max_bytes or raw.headers.get("Content-Encoding", "identity") != "identity":
        raw.close()
        raise OutcomeUnknown("the answer is too long or packed")
    return body
