"""What a test, a page or a command makes the sandbox do: POST JSON to /control/NAME with `X-Api-Key`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from providers.sandbox.actions import status_of
from providers.sandbox.books import Account, Books, Lease
from providers.sandbox.faults import KINDS, Fault
from providers.sandbox.stock import RENT, rental_shelves, shelves

Order = dict[str, Any]
Push = Callable[[Account, Lease, Any], None]


class Unknown(Exception):
    """The control call names something that does not exist."""


class Control:
    """One method per control call; each takes and returns JSON."""

    def __init__(self, books: Books, push: Push) -> None:
        self.books = books
        self.push = push

    def sms(self, account: Account, order: Order) -> Order:
        """{to: id | our reference | phone, text, sender?, code?, kind?, late?, charge?}: a message arrives.

        `late` lets it arrive at a lease that has ended, `charge` takes the refunded money back for it.
        """
        lease = self._lease(account, order["to"])
        if lease.state not in ("waiting", "received", "retrying") and not order.get("late"):
            raise Unknown("no open order has this number")
        message = {
            "i": secrets.token_hex(6),
            "t": order["text"],
            "f": order.get("sender", ""),
            "c": order.get("code", ""),
            "k": order.get("kind", "sms"),
            "at": int(time.time()),
        }
        self.books.add_message(account, lease, message, charge=bool(order.get("charge")))
        self.push(account, lease, status_of(lease))
        return {"id": str(lease.id), "message": message["i"]}

    def fault(self, account: Account, order: Order) -> Order:
        """{action, kind, times?, after?, with?}: the next calls go wrong (see faults.KINDS)."""
        if order["kind"] not in KINDS:
            raise Unknown(f"no such fault: {order['kind']}")
        account.faults.append(
            Fault(
                action=order["action"],
                kind=order["kind"],
                times=int(order.get("times", 1)),
                after=bool(order.get("after", False)),
                with_=dict(order.get("with") or {}),
            )
        )
        return {"faults": len(account.faults)}

    def heal(self, account: Account, order: Order) -> Order:
        """{}: forget all scripted faults and delays."""
        account.faults.clear()
        account.settings.delay_seconds = self.books.defaults.delay_seconds
        return {}

    def settings(self, account: Account, order: Order) -> Order:
        """{delay_ms?, cancel_lock_seconds?, life_seconds?, guard_seconds?, callbacks?, callback_url?,
        balance_micros?, cancel_fee_micros?}
        """
        settings = account.settings
        if "delay_ms" in order:
            settings.delay_seconds = float(order["delay_ms"]) / 1_000
        settings.cancel_lock_seconds = float(order.get("cancel_lock_seconds", settings.cancel_lock_seconds))
        settings.life_seconds = float(order.get("life_seconds", settings.life_seconds))
        settings.guard_seconds = float(order.get("guard_seconds", settings.guard_seconds))
        settings.callbacks = bool(order.get("callbacks", settings.callbacks))
        settings.cancel_fee_micros = int(order.get("cancel_fee_micros", settings.cancel_fee_micros))
        settings.callback_url = str(order.get("callback_url", settings.callback_url))
        if "balance_micros" in order:
            self.books.set_balance(account, int(order["balance_micros"]))
        return {}

    def stock(self, account: Account, order: Order) -> Order:
        """{service, country, offer, count?, price_micros?}: another stock (counted down) or price. The offer
        `rent` is the rentals of the pair, and its price that of a day.
        """
        pair = (order["service"], order["country"])
        offers = [tier.ref for tier in shelves().get(pair, ())] + [RENT] * (pair in rental_shelves())
        if order["offer"] not in offers:
            raise Unknown("no such offer")
        place = (*pair, order["offer"])
        if "count" in order:
            account.stock[place] = int(order["count"])
        if "price_micros" in order:
            account.costs[place] = int(order["price_micros"])
        return {}

    def state(self, account: Account, order: Order) -> Order:
        """{to, state, push?}: an order changes by itself (expired, canceled, refunded, finished, …)."""
        lease = self._lease(account, order["to"])
        self.books.set_state(account, lease, str(order["state"]))
        if order.get("push"):
            self.push(account, lease, status_of(lease))
        return {"id": str(lease.id)}

    def repeat_callback(self, account: Account, order: Order) -> Order:
        """{to}: the callback of an order is sent once more."""
        lease = self._lease(account, order["to"])
        self.push(account, lease, status_of(lease))
        return {"id": str(lease.id)}

    def books_of(self, account: Account, order: Order) -> Order:
        """{}: everything the account ever did, for comparing with the portal's books."""
        self.books.expire_due(account)
        leases = [
            {
                "id": str(one.id),
                "ref": one.ref,
                "phone": one.phone,
                "service": one.service,
                "country": one.country,
                "state": one.state,
                "cost_micros": one.cost,
                "refunded_micros": one.refunded,
                "paid_micros": one.charged - one.refunded,
                "messages": len(one.messages),
                "hours": one.hours,
                "created": int(one.created),
            }
            for one in account.leases.values()
        ]
        return {
            "balance_micros": account.balance,
            "paid_micros": sum(line["paid_micros"] for line in leases),
            "calls": dict(account.calls),
            "leases": leases,
        }

    def _lease(self, account: Account, which: object) -> Lease:
        if (lease := account.find(which)) is None:
            raise Unknown("no such order")
        return lease
