"""Orders on their way out: they name the portals that they came through, so that one of them can refuse a
circle. Every provider gets the header; those that are no portal do not look at it.
"""

from __future__ import annotations

from dataclasses import replace

from accounts.hops import HEADER, onward
from providers.contract import Call, T
from providers.http.single import send


def as_order(call: Call[T], *, seconds: float | None = None) -> Call[T]:
    """A call that takes or rents a number, with the header; `seconds`: the time that is left for it."""
    timeout = call.timeout_seconds if seconds is None else seconds
    return replace(call, headers={**call.headers, HEADER: onward()}, timeout_seconds=timeout)


def send_order(call: Call[T], *, seconds: float | None = None) -> T:
    """`send` for such a call. Raises as `send` does."""
    return send(as_order(call, seconds=seconds))
