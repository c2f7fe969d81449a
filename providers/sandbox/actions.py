"""What the sandbox does for a buyer's program, one function per action of its protocol .

Every request carries `X-Api-Key`. Money is integer micro-USD, time Unix seconds. A refusal is
`{"error": word, …}` with a 4xx status.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from providers.canonical import ANY_SERVICE
from providers.sandbox.books import OPEN_STATES, Account, Books, Lease
from providers.sandbox.faults import Fault
from providers.sandbox.http import error, reply
from providers.sandbox.stock import Tier, shelves, sold_countries, sold_services

Action = Callable[[Books, Account, int, bytes, Fault | None], bytes]

UNKNOWN_ORDER = error(404, "unknown_order")
NO_LOCK_SECONDS = -60  # already over for a buyer whose clock is behind
LIST_COLUMNS = ("id", "ref", "phone", "s", "service", "country", "price", "at", "m")
PRICE_COLUMNS = ("service", "country", "operator", "offer", "price", "count", "quality")


def order(books: Books, account: Account, _id: int, body: bytes, fault: Fault | None) -> bytes:
    """POST /v1/orders {service, country, operator?, offer?, max_price, ref?, callback_url?}"""
    try:
        wish = orjson.loads(body)
        ceiling = int(wish["max_price"])
        pair = (wish["service"], wish["country"])
    except (ValueError, KeyError, TypeError):
        return error(400, "bad_request")
    if fault is not None and fault.kind == "old_id" and account.leases:
        return _lease_reply(next(reversed(account.leases.values())))
    tier = _choose(account, wish, pair, ceiling)
    if isinstance(tier, bytes):
        return tier
    cost = _cost(account, pair, tier)
    if fault is not None and fault.kind == "wrong_price":
        cost = int(fault.with_.get("price_micros", ceiling * 2))
    if cost > account.balance:
        return error(402, "no_balance")
    return _lease_reply(with_phone_of(fault, _allocate(books, account, wish, pair, tier, cost)))


def with_phone_of(fault: Fault | None, lease: Lease) -> Lease:
    """The lease, with the phone that the fault `old_phone` names: a number that was sold before."""
    if fault is not None and fault.kind == "old_phone":
        lease.phone = str(fault.with_["phone"])
    return lease


def _allocate(
    books: Books, account: Account, wish: dict[str, Any], pair: tuple[str, str], tier: Tier, cost: int
) -> Lease:
    now = time.time()
    place = (*pair, tier.ref)
    if place in account.stock:
        account.stock[place] -= 1
    return books.open_lease(
        account,
        ref=str(wish.get("ref", "")),
        phone=phone_of(pair[1], books.last_id + 1),
        service=pair[0],
        country=pair[1],
        operator=tier.operator,
        offer=tier.ref,
        cost=cost,
        created=now,
        cancelable=now + (account.settings.cancel_lock_seconds or NO_LOCK_SECONDS),
        expires=now + account.settings.life_seconds,
        callback_url=str(wish.get("callback_url", "")),
    )


def _choose(account: Account, wish: dict[str, Any], pair: tuple[str, str], ceiling: int) -> Tier | bytes:
    """The named tier, or the cheapest of the operator that is in stock; else the refusal to send."""
    tiers = shelves().get(pair)
    if tiers is None:
        return error(404, "unknown_service")
    operator, named = wish.get("operator") or "any", wish.get("offer") or ""
    fitting = [
        tier
        for tier in tiers
        if (not named or tier.ref == named)
        and (operator == "any" or tier.operator == operator)
        and account.stock.get((*pair, tier.ref), tier.count) > 0
    ]
    if not fitting:
        return error(404, "out_of_stock")
    best = min(fitting, key=lambda tier: _cost(account, pair, tier))
    if _cost(account, pair, best) > ceiling:
        return error(409, "price_too_low", suggested=_cost(account, pair, best))
    return best


def _cost(account: Account, pair: tuple[str, str], tier: Tier) -> int:
    cost = account.costs.get((*pair, tier.ref), tier.cost_micros) if account.costs else tier.cost_micros
    step = account.settings.price_step_micros
    return -(-cost // step) * step


def _lease_reply(lease: Lease) -> bytes:
    return reply(
        {
            "id": str(lease.id),
            "phone": lease.phone,
            "price": lease.cost,
            "operator": lease.operator,
            "expires": int(lease.expires),
            "cancelable": int(lease.cancelable),
        }
    )


@cache
def _dial_code(country: str) -> str:
    return next(each.dial_codes[0] for each in sold_countries() if each.id == country)


def phone_of(country: str, lease_id: int) -> str:
    """A number nobody else has here: the dial code and digits made from the lease's id."""
    dial = _dial_code(country)
    if dial == "1":
        return f"1212{2_000_000 + lease_id % 8_000_000}"
    return f"{dial}{600_000_000 + lease_id * 7_919 % 99_999_989}"


def status(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/orders/ID → {"s": state, "m": messages?, "p": price?}; small, because it is asked most."""
    lease = account.leases.get(lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    if lease.expires <= time.time() and lease.state in OPEN_STATES:
        books.set_state(account, lease, "finished" if lease.messages else "expired")
    if not lease.status_reply:
        lease.status_reply = reply(status_of(lease))
    return lease.status_reply


def status_of(lease: Lease) -> dict[str, Any]:
    facts: dict[str, Any] = {"s": lease.state}
    if lease.messages:
        facts |= {"m": lease.messages, "p": lease.cost}
    if lease.hours:
        facts |= {"p": lease.charged - lease.refunded, "expires": int(lease.expires), "rental": True}
    return facts


def list_open(books: Books, account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/orders: every open order, as rows under LIST_COLUMNS."""
    books.expire_due(account)
    rows = [
        (
            str(one.id),
            one.ref,
            one.phone,
            one.state,
            one.service,
            one.country,
            one.cost,
            int(one.created),
            one.messages,
        )
        for one in account.open.values()
        if not one.hours
    ]
    return reply({"columns": LIST_COLUMNS, "rows": rows})


def cancel(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/orders/ID/cancel: only while waiting, and not before `cancelable`. Repeating it is fine."""
    lease = account.leases.get(lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    if lease.state == "canceled":
        return reply({"ok": True})
    if lease.state != "waiting":
        return error(409, "wrong_state", s=lease.state)
    if lease.cancelable > time.time():
        return error(409, "too_early", at=int(lease.cancelable) + 1)
    books.set_state(account, lease, "canceled")
    return reply({"ok": True})


def retry(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/orders/ID/retry: one more message is wanted."""
    return _advance(books, account, lease_id, "retrying")


def finish(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/orders/ID/finish: the number is not needed any more."""
    return _advance(books, account, lease_id, "finished")


def _advance(books: Books, account: Account, lease_id: int, state: str) -> bytes:
    lease = account.leases.get(lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    if lease.state == state:
        return reply({"ok": True})
    if lease.state not in ("received", "retrying"):
        return error(409, "wrong_state", s=lease.state)
    books.set_state(account, lease, state)
    return reply({"ok": True})


def report(books: Books, account: Account, lease_id: int, body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/orders/ID/report {reason, message?}: a complaint, noted once; nothing is paid back for it."""
    lease = account.leases.get(lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    try:
        reason = int(orjson.loads(body)["reason"])
    except (ValueError, KeyError, TypeError):
        return error(400, "bad_request")
    if not lease.reported:
        books.add_report(account, lease, reason)
    return reply({"ok": True})


def balance(_books: Books, account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/balance"""
    return reply({"balance": account.balance})


def catalogue(_books: Books, _account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/catalogue: codes and names."""
    return reply(
        {
            "services": [(service.id, service.name) for service in (*sold_services(), ANY_SERVICE)],
            "countries": [(country.id, country.name) for country in sold_countries()],
        }
    )


def prices(_books: Books, account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/prices: every price line, as rows under PRICE_COLUMNS."""
    rows = [
        (
            *pair,
            tier.operator,
            tier.ref,
            _cost(account, pair, tier),
            _count(account, pair, tier),
            tier.quality,
        )
        for pair, tiers in shelves().items()
        for tier in tiers
    ]
    return reply({"columns": PRICE_COLUMNS, "rows": rows})


def _count(account: Account, pair: tuple[str, str], tier: Tier) -> int:
    return account.stock.get((*pair, tier.ref), tier.count)


ACTIONS: dict[str, Action] = {
    "order": order,
    "status": status,
    "list": list_open,
    "cancel": cancel,
    "retry": retry,
    "finish": finish,
    "report": report,
    "balance": balance,
    "catalogue": catalogue,
    "prices": prices,
}
