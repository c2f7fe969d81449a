"""Rentals at the sandbox, one function per action. A rental is a lease with hours: it ends unpaid back,
takes any number of messages, and can be made longer. Words and amounts as for orders.
"""

from __future__ import annotations

import time
from typing import Any

import orjson

from providers.sandbox.actions import UNKNOWN_ORDER, Action, phone_of, status_of, with_phone_of
from providers.sandbox.books import OPEN_STATES, Account, Books, Lease
from providers.sandbox.faults import Fault
from providers.sandbox.http import error, reply
from providers.sandbox.stock import RENT, rental_shelves

DAY_HOURS, DAY_SECONDS = 24, 86_400
STOCK = 500
LIST_COLUMNS = ("id", "ref", "phone", "s", "service", "country", "price", "at", "m", "expires")
PRICE_COLUMNS = ("service", "country", "operator", "offer", "price", "count", "hours")
UNKNOWN_TERM = error(404, "unknown_service", text="not rented for that time")


def rent(books: Books, account: Account, _id: int, body: bytes, fault: Fault | None) -> bytes:
    """POST /v1/rentals {service, country, hours, max_price, ref?, callback_url?}"""
    try:
        wish = orjson.loads(body)
        hours, ceiling, pair = int(wish["hours"]), int(wish["max_price"]), (wish["service"], wish["country"])
    except (ValueError, KeyError, TypeError):
        return error(400, "bad_request")
    cost = _cost(account, pair, hours)
    if cost is None:
        return UNKNOWN_TERM
    if account.stock.get((*pair, RENT), STOCK) <= 0:
        return error(404, "out_of_stock")
    if cost > ceiling:
        return error(409, "price_too_low", suggested=cost)
    if fault is not None and fault.kind == "wrong_price":
        cost = int(fault.with_.get("price_micros", ceiling * 2))
    if cost > account.balance:
        return error(402, "no_balance")
    return _lease_reply(with_phone_of(fault, _allocate(books, account, wish, hours, cost)))


def _allocate(books: Books, account: Account, wish: dict[str, Any], hours: int, cost: int) -> Lease:
    now, place = time.time(), (wish["service"], wish["country"], RENT)
    if place in account.stock:
        account.stock[place] -= 1
    return books.open_lease(
        account,
        ref=str(wish.get("ref", "")),
        phone=phone_of(wish["country"], books.last_id + 1),
        service=wish["service"],
        country=wish["country"],
        operator="any",
        offer=RENT,
        cost=cost,
        created=now,
        cancelable=now,
        expires=now + hours * 3_600,
        callback_url=str(wish.get("callback_url", "")),
        hours=hours,
    )


def _cost(account: Account, pair: tuple[str, str], hours: int) -> int | None:
    """The line of these hours, or the day's price for each day; None: not for that time."""
    lines = rental_shelves().get(pair, {})
    day = account.costs.get((*pair, RENT), lines.get(DAY_HOURS, 0))
    if hours in lines and hours != DAY_HOURS and not account.settings.rents_by_day:
        return lines[hours]
    return day * (hours // DAY_HOURS) if day and hours > 0 and hours % DAY_HOURS == 0 else None


def _lease_reply(lease: Lease) -> bytes:
    facts = {"id": str(lease.id), "phone": lease.phone, "price": lease.cost, "operator": lease.operator}
    return reply(facts | {"expires": int(lease.expires)})


def _found(books: Books, account: Account, lease_id: int) -> Lease | None:
    books.expire_due(account)
    lease = account.leases.get(lease_id)
    return lease if lease is not None and lease.hours else None


def status(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/rentals/ID → {"s": state, "m": messages?, "p": paid by now, "expires"}"""
    lease = _found(books, account, lease_id)
    return reply(status_of(lease)) if lease else UNKNOWN_ORDER


def list_open(books: Books, account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/rentals: every running rental, as rows under LIST_COLUMNS."""
    books.expire_due(account)
    rows = [
        (
            str(one.id), one.ref, one.phone, one.state, one.service, one.country, one.charged - one.refunded,
            int(one.created), one.messages, int(one.expires),
        )
        for one in account.open.values()
        if one.hours
    ]  # fmt: skip
    return reply({"columns": LIST_COLUMNS, "rows": rows})


def extend(books: Books, account: Account, lease_id: int, body: bytes, fault: Fault | None) -> bytes:
    """POST /v1/rentals/ID/extend {hours, max_price} → {"price", "expires"}"""
    lease = _found(books, account, lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    try:
        wish = orjson.loads(body)
        hours, ceiling = int(wish["hours"]), int(wish["max_price"])
    except (ValueError, KeyError, TypeError):
        return error(400, "bad_request")
    if lease.state not in OPEN_STATES:
        return error(409, "wrong_state", s=lease.state)
    cost = _cost(account, (lease.service, lease.country), hours)
    if cost is None:
        return UNKNOWN_TERM
    if cost > ceiling:
        return error(409, "price_too_low", suggested=cost)
    if fault is not None and fault.kind == "wrong_price":
        cost = int(fault.with_.get("price_micros", ceiling * 2))
    if cost > account.balance:
        return error(402, "no_balance")
    books.extend(account, lease, hours, cost)
    return reply({"price": cost, "expires": int(lease.expires)})


def cancel(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/rentals/ID/cancel → {"refund"}: all within the guard time and without a message, later whole
    unused days. Repeating it is fine.
    """
    lease = _found(books, account, lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    if lease.state not in (*OPEN_STATES, "canceled"):
        return error(409, "wrong_state", s=lease.state)
    if lease.state != "canceled":
        books.set_state(account, lease, "canceled", refund=_refund(account, lease))
    return reply({"refund": lease.refunded})


def _refund(account: Account, lease: Lease) -> int:
    now = time.time()
    if not lease.messages and now < lease.created + account.settings.guard_seconds:
        return lease.charged
    days = int((lease.expires - now) // DAY_SECONDS)
    return lease.charged * DAY_HOURS * days // lease.hours


def finish(books: Books, account: Account, lease_id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """POST /v1/rentals/ID/finish: not needed any more; nothing comes back."""
    lease = _found(books, account, lease_id)
    if lease is None:
        return UNKNOWN_ORDER
    if lease.state in OPEN_STATES:
        books.set_state(account, lease, "finished")
    return reply({"ok": True})


def prices(_books: Books, account: Account, _id: int, _body: bytes, _fault: Fault | None) -> bytes:
    """GET /v1/rental_prices: a line per time that is rented; that of 24 hours is the price of each day."""
    rows = [
        (*pair, "any", RENT, _cost(account, pair, hours), account.stock.get((*pair, RENT), STOCK), hours)
        for pair, lines in rental_shelves().items()
        for hours in lines
    ]
    return reply({"columns": PRICE_COLUMNS, "rows": rows})


ACTIONS: dict[str, Action] = {
    "rent": rent,
    "rental_status": status,
    "rental_list": list_open,
    "extend": extend,
    "rental_cancel": cancel,
    "rental_finish": finish,
    "rental_prices": prices,
}
