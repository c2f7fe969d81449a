"""The stream of hints to browsers (`/events/`), as an ASGI application.

A hint names an activation or rental that changed; the page then fetches the card by itself. Lost hints cost
nothing, because pages also poll. All streams of a process share one Redis connection; while Redis is away
they stay open and silent. A stream asks every minute whether its session still counts, and ends after some
minutes, whereupon the browser comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, parse_cookie

from accounts.middleware import TenantMiddleware
from activations.hints import channel_of
from portal.hub import WAITING_HINTS, Hints, Hub

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BEAT_SECONDS = 20.0
CHECK_EVERY_BEATS = 3
BEATS = (12, 18)  # a stream lives between so many, so that browsers do not all come back at once
RETRY = b"retry: 3000\n\n"
PUBLIC_ID = re.compile(rb"[0-9a-f]{24}|rnt_[a-z0-9]{12}")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

hub = Hub()
_lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="who-listens")
_sessions = import_module(settings.SESSION_ENGINE)


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """One stream. 204 tells a browser's EventSource to stop asking: no customer is signed in here."""
    if scope["method"] != "GET":
        return await _refuse(send, 405)
    try:
        channel = await _in_thread(channel_for, scope["headers"])
    except Error:
        return await _refuse(send, 503)
    if channel is None:
        return await _refuse(send, 204)
    hints: Hints = asyncio.Queue(maxsize=WAITING_HINTS)
    watch = asyncio.create_task(_watch(receive, hints))
    await hub.join(channel, hints)
    try:
        await _stream(scope, send, channel, hints)
    finally:
        watch.cancel()
        await hub.leave(channel, hints)
    return None


async def _stream(scope: Message, send: Send, channel: str, hints: Hints) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await _write(send, RETRY)
    beats, longest = 0, random.randint(*BEATS)  # noqa: S311
    while beats < longest:
        try:
            hint = await asyncio.wait_for(hints.get(), BEAT_SECONDS)
        except TimeoutError:
            beats += 1
            if beats % CHECK_EVERY_BEATS == 0 and not await _still_counts(scope, channel):
                break
            await _write(send, b": still here\n\n")
            continue
        if hint is None:
            return
        if PUBLIC_ID.fullmatch(hint):
            await _write(send, b"event: sms\ndata: " + hint + b"\n\n")
    await send({"type": "http.response.body", "body": b""})


async def _watch(receive: Receive, hints: Hints) -> None:
    """Wait for the browser to leave, then wake the stream."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if hints.full():
        hints.get_nowait()
    hints.put_nowait(None)


async def _still_counts(scope: Message, channel: str) -> bool:
    with contextlib.suppress(Error):  # the database is away: the stream tells nothing secret, let it be
        return bool(await _in_thread(channel_for, scope["headers"]) == channel)
    return True


async def _in_thread(work: Callable[[Any], str | None], headers: Any) -> str | None:
    return await asyncio.get_running_loop().run_in_executor(_lookups, work, headers)


def channel_for(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The channel of the customer whom host and session name, by the rules of the pages (T4); or None."""
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    request = HttpRequest()
    request.META["HTTP_HOST"] = named.get("host", "")
    request.path = request.path_info = "/events/"
    request.COOKIES = parse_cookie(named.get("cookie", ""))
    request.session = _sessions.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    found: list[str] = []

    def look(seen: Any) -> HttpResponse:
        customer = getattr(seen.user, "customer", None) if seen.user.is_authenticated else None
        if customer is not None and customer.tenant_id == seen.tenant.pk:
            found.append(channel_of(tenant_id=customer.tenant_id, customer_id=customer.pk))
        return HttpResponse()

    try:
        TenantMiddleware(look)(request)
    except DisallowedHost:
        return None
    finally:
        connections.close_all()
    return found[0] if found else None


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send, status: int) -> None:
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"cache-control", b"no-store")]}
    )
    await send({"type": "http.response.body", "body": b""})
