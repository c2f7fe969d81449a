"""Upstreams of the handler_api family: one address, one GET per call, short words or JSON back.

Contract and options of an account: docs/protocols/handler.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import ClassVar
from urllib.parse import urlsplit

from providers.adapters.handler import leases, rentals, shop
from providers.adapters.handler.answers import read_done
from providers.adapters.reading import ceiling_in, json_of, object_of, unit_of, zone_of
from providers.adapters.words import digits_of
from providers.contract import (
    Account,
    Adapter,
    Call,
    Callback,
    Can,
    CatalogueItem,
    Extension,
    Lease,
    ListedLease,
    ListedOffer,
    Option,
    OutcomeUnknown,
    Reply,
    Shape,
    Status,
    T,
    words_of,
)

AccountReader = Callable[[Account, Reply], T]
USUAL_PATH = "/stubs/handler_api.php"
LONG_LIST_BYTES = 33_554_432
PAGE = 100
EXCLUDED_MAX = 20
EXCLUDED = re.compile(r"[0-9]{4,9}")
RENTING = frozenset(
    {Can.RENTAL, Can.EXTEND_RENTAL, Can.CANCEL_RENTAL, Can.FINISH_RENTAL, Can.LIST_RENTALS}
)  # fmt: skip
READY, RETRY, FINISH, CANCEL = "1", "3", "6", "8"
FINISH_RENTAL, CANCEL_RENTAL = "1", "2"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What members of the family are asked differently; every answer is read whatever the dialect."""

    order: str = "getNumberV2"
    status: str = "getStatus"
    prices: str = "getPrices"
    names_pages: bool = False
    has_operators: bool = True
    takes_reference: bool = False


DIALECTS = {
    "bower": Dialect(prices="getPricesV3", has_operators=False),
    "classic": Dialect(takes_reference=True),
    "hero": Dialect(status="getStatusV2", names_pages=True),
}
CHOICES = {
    "order": ("getNumberV2", "getNumber"),
    "status": ("getStatus", "getStatusV2"),
    "prices": ("getPrices", "getPricesV2", "getPricesV3"),
}


class Handler(Adapter):
    protocol, label = "handler", "handler_api (SMS-Activate family)"
    can = RENTING | {
        Can.STATUS, Can.CEILING, Can.CANCEL, Can.RETRY, Can.FINISH, Can.READY, Can.LIST_ACTIVE,
        Can.MESSAGES_IN_LIST, Can.CALLBACK, Can.CATALOGUE, Can.PRICES, Can.BALANCE, Can.PREFIXES,
        Can.REFUNDS_EXPIRED,
    }  # fmt: skip

    options: ClassVar[Mapping[str, Option]] = {
        "dialect": Option("Which one of the family it is; bower when empty.", choices=tuple(DIALECTS)),
        "rate": Option("US dollars for one unit of its currency, such as 0.0109; 1 when empty."),
        "timezone": Option("Of its times that name no zone, such as Europe/Moscow; UTC when empty."),
        "rent_hours": Option("Terms of rentals in hours; without any it rents nothing.", Shape.WHOLES),
        "rent_countries": Option("Countries to rent in, by its numbers; all when empty.", Shape.WHOLES),
        "except_providers": Option("Suppliers behind it never to buy from, by its numbers.", Shape.WHOLES),
        **{name: Option(f"Action for {name}, if not the dialect's.", choices=known)
           for name, known in CHOICES.items()},
        **Adapter.options,
    }  # fmt: skip

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        if not account.options.get("rent_hours"):
            self.can = self.can - RENTING

    @cached_property
    def dialect(self) -> Dialect:
        """By the account's options; what they get wrong is as if it were not there (see check_options)."""
        options = self.account.options
        dialect = DIALECTS.get(str(options.get("dialect")), DIALECTS["bower"])
        wanted = {name: options[name] for name in CHOICES if options.get(name) in CHOICES[name]}
        return replace(dialect, **wanted)  # type: ignore[arg-type]

    def check_options(self) -> None:
        super().check_options()
        unit_of(self.account), zone_of(self.account)

    # --- numbers ---

    def order(
        self,
        *,
        service: str,
        country: str,
        operator: str,
        offer_ref: str,
        ceiling_micros: int,
        our_ref: str,
        capability: str = "sms",
        exclude_prefixes: Sequence[str] = (),
    ) -> Call[Lease]:
        """The family lists no reference of ours; classic members take one against doubled requests."""
        wish = {
            "service": service,
            "country": country,
            "maxPrice": ceiling_in(unit_of(self.account), ceiling_micros),
            "operator": operator if operator != "any" else "",
            "providerIds": offer_ref.removeprefix(shop.PROVIDER) if shop.PROVIDER in offer_ref else "",
            "exceptProviderIds": ",".join(sorted(words_of(self.account.options, "except_providers"))),
            "phoneException": _prefixes(exclude_prefixes),
            "orderId": our_ref if self.dialect.takes_reference else "",
        }
        return self._write(self.dialect.order, leases.read_lease, **wish)

    def status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read(self.dialect.status, leases.read_status, id=upstream_ref)

    def list_active(self) -> Call[Sequence[ListedLease]]:
        return self._list(frozenset())

    def cancel(self, *, upstream_ref: str) -> Call[None]:
        return self._set_status(upstream_ref, CANCEL, "ACCESS_CANCEL", "STATUS_CANCEL")

    def ready(self, *, upstream_ref: str) -> Call[None]:
        return self._set_status(upstream_ref, READY, "ACCESS_READY")

    def retry(self, *, upstream_ref: str) -> Call[None]:
        return self._set_status(upstream_ref, RETRY, "ACCESS_RETRY_GET")

    def finish(self, *, upstream_ref: str) -> Call[None]:
        return self._set_status(upstream_ref, FINISH, "ACCESS_ACTIVATION")

    # --- the shop ---

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        calls = [
            self._read_long("getCountries", shop.read_countries),
            self._read_long("getServicesList", shop.read_services),
        ]
        if self.dialect.has_operators:
            calls.append(self._read_long("getOperators", shop.read_operators))
        return calls

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        """One list of all numbers; of rentals one for each country and each term of the option."""
        prices = self._read_long(self.dialect.prices, shop.read_prices)
        return [prices, *(self._rental_prices(known) if Can.RENTAL in self.can else ())]

    def balance(self) -> Call[int]:
        return self._read("getBalance", shop.read_balance)

    # --- rentals ---

    def rent(
        self,
        *,
        service: str,
        country: str,
        operator: str,
        offer_ref: str,
        hours: int,
        ceiling_micros: int,
        our_ref: str,
    ) -> Call[Lease]:
        """The family knows no ceiling for rentals: only some members heed the one that is sent."""
        return self._write(
            "getRentNumber",
            rentals.read_rental,
            service=service,
            country=country,
            rent_time=str(hours),
            operator=operator if operator != "any" else "",
            maxPrice=ceiling_in(unit_of(self.account), ceiling_micros),
        )

    def rental_status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read_long(
            "getRentStatus", rentals.read_rental_status, id=upstream_ref, page="1", size=str(PAGE)
        )

    def list_rentals(self) -> Call[Sequence[ListedLease]]:
        return self._read_long("getRentList", rentals.read_rentals)

    def extend_rental(
        self, *, upstream_ref: str, hours: int, ceiling_micros: int, our_ref: str
    ) -> Call[Extension]:
        return self._write(
            "continueRentNumber", rentals.read_extension, id=upstream_ref, rent_time=str(hours)
        )

    def cancel_rental(self, *, upstream_ref: str) -> Call[int | None]:
        return self._write("setRentStatus", rentals.read_done, id=upstream_ref, status=CANCEL_RENTAL)

    def finish_rental(self, *, upstream_ref: str) -> Call[None]:
        return self._write("setRentStatus", rentals.read_done, id=upstream_ref, status=FINISH_RENTAL)

    # --- callbacks ---

    def read_callback(self, *, body: bytes, headers: Mapping[str, str], now: datetime) -> Callback:
        """Nobody signs them, so they only say that it is time to ask."""
        content = object_of(json_of(Reply(200, body.decode("utf-8", "replace"))))
        try:
            if "rentId" in content:
                return Callback(digits_of(content["rentId"]), is_proof=False, is_rental=True)
            return Callback(digits_of(content["activationId"]), is_proof=False)
        except (KeyError, ValueError):
            raise OutcomeUnknown("no number is named") from None

    # --- requests ---

    def _rental_prices(self, known: Sequence[CatalogueItem]) -> list[Call[Sequence[ListedOffer]]]:
        options = self.account.options
        wanted = words_of(options, "rent_countries") or {one.code for one in known if one.kind == "country"}
        return [
            self._read_long(
                "getRentServicesAndCountries",
                partial(rentals.read_rental_prices, country=country, hours=int(hours)),
                country=country,
                rent_time=hours,
            )
            for hours in sorted(filter(str.isdecimal, words_of(options, "rent_hours")), key=int)
            for country in sorted(wanted)
        ]

    def _list(self, seen: frozenset[str]) -> Call[Sequence[ListedLease]]:
        """The list, or its page behind those numbers. Only hero's first one is named: others may not know
        pages, and a list that fits one never meets the words for them.
        """
        page = {"start": str(len(seen)), "limit": str(PAGE)}
        call = self._read_long(
            "getActiveActivations",
            partial(leases.read_list, seen=seen),
            **(page if seen or self.dialect.names_pages else {}),
        )
        return replace(call, follow=partial(self._next_page, seen))

    def _next_page(self, seen: frozenset[str], reply: Reply) -> Call[Sequence[ListedLease]] | None:
        """An upstream that knows no pages says everything at once, over and over."""
        ids = leases.ids_in(reply)
        return self._list(seen.union(ids)) if len(ids) == PAGE and not seen.issuperset(ids) else None

    def _set_status(self, upstream_ref: str, status: str, *words: str) -> Call[None]:
        return self._write("setStatus", partial(read_done, words=words), id=upstream_ref, status=status)

    def _read(self, action: str, read: AccountReader[T], **params: str) -> Call[T]:
        return self._call(action, read, params)

    def _read_long(self, action: str, read: AccountReader[T], **params: str) -> Call[T]:
        return replace(self._call(action, read, params), max_bytes=LONG_LIST_BYTES)

    def _write(self, action: str, read: AccountReader[T], **params: str) -> Call[T]:
        return replace(self._call(action, read, params), is_read=False)

    def _call(self, action: str, read: AccountReader[T], params: Mapping[str, str]) -> Call[T]:
        """Parameters without a value are left out."""
        base = self.account.base_url
        given = {name: value for name, value in params.items() if value}
        return Call(
            "GET",
            base if urlsplit(base).path.strip("/") else base + USUAL_PATH,
            {"api_key": self.account.secret, "action": action, **given},
            partial(read, self.account),
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
        )


def _prefixes(unwanted: Sequence[str]) -> str:
    """Those that the family takes: country code and three to six digits."""
    fitting = [prefix for one in unwanted if EXCLUDED.fullmatch(prefix := one.lstrip("+"))]
    return ",".join(fitting[:EXCLUDED_MAX])
