"""Where single calls go: connections made by urllib3, kept by each thread, and those of guarded calls apart.

A connection belongs to one call at a time: `take` hands it out, only a call that ended well gives it back.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from ssl import SSLContext
from typing import NamedTuple
from urllib.parse import unquote

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url
from urllib3.util.connection import allowed_gai_family, create_connection
from urllib3.util.ssl_ import create_urllib3_context

from portal import addresses
from providers.http.common import CONNECT_SECONDS

KEPT_MOST = 64  # of each thread; the one that was used least lately is closed
MOMENT_SECONDS = 0.001
USUAL_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where a call goes. `target` is path and query as they stand in the address, `headers` are what the
    address says besides: the host and perhaps a login.
    """

    origin: tuple[str, str, int, bool]  # scheme, host, port, and whether its calls are guarded
    target: str
    headers: dict[str, str]


@lru_cache(maxsize=1024)
def place_of(url: str, *, is_guarded: bool) -> Place:
    """Most calls go to one of a few addresses; each is taken apart once. Raises ValueError or HTTPError."""
    address = parse_url(url)
    if address.scheme not in USUAL_PORTS or not address.host:
        raise ValueError("no web address")
    usual = USUAL_PORTS[address.scheme]
    port = usual if address.port is None else address.port
    host = address.host.rstrip(".")
    headers = {"Host": host if port == usual else f"{host}:{port}"}
    if address.auth:
        headers |= make_headers(basic_auth=unquote(address.auth))
    origin = (address.scheme, address.host.strip("[]"), port, is_guarded)
    return Place(origin, address.request_uri, headers)


def take(place: Place, *, deadline: float) -> HTTPConnection:
    """A connection to that place for one call, kept or new. Raises HTTPError, OSError, ValueError or
    AddressRefused when there is none to be had until then (of time.monotonic).
    """
    kept = _mine.connections.pop(place.origin, None)
    if kept is not None:
        if kept.is_connected:
            return kept
        kept.close()  # the other side closed it, or sent what nobody asked for
    connection = _new(place)
    connection.deadline = deadline
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def give_back(place: Place, connection: HTTPConnection) -> None:
    """Keep it for this thread's next call to that place."""
    connections = _mine.connections
    connections[place.origin] = connection
    if len(connections) > KEPT_MOST:
        connections.pop(next(iter(connections))).close()


class _Mine(threading.local):
    """What a thread keeps. A context is not shared: OpenSSL reads it while urllib3 writes to it."""

    def __init__(self) -> None:
        self.connections: dict[tuple[str, str, int, bool], HTTPConnection] = {}  # used least lately first
        self.trust: SSLContext | None = None


_mine = _Mine()


def _trust() -> SSLContext:
    """Whose certificates are believed. Reading them takes longer than all the rest of a connection."""
    if _mine.trust is None:
        _mine.trust = create_urllib3_context()
        _mine.trust.load_verify_locations(certifi.where())
    return _mine.trust


def _new(place: Place) -> _Plain:
    scheme, host, port, is_guarded = place.origin
    if scheme == "http":
        return (_GuardedPlain if is_guarded else _Plain)(host, port)
    return (_GuardedSecurely if is_guarded else _Securely)(host, port, ssl_context=_trust())


class _Plain(HTTPConnection):
    """Tries the addresses of a name one after the other, CONNECT_SECONDS each, and all of them, with what a
    secure connection says first, until the call's own time is over (U11).
    """

    deadline = 0.0  # of time.monotonic

    def _new_conn(self) -> socket.socket:
        failure: OSError = OSError("the name leads nowhere")
        for address in self._addresses():
            if time.monotonic() >= self.deadline:
                break
            where = (address, self.port or 0)
            try:
                connection = create_connection(where, self._seconds(), socket_options=self.socket_options)
            except OSError as error:
                failure = error
            else:
                connection.settimeout(self._seconds())
                return connection
        raise failure

    def _addresses(self) -> Iterable[str]:
        found = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        return dict.fromkeys(str(where[0]) for *_, where in found)

    def _seconds(self) -> float:
        """How long the next step may take; never none at all, which a socket would take for no limit."""
        return min(max(self.deadline - time.monotonic(), MOMENT_SECONDS), CONNECT_SECONDS)


class _Securely(_Plain, HTTPSConnection):
    pass


class _GuardedPlain(_Plain):
    """Connects to nothing but addresses that were examined just now (W9)."""

    def _addresses(self) -> Iterable[str]:
        return [address for _, address in addresses.resolve(self._dns_host, self.port or 0)]


class _GuardedSecurely(_GuardedPlain, HTTPSConnection):
    pass
