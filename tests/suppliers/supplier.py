"""One account at a supplier, as a test holds it: its books, its script, and rows that lead to it."""

import itertools
import secrets
from collections import Counter
from typing import Any

import orjson
from django.utils import timezone

from providers.contract import (
    Account,
    BadCredentials,
    Banned,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    Refused,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    WrongState,
)
from providers.models import Country, Offer, Provider, Service
from providers.registry import ADAPTERS
from providers.sandbox.actions import PRICE_COLUMNS, prices, status_of
from providers.sandbox.books import Lease
from providers.sandbox.faults import KINDS
from providers.sandbox.rentals import prices as rental_prices
from providers.sandbox.stock import RENT
from tests.suppliers.face import Face
from tests.suppliers.faces import FACES
from tests.suppliers.server import running

numbers = itertools.count(9_001)
WORDS: dict[type[Refused], str] = {
    OutOfStock: "out_of_stock",
    PriceTooLow: "price_too_low",
    OutOfFunds: "no_balance",
    BadCredentials: "bad_key",
    Banned: "banned",
    Throttled: "throttled",
    TooEarly: "too_early",
    WrongState: "wrong_state",
    UnknownToUpstream: "unknown_order",
}
SERVICE, COUNTRY = "telegram", "us"
RENTED = "whatsapp"


class Supplier:
    """One account that speaks `protocol`. Phones, prices and stock are the sandbox's."""

    def __init__(self, protocol: str = "sandbox") -> None:
        self.protocol = protocol
        self.face: Face | None = None if protocol == "sandbox" else FACES[protocol]
        self.speaks = self.face.speaks or protocol if self.face else protocol
        self.server = running()
        self.url = self.server.url if self.face is None else f"{self.server.url}/{protocol}"
        self.key = f"sandbox_test_{secrets.token_hex(12)}"
        self.account = self.server.do(self._open)
        self.allowed: set[str] | None = None

    def _open(self):
        account = self.server.sandbox.books.account(self.key.encode())
        return account if self.face is None else self.server.sandbox.open(self.face, account)

    # --- what it did ---

    @property
    def calls(self) -> Counter:
        """How often each action was called."""
        return self.account.calls

    @property
    def leases(self) -> list[Lease]:
        """Every lease of this account, the oldest first (providers.sandbox.books.Lease)."""
        return list(self.account.leases.values())

    @property
    def paid_micros(self) -> int:
        """What the provider keeps: charges less refunds."""
        return sum(lease.charged - lease.refunded for lease in self.leases)

    @property
    def slips(self) -> list[str]:
        """Requests that were not as the contract says, with their tracebacks."""
        return self.server.sandbox.slips[self.account.name]

    def lease(self, upstream_ref: str) -> Lease | None:
        """By the protocol's own reference."""
        if self.face is None:
            return self.account.find(upstream_ref)
        return self.face.lease(self.account, upstream_ref)

    def ref(self, lease: Lease) -> str:
        """The protocol's reference of a lease."""
        return str(lease.id) if self.face is None else self.face.ref(lease)

    # --- its script ---

    def fault(self, action: str, kind: str, *, times: int = 1, after: bool = False, **facts: Any) -> None:
        """The next `times` calls (-1: all) of an action go wrong; kinds: providers.sandbox.faults.KINDS."""
        assert kind in KINDS, f"{kind} is not one of {sorted(KINDS)}"
        self.control("fault", action=action, kind=kind, times=times, after=after, **{"with": facts})

    def refuse(self, kind: type[Refused], *, action: str = "order", **facts: Any) -> bool:
        """The next call is refused in this way, in the protocol's words; False: it has none for it."""
        word = WORDS[kind]
        if self.face is not None and word in self.face.cannot_say:
            return False
        self.fault(action, word, **facts)
        return True

    def heal(self) -> None:
        self.control("heal")

    def settings(self, **settings: Any) -> None:
        """delay_ms, cancel_lock_seconds (0 here), life_seconds, callbacks, callback_url, balance_micros."""
        self.control("settings", **settings)

    def stock(self, service, country, offer, *, count=None, price_micros=None):
        facts = {"count": count, "price_micros": price_micros}
        self.control(
            "stock",
            service=service,
            country=country,
            offer=offer,
            **{name: value for name, value in facts.items() if value is not None},
        )

    def sell_out(self, service=SERVICE, country=COUNTRY):
        """Nothing is left of a service in a country."""
        for line in self.price_lines(service=service, country=country):
            self.stock(service, country, line["offer"], count=0)

    def sms(self, to, text, **facts):
        """A message arrives at a lease (its reference, ours, or phone); facts: sender, code, late, charge."""
        return self.control("sms", to=self._number(to), text=text, **facts)

    def state(self, to, state, **facts):
        """A lease changes on the provider's side."""
        self.control("state", to=self._number(to), state=state, **facts)

    def rented(self, upstream_ref) -> Lease:
        """A rental by the protocol's own reference."""
        lease = self.lease(upstream_ref)
        assert lease is not None
        assert lease.hours
        return lease

    def callback(self, to, *, at=None) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of the callback that it would send of this lease now."""
        return self.server.do(self._callback, to, int((at or timezone.now()).timestamp()))

    def _callback(self, to, timestamp):
        callbacks = self.server.sandbox.callbacks
        lease = self.account.find(self._number(to))
        body = callbacks.body(self.account, lease, status_of(lease))
        return body, callbacks.headers(self.account, secrets.token_hex(12), timestamp, body)

    def _number(self, to) -> str:
        """How the control calls name a lease."""
        found = self.lease(str(to)) if self.face is not None else None
        return str(found.id) if found else str(to)

    def control(self, name, **order):
        control = self.server.sandbox.control
        call = {"books": control.books_of, "callback": control.repeat_callback}.get(name) or getattr(
            control, name
        )
        return self.server.do(call, self.account, order)

    def only(self, *actions):
        """From now on any other call fails the test at its end."""
        self.allowed = set(actions)
        self.calls.clear()

    # --- who speaks to it ---

    def wish(self, service=SERVICE, country=COUNTRY) -> dict[str, str]:
        """What `Adapter.order` is asked for to buy this."""
        if self.face is None:
            return {"service": service, "country": country, "operator": "any", "offer_ref": ""}
        return self.face.wish(service, country)

    def rental_wish(self, service=RENTED, country=COUNTRY) -> dict[str, str] | None:
        """What `Adapter.rent` is asked for to rent this; None: nothing is rented here."""
        if self.face is None:
            return {"service": service, "country": country, "operator": "any", "offer_ref": RENT}
        return self.face.rental_wish(service, country)

    def rental_price_micros(self, hours, service=RENTED, country=COUNTRY) -> int:
        answer = self.server.do(rental_prices, self.server.sandbox.books, self.account, 0, b"", None)
        rows = orjson.loads(answer.partition(b"\r\n\r\n")[2])["rows"]
        return next(row[4] for row in rows if (row[0], row[1], row[6]) == (service, country, hours))

    def price_micros(self, service=SERVICE, country=COUNTRY) -> int:
        """What it costs here: the cheapest offer in stock."""
        lines = self.price_lines(service=service, country=country)
        return min(line["price"] for line in lines if line["count"] > 0)

    def price_lines(self, **wanted):
        answer = self.server.do(prices, self.server.sandbox.books, self.account, 0, b"", None)
        rows = orjson.loads(answer.partition(b"\r\n\r\n")[2])["rows"]
        lines = [dict(zip(PRICE_COLUMNS, row, strict=True)) for row in rows]
        return [line for line in lines if all(line[name] == value for name, value in wanted.items())]

    @property
    def tells_refunds(self) -> bool:
        """Whether the answer to a cancel says how much comes back."""
        return self.face is not None and self.face.tells_refunds

    @property
    def shows_text(self) -> bool:
        """Whether a message comes with its text; elsewhere it is its code."""
        return self.face is None or self.face.shows_text

    @property
    def callback_secret(self) -> str:
        return "" if self.face is None else self.face.callback_secret(self.account)

    def adapter(self, **account):
        options = {} if self.face is None else dict(self.face.options)
        facts = {"options": options, "callback_secret": self.callback_secret, **account}
        return ADAPTERS[self.speaks](Account(base_url=self.url, secret=self.key, **facts))

    def provider(self, **fields) -> Provider:
        """A Provider row that leads here (shared pool unless `tenant` is given)."""
        number = next(numbers)
        provider = Provider(
            **{
                "public_no": number,
                "display_name": f"{self.protocol.title()} {number}",
                "protocol": self.speaks,
                "base_url": self.url,
                "cancel_lock_seconds": 0,
                "sync_seconds": 0,
                "options": {} if self.face is None else dict(self.face.options),
                **fields,
            }
        )
        provider.secret, provider.callback_secret = self.key, self.callback_secret
        provider.save()
        return provider

    def offer(self, provider: Provider, service=SERVICE, country=COUNTRY, **fields) -> Offer:
        """An Offer row at the present price, as a synchronised price list would make it."""
        Service.objects.get_or_create(pk=service, defaults={"name": service.title()})
        Country.objects.get_or_create(
            pk=country, defaults={"name": country, "iso2": country[:2].upper(), "dial_codes": ["1"]}
        )
        wish = self.wish(service, country)
        return Offer.objects.create(
            **{
                "provider": provider,
                "service_id": service,
                "country_id": country,
                "operator": wish["operator"],
                "cost_micros": self.price_micros(service, country),
                "count": 100,
                "capabilities": ["sms"],
                "upstream_service": wish["service"],
                "upstream_country": wish["country"],
                "upstream_ref": wish["offer_ref"],
                **fields,
            }
        )
