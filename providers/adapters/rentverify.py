"""Upstreams speaking RentVerify's protocol: a path for each action, words or JSON back, no second message.

Contract: docs/protocols/rentverify.md. An offer's reference is its `price_id`, which fixes provider and
price: the ceiling of an order is the price that came with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from providers.adapters.reading import (
    all_readable,
    asks_to_wait_until,
    iso_time,
    json_of,
    list_of,
    micros_of,
    micros_or_none,
    object_of,
    text_of,
)
from providers.adapters.words import digits_of, message, text_in, word_of
from providers.contract import (
    Adapter,
    BadCredentials,
    Banned,
    Call,
    Can,
    CatalogueItem,
    Lease,
    ListedLease,
    ListedOffer,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    ProviderError,
    Reader,
    Reply,
    Status,
    T,
    Throttled,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

USUAL_PATH = "/api/v1"
LONG_LIST_BYTES = 16_777_216
REFUSALS: Mapping[str, type[ProviderError]] = {
    "BAD_KEY": BadCredentials,
    "NO_ACTIVATION": Banned,  # the account may not use the API; an unknown number is BAD_ACTION
    "BAD_ACTION": UnknownToUpstream,
    "NO_NUMBERS": OutOfStock,
    "NO_BALANCE": OutOfFunds,
    "RATE_LIMIT": Throttled,
}
TRY_LATER = ("NO_NUMBERS", 503)
STATES = {
    "STATUS_WAIT_CODE": UpstreamState.WAITING,
    "STATUS_OK": UpstreamState.RECEIVED,
    "STATUS_CANCEL": UpstreamState.CANCELED,
}
NO_NEWS = Status(UpstreamState.UNKNOWN)


class RentVerify(Adapter):
    protocol, label = "rentverify", "RentVerify"
    can = frozenset({Can.STATUS, Can.CANCEL, Can.LIST_ACTIVE, Can.CATALOGUE, Can.PRICES, Can.BALANCE})

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
        wish = {"service": service, "country": country}
        if offer_ref:
            wish["price_id"] = offer_ref
        return replace(self._get("getNumber", read_lease, **wish), is_read=False)

    def status(self, *, upstream_ref: str) -> Call[Status]:
        return self._get("getStatus", read_status, id=upstream_ref)

    def list_active(self) -> Call[Sequence[ListedLease]]:
        """Without messages: it finds lost orders, and each number is asked about on its own."""
        return self._get("getActiveActivations", read_list)

    def cancel(self, *, upstream_ref: str) -> Call[None]:
        return replace(self._get("setStatus", read_cancelled, id=upstream_ref, status="8"), is_read=False)

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        """The countries, followed by the services of one after the other."""
        return [replace(self._get("getCountries", read_countries), follow=self._first_services)]

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        return [self._get("getPrices", read_prices)]

    def balance(self) -> Call[int]:
        return self._get("getBalance", read_balance)

    def _first_services(self, reply: Reply) -> Call[Sequence[CatalogueItem]] | None:
        return self._services([item.code for item in read_countries(reply)])

    def _services(self, countries: Sequence[str]) -> Call[Sequence[CatalogueItem]] | None:
        if not countries:
            return None
        call = self._get("getServices", read_services, country=countries[0])
        return replace(call, follow=lambda reply: self._services(countries[1:]))

    def _get(self, action: str, read: Reader[T], **params: str) -> Call[T]:
        base, key = self.account.base_url, self.account.secret
        if not urlsplit(base).path.strip("/"):
            base += USUAL_PATH
        return Call(
            "GET",
            f"{base}/{action}",
            params,
            read,
            headers={"X-API-Token": key, "Authorization": f"Bearer {key}"},
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            max_bytes=LONG_LIST_BYTES,
        )


# --- answers in words ---


def read_lease(reply: Reply) -> Lease:
    upstream_ref, colon, phone = _said("ACCESS_NUMBER", reply).partition(":")
    if not colon:
        raise OutcomeUnknown("a number without a phone")
    return Lease(digits_of(upstream_ref), digits_of(phone))


def read_status(reply: Reply) -> Status:
    """A number that it does not know is a bad parameter to it. An unknown word is no news."""
    word, rest = word_of(text_in(reply))
    if reply.status == 200 and word in STATES:
        return Status(STATES[word], [message(rest)] if word == "STATUS_OK" and rest else ())
    if word and reply.status == 200 and word not in REFUSALS:
        return NO_NEWS
    if word == "BAD_ACTION" and reply.status != 400:
        raise OutcomeUnknown(f"HTTP {reply.status}: it has no such path")
    raise _refusal(reply)


def read_cancelled(reply: Reply) -> None:
    """Of a number with a message, or that has ended, it says that the action is bad."""
    try:
        _said("ACCESS_CANCEL", reply)
    except UnknownToUpstream as error:
        raise WrongState(str(error)) from None


def read_balance(reply: Reply) -> int:
    return micros_of(_said("ACCESS_BALANCE", reply))


def _said(word: str, reply: Reply) -> str:
    """What stands behind a word of success. Raises what the answer is instead."""
    said, rest = word_of(text_in(reply))
    if said != word or reply.status != 200:
        raise _refusal(reply)
    return rest


def _refusal(reply: Reply) -> ProviderError:
    word, _ = word_of(text_in(reply))
    if reply.status == 429 or (word, reply.status) == TRY_LATER:
        return Throttled(word, until=asks_to_wait_until(reply))
    return REFUSALS.get(word, OutcomeUnknown)(f"HTTP {reply.status} {word:.40}")


# --- answers in JSON ---


def read_list(reply: Reply) -> Sequence[ListedLease]:
    return [_listed(object_of(line)) for line in list_of(_content(reply))]


def _listed(line: Mapping[str, Any]) -> ListedLease:
    return ListedLease(
        upstream_ref=digits_of(line["id"]),
        phone=digits_of(line["number"]),
        state=UpstreamState.WAITING if line.get("status") == "active" else UpstreamState.UNKNOWN,
        service=text_of(line["service"]),
        country=text_of(line["country"]),
        cost_micros=micros_or_none(line.get("cost")),
        created_at=iso_time(line.get("created_at")),
        expire_at=iso_time(line.get("expires_at")),
    )


def read_countries(reply: Reply) -> Sequence[CatalogueItem]:
    return [CatalogueItem("country", text_of(line["id"]), text_of(line["name"])) for line in _lines(reply)]


def read_services(reply: Reply) -> Sequence[CatalogueItem]:
    return [CatalogueItem("service", text_of(line["code"]), text_of(line["name"])) for line in _lines(reply)]


def read_prices(reply: Reply) -> Sequence[ListedOffer]:
    """A line without a price_id could be bought at any price, so it is left out."""
    return all_readable(
        _offer,
        (
            (service, country, line)
            for country, services in object_of(_content(reply)).items()
            for service, line in object_of(services).items()
        ),
    )


def _offer(service: str, country: str, line: Mapping[str, Any]) -> ListedOffer:
    price_id = text_of(line["price_id"])
    if not price_id:
        raise OutcomeUnknown("a price without its id")
    return ListedOffer(
        service=service,
        country=country,
        cost_micros=micros_of(line["price"]),
        count=int(line["available"]),
        upstream_ref=price_id,
    )


def _lines(reply: Reply) -> Sequence[Mapping[str, Any]]:
    return [object_of(line) for line in list_of(_content(reply))]


def _content(reply: Reply) -> Any:
    if reply.status != 200 or not text_in(reply).startswith(("{", "[")):
        raise _refusal(reply)
    return json_of(reply)
