"""One call at a time: sent over a kept connection of its thread, with a deadline over the whole exchange.

urllib3 makes the connections (`connections`). Requests are written and answers read without it (`wire`), for
a fourth of the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError

from portal import addresses
from portal.addresses import AddressRefused
from providers.contract import Call, OutcomeUnknown, ProviderError, Reply, T, Unreachable
from providers.http.common import (
    PAGES_MAX,
    body_of,
    headers_of,
    is_guarded,
    let_go_of_database,
    next_page,
    note_call,
    read,
)
from providers.http.connections import Place, give_back, place_of, take
from providers.http.wire import limit, read_answer, write_request
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


def _exchange(call: Call[Any], deadline: float) -> Reply:
    """Sent as it is, and once: no cookies, proxies, redirects or retries."""
    has_left = False
    try:
        if is_guarded(call):
            addresses.check(call.url)
        place = place_of(call.url, is_guarded=is_guarded(call))
        headers = {**place.headers, **headers_of(call)}
        request = write_request(call.method, _target(place, call), headers, body_of(call))
        connection = take(place, deadline=deadline)
        is_kept = False
        try:
            limit(connection.sock, deadline)
            has_left = True
            connection.sock.sendall(request)
            answer = read_answer(connection.sock, deadline, method=call.method, max_bytes=call.max_bytes)
            is_kept = not answer.is_last
        finally:
            if is_kept:
                give_back(place, connection)
            else:
                connection.close()
    except AddressRefused as refusal:
        raise Unreachable(str(refusal)) from None
    except (HTTPError, OSError, ValueError) as error:
        kind = OutcomeUnknown if has_left else Unreachable
        raise kind(type(error).__name__) from None
    return Reply(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


def _target(place: Place, call: Call[Any]) -> str:
    if not call.params:
        return place.target
    return f"{place.target}{'&' if '?' in place.target else '?'}{urlencode(call.params)}"
