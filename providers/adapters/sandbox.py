"""Upstreams speaking the sandbox's protocol: JSON, one key per account, refusals as `{"error": word}`.

Contract: docs/protocols/sandbox.md. Its service and country codes are the canonical ids.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from providers.adapters.reading import list_of, share_of, text_of
from providers.contract import (
    Adapter,
    BadCredentials,
    Banned,
    Call,
    Callback,
    Can,
    CatalogueItem,
    Extension,
    Lease,
    ListedLease,
    ListedOffer,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    ProviderError,
    Reader,
    Refused,
    Reply,
    Sms,
    Status,
    T,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

REFUSALS: Mapping[str, type[Refused]] = {
    "out_of_stock": OutOfStock,
    "price_too_low": PriceTooLow,
    "unknown_service": UnknownToUpstream,
    "unknown_order": UnknownToUpstream,
    "wrong_state": WrongState,
    "too_early": TooEarly,
    "no_balance": OutOfFunds,
    "bad_key": BadCredentials,
    "banned": Banned,
    "throttled": Throttled,
}
STATES = {
    state.value: state for state in UpstreamState if state not in (UpstreamState.GONE, UpstreamState.UNKNOWN)
}
WAITING_TEXT = '{"s":"waiting"}'
WAITING = Status(UpstreamState.WAITING)
NO_NEWS = Status(UpstreamState.UNKNOWN)
LONG_LIST_BYTES = 16_777_216
CALLBACK_SECONDS = 300


class Sandbox(Adapter):
    protocol, label = "sandbox", "Sandbox (numbers that nobody owns)"
    can = frozenset(
        {
            Can.STATUS, Can.CEILING, Can.CANCEL, Can.RETRY, Can.FINISH, Can.LIST_ACTIVE, Can.MESSAGES_IN_LIST,
            Can.CALLBACK, Can.CATALOGUE, Can.PRICES, Can.BALANCE, Can.OWN_REFERENCE, Can.REPORT,
            Can.RENTAL, Can.EXTEND_RENTAL, Can.CANCEL_RENTAL, Can.FINISH_RENTAL, Can.LIST_RENTALS,
            Can.RENTAL_MESSAGES_IN_LIST, Can.REFUNDS_EXPIRED,
        }
    )  # fmt: skip

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
        wish = {
            "service": service,
            "country": country,
            "operator": operator,
            "offer": offer_ref,
            "max_price": ceiling_micros,
            "ref": our_ref,
        }
        if self.account.callback_url:
            wish["callback_url"] = self.account.callback_url
        return self._write("/v1/orders", read_lease, wish)

    def status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read(f"/v1/orders/{upstream_ref}", read_status)

    def list_active(self) -> Call[Sequence[ListedLease]]:
        return self._read("/v1/orders", read_list, max_bytes=LONG_LIST_BYTES)

    def cancel(self, *, upstream_ref: str) -> Call[None]:
        return self._write(f"/v1/orders/{upstream_ref}/cancel", read_done)

    def retry(self, *, upstream_ref: str) -> Call[None]:
        return self._write(f"/v1/orders/{upstream_ref}/retry", read_done)

    def finish(self, *, upstream_ref: str) -> Call[None]:
        return self._write(f"/v1/orders/{upstream_ref}/finish", read_done)

    def report(self, *, upstream_ref: str, reason_id: int, message: str) -> Call[None]:
        complaint = {"reason": reason_id, "message": message}
        return self._write(f"/v1/orders/{upstream_ref}/report", read_done, complaint)

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        return [self._read("/v1/catalogue", read_catalogue, max_bytes=LONG_LIST_BYTES)]

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        return [
            self._read("/v1/prices", read_prices, max_bytes=LONG_LIST_BYTES),
            self._read("/v1/rental_prices", read_rental_prices, max_bytes=LONG_LIST_BYTES),
        ]

    def balance(self) -> Call[int]:
        return self._read("/v1/balance", read_balance)

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
        wish = {
            "service": service,
            "country": country,
            "hours": hours,
            "max_price": ceiling_micros,
            "ref": our_ref,
        }
        if self.account.callback_url:
            wish["callback_url"] = self.account.callback_url
        return self._write("/v1/rentals", read_rental, wish)

    def rental_status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read(f"/v1/rentals/{upstream_ref}", read_status, max_bytes=LONG_LIST_BYTES)

    def list_rentals(self) -> Call[Sequence[ListedLease]]:
        return self._read("/v1/rentals", read_rentals, max_bytes=LONG_LIST_BYTES)

    def extend_rental(
        self, *, upstream_ref: str, hours: int, ceiling_micros: int, our_ref: str
    ) -> Call[Extension]:
        wish = {"hours": hours, "max_price": ceiling_micros}
        return self._write(f"/v1/rentals/{upstream_ref}/extend", read_extension, wish)

    def cancel_rental(self, *, upstream_ref: str) -> Call[int | None]:
        return self._write(f"/v1/rentals/{upstream_ref}/cancel", read_refund)

    def finish_rental(self, *, upstream_ref: str) -> Call[None]:
        return self._write(f"/v1/rentals/{upstream_ref}/finish", read_done)

    def read_callback(self, *, body: bytes, headers: Mapping[str, str], now: datetime) -> Callback:
        given = {name.lower(): value for name, value in headers.items()}
        message_id, timestamp = given.get("x-sandbox-id", ""), given.get("x-sandbox-timestamp", "")
        signed = f"{message_id}.{timestamp}.".encode() + body
        wanted = hmac.digest(self.account.secret.encode(), signed, "sha256").hex()
        if not hmac.compare_digest(given.get("x-sandbox-signature", "").encode(), wanted.encode()):
            raise Refused("bad signature")
        if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:15])) > CALLBACK_SECONDS:
            raise Refused("too old")
        content = _object(body)
        is_rental = content.get("rental") is True
        return Callback(str(content["id"]), is_proof=True, status=_status(content), is_rental=is_rental)

    def _read(self, path: str, read: Reader[T], *, max_bytes: int = 65_536) -> Call[T]:
        return Call(
            "GET",
            self.account.base_url + path,
            {},
            read,
            headers={"X-Api-Key": self.account.secret},
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            max_bytes=max_bytes,
        )

    def _write(self, path: str, read: Reader[T], content: object | None = None) -> Call[T]:
        return Call(
            "POST",
            self.account.base_url + path,
            {},
            read,
            headers={"X-Api-Key": self.account.secret},
            json=content,
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            is_read=False,
        )


def read_lease(reply: Reply) -> Lease:
    content = _content(reply)
    return replace(_lease(content), cancelable_after=_time(content["cancelable"]), is_retriable=True)


def read_rental(reply: Reply) -> Lease:
    return _lease(_content(reply))


def _lease(content: Mapping[str, Any]) -> Lease:
    if not content["id"].isdecimal() or not content["phone"].isdecimal():
        raise OutcomeUnknown("an order was answered without an id or phone")
    return Lease(
        upstream_ref=content["id"],
        phone=content["phone"],
        cost_micros=_whole(content["price"]),
        expire_at=_time(content["expires"]),
        operator=text_of(content["operator"]),
    )


def read_extension(reply: Reply) -> Extension:
    content = _content(reply)
    return Extension(cost_micros=_whole(content["price"]), ends_at=_time(content["expires"]))


def read_refund(reply: Reply) -> int | None:
    return _whole(_content(reply)["refund"])


def read_rentals(reply: Reply) -> Sequence[ListedLease]:
    return [replace(_listed(row[:9]), expire_at=_time(row[9])) for row in _rows(reply)]


def read_status(reply: Reply) -> Status:
    if reply.text == WAITING_TEXT:
        return WAITING
    return _status(_content(reply))


def read_list(reply: Reply) -> Sequence[ListedLease]:
    return [_listed(row) for row in _rows(reply)]


def _listed(row: Sequence[Any]) -> ListedLease:
    upstream_ref, our_ref, phone, state, service, country, price, at, messages = row
    return ListedLease(
        upstream_ref=text_of(upstream_ref),
        phone=text_of(phone),
        state=STATES.get(state, UpstreamState.UNKNOWN),
        our_ref=text_of(our_ref),
        service=text_of(service),
        country=text_of(country),
        cost_micros=_whole(price),
        created_at=_time(at),
        messages=[_sms(line) for line in messages] if messages else (),
    )


def read_done(reply: Reply) -> None:
    if _content(reply).get("ok") is not True:
        raise OutcomeUnknown("an action was answered without its ok")


def read_balance(reply: Reply) -> int:
    return _whole(_content(reply)["balance"])


def read_catalogue(reply: Reply) -> Sequence[CatalogueItem]:
    content = _content(reply)
    return [
        CatalogueItem(kind, text_of(code), text_of(name))
        for kind, lines in (("service", content["services"]), ("country", content["countries"]))
        for code, name in lines
    ]


def read_prices(reply: Reply) -> Sequence[ListedOffer]:
    return [replace(_offer(row[:6]), quality=share_of(row[6])) for row in _rows(reply)]


def read_rental_prices(reply: Reply) -> Sequence[ListedOffer]:
    return [replace(_offer(row[:6]), kind="rental", duration_hours=_whole(row[6])) for row in _rows(reply)]


def _offer(row: Sequence[Any]) -> ListedOffer:
    service, country, operator, offer, price, count = row
    return ListedOffer(
        service=text_of(service),
        country=text_of(country),
        cost_micros=_whole(price),
        count=_whole(count),
        operator=text_of(operator),
        upstream_ref=text_of(offer),
    )


def _rows(reply: Reply) -> list[Any]:
    return list_of(_content(reply)["rows"])


def _content(reply: Reply) -> dict[str, Any]:
    """The object of an answer. Raises the refusal that it names, or OutcomeUnknown for anything unknown."""
    content = _object(reply.text)
    if "error" in content:
        raise _refusal(content)
    if reply.status != 200:
        raise OutcomeUnknown(f"HTTP {reply.status}")
    return content


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(text)
    except ValueError:
        raise OutcomeUnknown("the answer is not JSON") from None
    if not isinstance(content, dict):
        raise OutcomeUnknown("the answer is not an object")
    return content


def _refusal(content: Mapping[str, Any]) -> ProviderError:
    word = str(content["error"])
    match REFUSALS.get(word):
        case None:
            return OutcomeUnknown(f"unknown word {word:.40}")
        case kind if kind is PriceTooLow:
            return PriceTooLow(word, suggested_micros=content.get("suggested"))
        case kind if kind is TooEarly:
            return TooEarly(word, at=_time(content["at"]) if "at" in content else None)
        case kind if kind is Banned or kind is Throttled:
            return kind(word, until=_time(content["until"]) if "until" in content else None)
        case kind:
            return kind(word)


def _status(content: Mapping[str, Any]) -> Status:
    state = STATES.get(content.get("s", ""))
    if state is None:
        return NO_NEWS
    expires = content.get("expires")
    messages = [_sms(line) for line in content.get("m", ())]
    price = None if content.get("p") is None else _whole(content["p"])
    return Status(state, messages, price, None if expires is None else _time(expires))


def _sms(line: Mapping[str, Any]) -> Sms:
    return Sms(
        text=text_of(line["t"]),
        upstream_ref=text_of(line["i"]),
        sender=text_of(line["f"]),
        code=text_of(line["c"]),
        kind=text_of(line["k"]),
        received_at=_time(line["at"]),
    )


def _whole(value: object) -> int:
    """A whole number, of micro-USD or of things, never a float or a bool."""
    if type(value) is not int:
        raise OutcomeUnknown("not a whole number where one should be")
    return value


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
