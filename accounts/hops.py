"""Which portals an order has passed, so that none buys from itself through others.

Every order that we send to a provider carries the ids of the installations that it came through, ours last.
An order that comes in with our own id among them is refused, and so is one that passed too many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import structlog

from accounts.models import Installation
from portal import errors

log = structlog.get_logger(__name__)
HEADER = "X-Portal-Hops"
META = "HTTP_X_PORTAL_HOPS"
MOST = 5  # installations that an order may have passed before it comes to us
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LIST = re.compile(rf"\s*{ID}(?:\s*,\s*{ID}){{0,99}}\s*", re.ASCII)
LONGEST = 100 * 40

_given: ContextVar[str] = ContextVar("hops", default="")


@contextmanager
def passing(header: str) -> Iterator[None]:
    """While a request is worked that came with this header."""
    token = _given.set(header)
    try:
        yield
    finally:
        _given.reset(token)


def passed() -> list[str]:
    """The installations that the present request came through, in order. Raises ValidationError."""
    given = _given.get()
    if not given:
        return []
    if len(given) > LONGEST or not LIST.fullmatch(given.lower()):
        raise errors.ValidationError({HEADER: "must be ids of installations with commas between."})
    return [one.strip() for one in given.lower().split(",")]


def check() -> None:
    """Before an order is opened. Raises NoNumbers when it comes from ourselves or passed too many portals."""
    if not _given.get():
        return
    before = passed()
    if installation_id() in before:
        log.warning("order_loop", hops=len(before))
        raise errors.NoNumbers("This order has come back to a portal that it passed before.")
    if len(before) >= MOST:
        log.warning("order_too_far", hops=len(before))
        raise errors.NoNumbers(f"This order has passed {len(before)} portals; {MOST} are the most.")


def onward() -> str:
    """The header of an order that we send on."""
    return ", ".join([*passed(), installation_id()])


@cache
def installation_id() -> str:
    """Drawn once, at the first order, and then kept in the database."""
    installation, _ = Installation.objects.get_or_create(number=1)
    return str(installation.id)
