"""Where single calls go: connections made by urllib3, kept by each thread, and those of guarded calls apart.

A connection belongs to one call at a time: `take` hands it out, only a call that ended well gives it back.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from socket import socket
from ssl import SSLContext
from typing import NamedTuple
from urllib.parse import unquote

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url
from urllib3.util.connection import create_connection
from urllib3.util.ssl_ import create_urllib3_context

from portal import addresses

KEPT_MOST = 64  # of each thread; the one that was used least lately is closed
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


def take(place: Place, *, connect_seconds: float) -> HTTPConnection:
    """A connection to that place for one call, kept or new. Raises HTTPError, OSError, ValueError or
    AddressRefused when there is none to be had.
    """
    kept = _mine.connections.pop(place.origin, None)
    if kept is not None:
        if kept.is_connected:
            return kept
        kept.close()  # the other side closed it, or sent what nobody asked for
    connection = _new(place, connect_seconds)
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


def _new(place: Place, connect_seconds: float) -> HTTPConnection:
    scheme, host, port, is_guarded = place.origin
    if scheme == "http":
        plain = _GuardedPlain if is_guarded else HTTPConnection
        return plain(host, port, timeout=connect_seconds)
    secure = _GuardedSecurely if is_guarded else HTTPSConnection
    return secure(host, port, timeout=connect_seconds, ssl_context=_trust())


class _GuardedPlain(HTTPConnection):
    """Connects to nothing but addresses that were examined just now (W9)."""

    def _new_conn(self) -> socket:
        failure: OSError = OSError("the name leads nowhere")
        for _, address in addresses.resolve(self._dns_host, self.port or 0):
            try:
                return create_connection(
                    (address, self.port or 0), self.timeout, socket_options=self.socket_options
                )
            except OSError as error:
                failure = error
        raise failure


class _GuardedSecurely(_GuardedPlain, HTTPSConnection):
    pass
