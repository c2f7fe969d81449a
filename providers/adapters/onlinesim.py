"""Suppliers speaking the OnlineSim partner protocol: we are the marketplace, name the price, and pay for what
we say was sold.

Contract: docs/protocols/onlinesim.md. A supplier is never asked about a number: it pushes messages, and is
told how each number ended. What we offer for a number is an option of the account.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

import orjson

from providers.adapters.reading import (
    all_readable,
    asks_to_wait_until,
    ceiling_in,
    json_of,
    list_of,
    micros_of,
    object_of,
    text_of,
    unit_of,
    words_in,
)
from providers.adapters.words import digits_of
from providers.contract import (
    Adapter,
    Answer,
    BadCredentials,
    BadOptions,
    Call,
    Callback,
    Can,
    CatalogueItem,
    End,
    Lease,
    ListedOffer,
    Native,
    Option,
    OutcomeUnknown,
    OutOfStock,
    PriceTooLow,
    Reader,
    Refused,
    Reply,
    Shape,
    Sms,
    Status,
    T,
    Taken,
    Throttled,
    UnknownToUpstream,
    Unwanted,
    UpstreamState,
    words_of,
)

REFUSALS: Mapping[str, type[Refused]] = {
    "BAD_KEY": BadCredentials,
    "NO_KEY": BadCredentials,
    "NO_ACTIVATION": UnknownToUpstream,
}
SAYS_SO = {200, 400, 401, 403, 404, 409}  # with these an error is the supplier's own word
FINISH = {End.USED: 1, End.SOLD: 3, End.UNUSED: 4, End.REFUNDED: 5}
UNPAID = {End.USED, End.UNUSED}
CURRENCIES = {"RUB": 643, "USD": 840}
ANSWERS = {
    Taken.DONE: Answer(200, {"status": "SUCCESS"}),
    Taken.EARLY: Answer(503, {"status": "ERROR", "error": "NOT_YET"}),  # sent again after ten seconds
    Taken.NOBODYS: Answer(400, {"status": "ERROR", "error": "NO_OPERATION"}),
    Taken.UNWANTED: Answer(400, {"status": "ERROR", "error": "BAD_SERVICE"}),
    Taken.UNPROVEN: Answer(401, {"status": "ERROR", "error": "BAD_KEY"}),
}
RENT, ANY = "rent", "any"
PRICE = re.compile(r"(?:(?P<country>[^/=]+)/)?(?P<service>[^/=]+)=(?P<sum>[0-9]{1,7}(\.[0-9]{1,2})?)")
LARGEST_ID = 2**63 - 1
LIST_BYTES = 4_194_304


class OnlineSim(Adapter):
    protocol, label = "onlinesim", "OnlineSim (a supplier, we are the marketplace)"
    can = frozenset(
        {
            Can.TELL_END, Can.CEILING, Can.CANCEL, Can.RETRY, Can.CALLBACK, Can.CATALOGUE, Can.PRICES,
            Can.PREFIXES, Can.RENTAL, Can.CANCEL_RENTAL, Can.REFUNDS_EXPIRED,
        }
    )  # fmt: skip
    new_account: ClassVar[Mapping[str, object]] = {
        "life_seconds": 900,
        "cancel_lock_seconds": 0,
        "sync_seconds": 60,
        "rental_ends_unused": True,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "prices": Option(
            "What we pay for a number that is sold, in its names: telegram=40, germany/telegram=45,"
            " germany/*=30, *=20, rent=320. The most particular line counts; what has none is not bought.",
            Shape.WORDS,
        ),
        "currency": Option(
            "Of these prices; RUB when empty. Named in orders when set.", choices=("RUB", "USD")
        ),
        "rate": Option(
            "US dollars for one unit of the currency, such as 0.0109. Only for USD it may be empty."
        ),
        "rent_days": Option("How many days the price of a rent is for; 1 when empty.", Shape.WHOLE),
        "rent_stock": Option(
            "Where it lists numbers for rent: with its services when empty, or at a path of its own.",
            choices=("own path",),
        ),
        "paths": Option(
            "How calls are told apart: each has its path when empty, or all go to the address itself.",
            choices=("one",),
        ),
        "blocked_senders": Option("Names of senders whose messages are not taken.", Shape.WORDS),
        **Adapter.options,
    }

    def check_options(self) -> None:
        super().check_options()
        if not self._prices():
            raise BadOptions("prices: what we pay, at least one line such as *=20")
        self._unit()
        if not 1 <= self._rent_days() <= 365:
            raise BadOptions("rent_days: a whole number from 1 to 365")

    # --- calls ---

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
        return self._get_number(service, country, operator, ceiling_micros, exclude_prefixes)

    def cancel(self, *, upstream_ref: str) -> Call[int | None]:
        return self._finish(upstream_ref, End.UNUSED, None, is_rental=False)

    def retry(self, *, upstream_ref: str) -> None:
        """Every message is passed on as long as the operation is open."""

    def tell_end(self, *, upstream_ref: str, end: End, amount: Decimal | None, is_rental: bool) -> Call[None]:
        return self._finish(upstream_ref, end, amount, is_rental=is_rental)

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
        if hours != self._rent_days() * 24:
            raise UnknownToUpstream("numbers are rented for the days of the price, and for any service")
        return self._get_number(RENT, country, operator, ceiling_micros, ())

    def cancel_rental(self, *, upstream_ref: str) -> Call[int | None]:
        return self._finish(upstream_ref, End.UNUSED, None, is_rental=True)

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        return self._lists(read_items)

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        return self._lists(self._read_offers)

    def _get_number(
        self, service: str, country: str, operator: str, ceiling_micros: int, prefixes: Sequence[str]
    ) -> Call[Lease]:
        unit = self._unit()
        most = Decimal(ceiling_in(unit, ceiling_micros, places=2))
        price = self._price(service, country)
        if price is None:
            raise UnknownToUpstream("the account's option `prices` has no line for it")
        offered = min(price, most)
        if offered <= 0:
            raise PriceTooLow("nothing can be offered under this ceiling")
        native = Native(offered, self._currency, unit / 1_000_000)
        content: dict[str, object] = {
            "country": country,
            "operator": operator or ANY,
            "service": service,
            "sum": number_of(offered),
        }
        if "currency" in self.account.options:
            content["currency"] = CURRENCIES[self._currency]
        if unwanted := [int(digits) for one in prefixes if (digits := one.lstrip("+")).isdecimal()]:
            content["exceptionPhoneSet"] = unwanted
        cost = micros_of(offered, unit_micros=unit)
        return self._post(
            "GET_NUMBER",
            lambda reply: read_lease(reply, cost_micros=cost, native=native),
            content,
            is_rental=service == RENT,
        )

    def _finish(self, upstream_ref: str, end: End, amount: Decimal | None, *, is_rental: bool) -> Call[None]:
        content: dict[str, object] = {
            "activationId": _id_of(upstream_ref),
            "status": FINISH[end],
            "sum": 0 if amount is None or end in UNPAID else number_of(amount),
        }
        if is_rental:
            content["service"] = RENT
        return self._post("FINISH_ACTIVATION", read_done, content, is_rental=is_rental)

    def _lists(self, read: Reader[Sequence[T]]) -> Sequence[Call[Sequence[T]]]:
        kinds = (False, True) if self.account.options.get("rent_stock") else (False,)
        return [self._post("GET_SERVICES", read, {}, is_rental=is_rental) for is_rental in kinds]

    def _post(
        self, action: str, read: Reader[T], content: Mapping[str, object], *, is_rental: bool
    ) -> Call[T]:
        name, *others = action.split("_")
        path = f"/{name.lower()}{''.join(each.title() for each in others)}{'Rent' if is_rental else ''}"
        is_list = action == "GET_SERVICES"
        return Call(
            "POST",
            self.account.base_url + ("" if self.account.options.get("paths") == "one" else path),
            {},
            read,
            headers={"Authorization": f"Bearer {self.account.secret}"},
            json={"action": action, "key": self.account.secret, **content},
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            max_bytes=LIST_BYTES if is_list else 65_536,
            is_read=is_list,
        )

    # --- what we pay ---

    @property
    def _currency(self) -> str:
        return str(self.account.options.get("currency", "RUB"))

    def _unit(self) -> Decimal:
        """One unit of the currency in micro-USD. Raises BadOptions."""
        if self._currency != "USD" and "rate" not in self.account.options:
            raise BadOptions(f"rate: US dollars for one {self._currency}, such as 0.0109")
        return unit_of(self.account)

    def _rent_days(self) -> int:
        days = self.account.options.get("rent_days", 1)
        return days if type(days) is int else 0

    def _prices(self) -> Mapping[tuple[str, str], Decimal]:
        lines = self.account.options.get("prices", ())
        if not isinstance(lines, list | tuple):
            raise BadOptions("prices: a list of words")
        return _price_table(tuple(str(line) for line in lines))

    def _price(self, service: str, country: str) -> Decimal | None:
        """The most particular line; what is for every service is not for rents."""
        prices = self._prices()
        services = (service,) if service == RENT else (service, "*")
        places = [(place, each) for place in (country, "*") for each in services]
        if len(places) == 4:  # a line of the service comes before one of the country
            places[1], places[2] = places[2], places[1]
        return next((prices[place] for place in places if place in prices), None)

    def _read_offers(self, reply: Reply) -> Sequence[ListedOffer]:
        unit = self._unit()
        offers = []
        for country, operator, service, count in _stock(reply):
            if price := self._price(service, country):
                facts: dict[str, Any] = (
                    {"kind": "rental", "duration_hours": self._rent_days() * 24} if service == RENT else {}
                )
                cost = micros_of(price, unit_micros=unit)
                offers.append(ListedOffer(service, country, cost, count, operator, **facts))
        return offers

    # --- callbacks ---

    def read_callback(self, *, body: bytes, headers: Mapping[str, str], now: datetime) -> Callback:
        """A PUSH_SMS. The key, in the body, the header or both, is its proof; it has neither time nor
        signature, and what is repeated is known by its content.
        """
        content = object_of(orjson.loads(body))
        self._check_key(content, {name.lower(): value for name, value in headers.items()})
        if content.get("action", "PUSH_SMS") != "PUSH_SMS":
            raise ValueError("another action")
        text, sender = text_of(content["text"]), str(content.get("phoneFrom", ""))
        blocked = {name.casefold() for name in words_of(self.account.options, "blocked_senders")}
        if sender.casefold() in blocked:
            raise Unwanted("a blocked sender")
        known_by = f"{digits_of(content['smsId'])}\0{text}".encode(errors="replace")
        sms = Sms(text, hashlib.sha256(known_by).hexdigest()[:40], sender)
        return Callback(
            "",
            is_proof=True,
            status=Status(UpstreamState.RECEIVED, [sms]),
            is_rental=str(content.get("service", "")).lower() == RENT,
            phone=digits_of(content["phone"]),
        )

    def _check_key(self, content: Mapping[str, object], headers: Mapping[str, str]) -> None:
        """Raises Refused."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = [str(content["key"])] if "key" in content else []
        given += [token.strip()] if scheme.lower() == "bearer" else []
        wanted = (self.account.callback_secret or self.account.secret).encode()
        if not given or not all(hmac.compare_digest(one.encode(errors="replace"), wanted) for one in given):
            raise Refused("bad key")

    def answer_callback(self, taken: Taken) -> Answer:
        return ANSWERS[taken]


def number_of(amount: Decimal) -> int | float:
    """An amount as a JSON number: whole ones without a point."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _id_of(upstream_ref: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", upstream_ref, re.ASCII) or int(upstream_ref) > LARGEST_ID:
        raise UnknownToUpstream("that is no id of an operation")
    return int(upstream_ref)


@lru_cache(maxsize=256)
def _price_table(lines: Sequence[str]) -> Mapping[tuple[str, str], Decimal]:
    """(country, service) → what we pay; `*` stands for all. Raises BadOptions."""
    table: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        found = PRICE.fullmatch(line)
        if found is None or not Decimal(found["sum"]):
            raise BadOptions(f"prices: {line:.40} is not like telegram=40 or germany/telegram=45")
        place = ((found["country"] or "*").strip().lower(), found["service"].strip().lower())
        if place in table:
            raise BadOptions(f"prices: {'/'.join(place)} is there twice")
        table[place] = Decimal(found["sum"])
    return table


# --- answers ---


def read_lease(reply: Reply, *, cost_micros: int, native: Native) -> Lease:
    content = _content(reply)
    operation = int(digits_of(content["activationId"]))
    if not 1 <= operation <= LARGEST_ID:
        raise OutcomeUnknown("that is no id of an operation")
    return Lease(str(operation), digits_of(content["number"]), cost_micros, native=native)


def read_done(reply: Reply) -> None:
    _content(reply)


def read_items(reply: Reply) -> Sequence[CatalogueItem]:
    """Codes are names: of countries and of services."""
    lines = list(_stock(reply))
    countries = dict.fromkeys(country for country, _, _, _ in lines)
    services = dict.fromkeys(service for _, _, service, _ in lines if service != RENT)
    return [
        *(CatalogueItem("country", country, country) for country in countries),
        *(CatalogueItem("service", service, service) for service in services),
    ]


def _stock(reply: Reply) -> Iterator[tuple[str, str, str, int]]:
    """Country, operator, service and count of each line: of a country's operators `any` where it is there,
    for it is their sum, else each of them (OS-8).
    """
    countries = [object_of(one) for one in list_of(_content(reply)["countryList"])]
    for country, operators in dict(all_readable(_country, [(one,) for one in countries])).items():
        for operator in [ANY] if ANY in operators else sorted(operators):
            for service, count in operators[operator].items():
                yield country, operator, service, count


def _country(one: Mapping[str, Any]) -> tuple[str, Mapping[str, Mapping[str, int]]]:
    """Its name and, by operator, the counts of its services. The name's member may be the name (OS-4)."""
    if "country" in one:
        name, operators = text_of(one["country"]), one["operatorMap"]
    else:
        [name] = [key for key in one if key != "operatorMap"]
        operators = one.get("operatorMap") or object_of(one[name])["operatorMap"]
    shown = {
        operator: {service.lower(): _count(count) for service, count in object_of(services).items()}
        for operator, services in object_of(operators).items()
    }
    return name.lower(), shown


def _count(count: object) -> int:
    if type(count) is not int or not 0 <= count <= 1_000_000_000:
        raise OutcomeUnknown("a count that is none")
    return count


def _content(reply: Reply) -> dict[str, Any]:
    """The object of a success. Raises the refusal that the answer names, or OutcomeUnknown."""
    if reply.status == 429:
        raise Throttled("throttled", until=asks_to_wait_until(reply))
    content = object_of(json_of(reply))
    status, word = content.get("status"), str(content.get("error", ""))
    if status == "SUCCESS" and reply.status == 200:
        return content
    if status == "NO_NUMBERS" and reply.status in SAYS_SO:
        raise OutOfStock("NO_NUMBERS")
    if status == "ERROR" and word in REFUSALS and reply.status in SAYS_SO:
        raise REFUSALS[word](word)
    if status == "ERROR" and reply.status == 200:
        raise Refused(words_in(word))
    raise OutcomeUnknown(f"HTTP {reply.status} without a status that we know")
