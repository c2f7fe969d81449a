"""What both carriers share: the guard on the database, headers, the reading of answers, the log line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from django.conf import settings
from django.db import connections

from providers.contract import BadCredentials, Call, OutcomeUnknown, ProviderError, Refused, Reply, T

CONNECT_SECONDS = 3.0
SLOW_SECONDS = 2.0
PAGES_MAX = 1_000
BASE_HEADERS: Mapping[str, str] = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # an answer's size is its size
    "User-Agent": "portal",
}
MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError)

log = structlog.get_logger(__name__)


class TransactionOpen(RuntimeError):
    """A provider was about to be asked while a database transaction is open: a mistake in our code."""


def let_go_of_database() -> None:
    """Give a pooled connection back before waiting for a provider (B6). Raises TransactionOpen.

    The transaction around a test does not count: the code under test did not open it.
    """
    for connection in connections.all(initialized_only=True):
        if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise TransactionOpen(f"asking a provider while a transaction is open on {connection.alias!r}")
        if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
            connection.close()


def is_guarded(call: Call[Any]) -> bool:
    """Whether the call may go to public addresses only."""
    return call.account is not None and call.account.is_guarded


def read(call: Call[T], reply: Reply) -> T:
    """The adapter's reading of an answer; an answer that it stumbles over is OutcomeUnknown."""
    if 300 <= reply.status < 400:
        raise OutcomeUnknown(f"redirected (HTTP {reply.status})")
    try:
        return call.read(reply)
    except BadCredentials as error:
        error.account = call.account  # its key may have been replaced meanwhile (health.note_failure)
        raise
    except MALFORMED as slip:
        raise OutcomeUnknown(f"unreadable answer ({type(slip).__name__})") from None


def next_page(call: Call[T], reply: Reply) -> Call[T] | None:
    """The call for the page after this one; None: that was the last."""
    try:
        return call.follow(reply) if call.follow else None
    except MALFORMED as slip:
        raise OutcomeUnknown(f"unreadable list ({type(slip).__name__})") from None


def note_call(call: Call[Any], seconds: float, error: ProviderError | None = None) -> None:
    """One log line: address without its query, duration, outcome. Refusals and answers: debug level."""
    if error is None and seconds < SLOW_SECONDS and not settings.DEBUG:
        return
    address = urlsplit(call.url)
    outcome = error.code if error else "answered"
    line = log.debug if error is None or isinstance(error, Refused) else log.warning
    line(
        "provider_call",
        method=call.method,
        host=address.netloc.rpartition("@")[2],
        path=address.path,
        milliseconds=round(seconds * 1_000),
        outcome=outcome,
    )


def body_of(call: Call[Any]) -> bytes | None:
    """The request's body and nothing else: parameters travel in the address."""
    return None if call.json is None else orjson.dumps(call.json)


def headers_of(call: Call[Any]) -> dict[str, str]:
    headers = {**BASE_HEADERS, **call.headers}
    if call.json is not None:
        headers["Content-Type"] = "application/json"
    return headers
