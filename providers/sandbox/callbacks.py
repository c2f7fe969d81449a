"""Callbacks of the sandbox: POST with `X-Sandbox-Id`, `-Timestamp` and `-Signature`, tried a few times.

The signature is hex HMAC-SHA256 with the account's API key over `id.timestamp.body`.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import defaultdict
from urllib.parse import urlsplit

import orjson

from providers.sandbox.books import Account, Lease

WAITS_SECONDS = (0, 1, 3, 10)
ANSWER_SECONDS = 10.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    return hmac.digest(key, b"%s.%d." % (message_id.encode(), timestamp) + body, "sha256").hex()


class Callbacks:
    """Sends on kept connections, in the order of the messages of one moment, not across tries."""

    def __init__(self) -> None:
        self.idle: dict[str, list[Stream]] = defaultdict(list)
        self.tasks: set[asyncio.Task[None]] = set()

    def push(self, account: Account, lease: Lease, status: object) -> None:
        """Schedule the callback of a lease that asked for one, or whose account has an address for all."""
        url = lease.callback_url or account.settings.callback_url
        if not url or not account.settings.callbacks:
            return
        fault = account.take_fault("callback") if account.faults else None
        if fault is not None and fault.kind in ("lost", "silent"):
            return
        body = self.body(account, lease, status)
        for _ in range(2 if fault is not None and fault.kind == "doubled" else 1):
            task = asyncio.get_running_loop().create_task(self._deliver(account, url, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def body(self, account: Account, lease: Lease, status: object) -> bytes:
        return orjson.dumps({"id": str(lease.id), "ref": lease.ref, **dict(status)})  # type: ignore[call-overload]

    def headers(self, account: Account, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return {
            "X-Sandbox-Id": message_id,
            "X-Sandbox-Timestamp": str(timestamp),
            "X-Sandbox-Signature": sign(account.key, message_id, timestamp, body),
        }

    def taken(self, account: Account, body: bytes) -> None:
        """Called when a callback was answered with success."""

    async def _deliver(self, account: Account, url: str, body: bytes) -> None:
        message_id = secrets.token_hex(12)
        for wait in WAITS_SECONDS:
            await asyncio.sleep(wait)
            headers = self.headers(account, message_id, int(time.time()), body)
            try:
                if await asyncio.wait_for(self._post(url, headers, body), ANSWER_SECONDS) < 300:
                    self.taken(account, body)
                    return
            except (OSError, ValueError, EOFError, TimeoutError):
                continue

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        address = urlsplit(url)
        stream = self.idle[address.netloc].pop() if self.idle[address.netloc] else None
        if stream is None or stream[1].is_closing():
            stream = await asyncio.open_connection(address.hostname, address.port or 80)
        reader, writer = stream
        lines = [
            f"POST {address.path or '/'} HTTP/1.1",
            f"Host: {address.netloc}",
            "Content-Type: application/json",
        ]
        lines += [
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode() + body)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("\r\ncontent-length:")[2].partition("\r\n")[0].strip()
            if length.isdecimal() and "\r\nconnection: close" not in head:
                await reader.readexactly(int(length))
                self.idle[address.netloc].append(stream)
            else:
                writer.close()
        except BaseException:
            writer.close()
            raise
        return int(head.split(" ", 2)[1])
