"""Scripted misbehaviour: what the next calls of an action get instead of, or on top of, the true answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.http import Late, Outcome, error, raw, reply

Run = Callable[[], bytes]


@dataclass(slots=True)
class Fault:
    """One script line. `times` calls get it (negative: all); `after`: the action is done nevertheless."""

    action: str  # a name of actions.ACTIONS or rentals.ACTIONS, callback or *
    kind: str
    times: int = 1
    after: bool = False
    with_: dict[str, Any] = field(default_factory=dict)


def play(fault: Fault, run: Run) -> Outcome:
    """The outcome of a call under a fault; `run` does the action and returns its true answer."""
    return KINDS[fault.kind](fault, run)


def late(fault: Fault, run: Run) -> Outcome:
    """Done at once, answered after `seconds`."""
    return Late(float(fault.with_.get("seconds", 1)), run())


def lost(fault: Fault, run: Run) -> Outcome:
    """No answer: the connection is closed, or (`hang`) left open. `after` decides whether it was done."""
    if fault.after:
        run()
    return Late(None if fault.with_.get("hang") else 0.0, b"", close=True)


def doubled(fault: Fault, run: Run) -> Outcome:
    """Done twice, answered once."""
    first = run()
    run()
    return first


def html(fault: Fault, run: Run) -> Outcome:
    if fault.after:
        run()
    page = b"<!doctype html><html><title>Please wait</title><body>Checking your browser</body></html>"
    return raw(int(fault.with_.get("status", 200)), page, "text/html; charset=utf-8")


def cut(fault: Fault, run: Run) -> Outcome:
    """The true answer, broken off: as a whole HTTP message, or (`short`) with a too early end."""
    head, _, body = run().partition(b"\r\n\r\n")
    half = body[: len(body) // 2]
    if fault.with_.get("short"):
        return Late(0.0, head + b"\r\n\r\n" + half, close=True)
    return raw(200, half, "application/json")


def garbage(fault: Fault, run: Run) -> Outcome:
    """`text` that nobody expects, with `status` (200)."""
    if fault.after:
        run()
    text = str(fault.with_.get("text", "Internal error: try later"))
    return raw(int(fault.with_.get("status", 200)), text.encode(), "text/plain")


def mistyped(fault: Fault, run: Run) -> Outcome:
    """The true answer under another content type (`type`)."""
    head, _, body = run().partition(b"\r\n\r\n")
    return raw(int(head[9:12]), body, str(fault.with_.get("type", "text/html; charset=utf-8")))


def huge(fault: Fault, run: Run) -> Outcome:
    if fault.after:
        run()
    return raw(200, b"[" + b"0," * int(fault.with_.get("bytes", 20_000_000) / 2) + b"0]", "application/json")


def redirect(fault: Fault, run: Run) -> Outcome:
    if fault.after:
        run()
    return raw(302, b"", "text/plain", extra=b"Location: http://127.0.0.1:9/elsewhere\r\n")


def refuse(fault: Fault, run: Run) -> Outcome:
    """A refusal in the protocol's own form: `word`, `status` and what else is given (`until`, `at`)."""
    if fault.after:
        run()
    word, status = REFUSALS.get(fault.kind, (fault.with_.get("word", "out_of_order"), 400))
    facts = {name: value for name, value in fault.with_.items() if name not in ("word", "status")}
    return error(int(fault.with_.get("status") or status), word, **facts)


def silent(fault: Fault, run: Run) -> Outcome:
    """The call is answered as if nothing were known: a status waits, a list is empty."""
    is_list = fault.action in ("list", "rental_list")
    return reply({"columns": [], "rows": []} if is_list else {"s": "waiting"})


def backwards(fault: Fault, run: Run) -> Outcome:
    """A status that contradicts what was said before: `state` (default canceled), no messages."""
    return reply({"s": fault.with_.get("state", "canceled")})


def truth(fault: Fault, run: Run) -> Outcome:
    """Nothing happens here; the action itself looks at the fault (wrong_price, old_id, old_phone)."""
    return run()


REFUSALS = {
    "banned": ("banned", 403),
    "throttled": ("throttled", 429),
    "bad_key": ("bad_key", 401),
    "no_balance": ("no_balance", 402),
    "out_of_stock": ("out_of_stock", 404),
    "price_too_low": ("price_too_low", 409),
    "too_early": ("too_early", 409),
    "wrong_state": ("wrong_state", 409),
    "unknown_order": ("unknown_order", 404),
    "unknown_service": ("unknown_service", 404),
}
KINDS: dict[str, Callable[[Fault, Run], Outcome]] = {
    "late": late,
    "lost": lost,
    "doubled": doubled,
    "html": html,
    "cut": cut,
    "garbage": garbage,
    "mistyped": mistyped,
    "huge": huge,
    "redirect": redirect,
    "refuse": refuse,
    "silent": silent,
    "backwards": backwards,
    "wrong_price": truth,
    "old_id": truth,
    "old_phone": truth,
    **dict.fromkeys(REFUSALS, refuse),
}
