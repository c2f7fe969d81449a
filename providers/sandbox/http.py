"""HTTP/1.1 as far as the sandbox needs it: one asyncio protocol, keep-alive, bodies of known length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import orjson

REASONS = {
    200: b"OK", 302: b"Found", 400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required",
    403: b"Forbidden", 404: b"Not Found", 409: b"Conflict", 429: b"Too Many Requests",
    500: b"Internal Server Error", 502: b"Bad Gateway", 503: b"Service Unavailable",
}  # fmt: skip
HEAD_MAX_BYTES, BODY_MAX_BYTES = 16_384, 4_194_304


class Late(NamedTuple):
    """An answer that comes later: after `seconds` (None: never). `close` ends the connection with it."""

    seconds: float | None
    payload: bytes
    close: bool = False


Outcome = bytes | Late
# method, path, API key, body
Site = Callable[[bytes, bytes, bytes, bytes], Outcome]


def raw(status: int, body: bytes, kind: str, *, extra: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n"
    return head % (status, REASONS.get(status, b"Other"), kind.encode(), extra, len(body)) + body


def reply(content: object, *, status: int = 200) -> bytes:
    return raw(status, orjson.dumps(content), "application/json")


def error(status: int, word: str, **facts: object) -> bytes:
    """The protocol's refusal: `{"error": word, …}`."""
    return reply({"error": word, **facts}, status=status)


class Connection(asyncio.Protocol):
    """One client. Requests are answered in their order; a late answer holds up only its own connection."""

    def __init__(self, site: Site, connections: set[Connection]) -> None:
        self.site = site
        self.connections = connections
        self.buffer = b""
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        self._work()

    def _work(self) -> None:
        while not self.is_busy and self.buffer:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > HEAD_MAX_BYTES:
                    self.transport.close()
                return
            head = self.buffer[:end]
            low = head.lower()
            length = int(_header(head, low, b"content-length") or 0)
            if length > BODY_MAX_BYTES or b"\r\ntransfer-encoding:" in low:
                self.transport.close()
                return
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self._serve(head, low, body)

    def outcome(self, head: bytes, low: bytes, body: bytes) -> Outcome:
        """What one request gets; `low` is its head in small letters."""
        method, path, _ = head[: head.find(b"\r\n")].split(b" ", 2)
        return self.site(method, path, _header(head, low, b"x-api-key"), body)

    def _serve(self, head: bytes, low: bytes, body: bytes) -> None:
        outcome = self.outcome(head, low, body)
        is_last = b"\r\nconnection: close" in low
        if isinstance(outcome, bytes):
            self.transport.write(outcome)
            if is_last:
                self.transport.close()
            return
        self.is_busy = True
        if outcome.seconds is not None:
            late = outcome._replace(close=outcome.close or is_last)
            asyncio.get_running_loop().call_later(outcome.seconds, self._finish, late)

    def _finish(self, late: Late) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(late.payload)
        self.is_busy = False
        if late.close:
            self.transport.close()
        else:
            self._work()


def _header(head: bytes, low: bytes, name: bytes) -> bytes:
    start = low.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end > 0 else len(head)].strip()
