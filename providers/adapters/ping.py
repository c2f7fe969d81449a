"""Upstreams speaking the ping protocol: JSON, dollars, one product id per service, country and kind.

Contract: docs/protocols/ping.md. Recorded replies: tests/providers/recordings/ping/.
It knows no ceiling, keeps no list, shows a code without its text, and sends no callbacks. An offer's
reference is its product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from providers.adapters.reading import (
    asks_to_wait_until,
    id_of,
    iso_time,
    json_of,
    list_of,
    micros_of,
    micros_or_none,
    object_of,
    path_id,
    share_of,
    text_of,
    words_in,
)
from providers.adapters.words import digits_of
from providers.contract import (
    Account,
    Adapter,
    BadCredentials,
    BadOptions,
    Banned,
    Call,
    Can,
    CatalogueItem,
    Extension,
    Lease,
    ListedOffer,
    Option,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    ProviderError,
    Reader,
    Refused,
    Reply,
    Shape,
    Sms,
    Status,
    T,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

BY_CODE: Mapping[str, type[Refused]] = {
    "MISSING_API_KEY": BadCredentials,
    "INVALID_API_KEY": BadCredentials,
    "PERMISSION_DENIED": BadCredentials,
    "ACCOUNT_SUSPENDED": Banned,
    "INSUFFICIENT_BALANCE": OutOfFunds,
    "NO_NUMBERS_AVAILABLE": OutOfStock,
    "SERVICE_NOT_FOUND": UnknownToUpstream,
    "ORDER_NOT_FOUND": UnknownToUpstream,
    "RENTAL_NOT_FOUND": UnknownToUpstream,
    "VALIDATION_ERROR": UnknownToUpstream,
    "CAPABILITY_NOT_SUPPORTED": UnknownToUpstream,
    "INVALID_SERVICE_TYPE": UnknownToUpstream,
    "INVALID_DAYS": UnknownToUpstream,
    "ORDER_NOT_CANCELLABLE": WrongState,
    "RENTAL_NOT_ACTIVE": WrongState,
    "EARLY_CANCEL_DENIED": TooEarly,
    "TOO_MANY_ACTIVE_ORDERS": Throttled,
    "RATE_LIMIT_EXCEEDED": Throttled,
}
# The vendor's codes are mostly unknown, so where one is missing or new the status and the sentence decide.
BY_STATUS: Mapping[int, type[Refused]] = {
    400: UnknownToUpstream,
    401: BadCredentials,
    402: OutOfFunds,
    403: BadCredentials,
    404: UnknownToUpstream,
    409: WrongState,
    429: Throttled,
}
NO_FUNDS = re.compile(r"insufficient|not enough", re.IGNORECASE)
NO_STOCK = re.compile(r"no numbers|unavailable|out of stock", re.IGNORECASE)
STATES = {
    "pending": UpstreamState.WAITING,
    "completed": UpstreamState.RECEIVED,
    "cancelled": UpstreamState.CANCELED,
    "expired": UpstreamState.EXPIRED,
}
PAGE = 100
RENTAL_DAYS = (1, 3, 7, 14, 30)
LONG_BYTES = 4_194_304


class Ping(Adapter):
    protocol, label = "ping", "Ping (nonvoip)"
    can = frozenset(
        {
            Can.STATUS, Can.CANCEL, Can.CATALOGUE, Can.PRICES, Can.VOICE, Can.RENTAL, Can.EXTEND_RENTAL,
            Can.CANCEL_RENTAL,
        }
    )  # fmt: skip
    options: ClassVar[Mapping[str, Option]] = {
        "rental_days": Option(
            f"Terms of rentals in days, 1 to 30 each; {', '.join(map(str, RENTAL_DAYS))} when empty.",
            Shape.WHOLES,
        ),
        "pays_expired_back": Option(
            "yes, once you saw in the vendor's records that numbers which expire unused cost nothing. Until"
            " then each of them is listed as money at risk, for this API tells no funds.",
            choices=("yes",),
        ),
        **Adapter.options,
    }

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        if account.options.get("pays_expired_back") == "yes":
            self.can = self.can | {Can.REFUNDS_EXPIRED}

    def check_options(self) -> None:
        super().check_options()
        self._rental_days()

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
        wish = {"serviceId": offer_ref, "capability": capability}
        return self._write("/orders/create", lambda reply: _lease(reply, "verification"), wish)

    def status(self, *, upstream_ref: str) -> Call[Status]:
        return self._read(f"/orders/{path_id(upstream_ref)}/poll", read_status)

    def cancel(self, *, upstream_ref: str) -> Call[int | None]:
        path = f"/orders/{path_id(upstream_ref)}/cancel"
        return self._write(path, lambda reply: _refund(reply, "verification"))

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        return [self._page(read_items, skip=0)]

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        days = self._rental_days()
        return [self._page(lambda reply: read_offers(reply, rental_days=days), skip=0)]

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
        wish = {"serviceId": offer_ref, "days": _days(hours)}
        return self._write("/rentals/create", lambda reply: _lease(reply, "rental"), wish)

    def rental_status(self, *, upstream_ref: str) -> Call[Status]:
        path = f"/rentals/{path_id(upstream_ref)}/messages"
        return self._read(path, read_messages, max_bytes=LONG_BYTES)

    def extend_rental(
        self, *, upstream_ref: str, hours: int, ceiling_micros: int, our_ref: str
    ) -> Call[Extension]:
        return self._write(f"/rentals/{path_id(upstream_ref)}/extend", read_extension, {"days": _days(hours)})

    def cancel_rental(self, *, upstream_ref: str) -> Call[int | None]:
        return self._write(f"/rentals/{path_id(upstream_ref)}/cancel", lambda reply: _refund(reply, "rental"))

    # --- calls ---

    def _rental_days(self) -> Sequence[int]:
        days = self.account.options.get("rental_days", RENTAL_DAYS)
        if not isinstance(days, list | tuple) or any(
            type(one) is not int or not 1 <= one <= 30 for one in days
        ):
            raise BadOptions("rental_days: a list of whole numbers from 1 to 30")
        return days

    def _page(self, read: Reader[Sequence[T]], *, skip: int) -> Call[Sequence[T]]:
        """One page of the services; the reply's own count says whether another follows."""

        def follow(reply: Reply) -> Call[Sequence[T]] | None:
            content = _content(reply)
            shown, total = len(list_of(content["services"])), content.get("total")
            more = skip + shown < total if type(total) is int else shown == PAGE
            return self._page(read, skip=skip + shown) if shown and more else None

        params = {"skip": skip, "limit": PAGE}
        return self._read("/services", read, params=params, max_bytes=LONG_BYTES, follow=follow)

    def _read(self, path: str, read: Reader[T], **facts: Any) -> Call[T]:
        return Call(
            "GET",
            f"{self._base}{path}",
            facts.pop("params", {}),
            read,
            headers={"X-Ping-Api-Key": self.account.secret},
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            **facts,
        )

    def _write(self, path: str, read: Reader[T], content: object | None = None) -> Call[T]:
        return Call(
            "POST",
            f"{self._base}{path}",
            {},
            read,
            headers={"X-Ping-Api-Key": self.account.secret},
            json=content,
            timeout_seconds=self.account.timeout_seconds,
            account=self.account,
            is_read=False,
        )

    @property
    def _base(self) -> str:
        return re.sub(r"/v1(/nonvoip)?/*$", "", self.account.base_url) + "/v1/nonvoip"


def _days(hours: int) -> int:
    """Rentals run by whole days. Raises UnknownToUpstream for what is none."""
    if hours % 24 or not 1 <= hours // 24 <= 30:
        raise UnknownToUpstream("only 1 to 30 whole days can be rented")
    return hours // 24


# --- answers ---


def _lease(reply: Reply, kind: str) -> Lease:
    facts = object_of(_content(reply)[kind])
    return Lease(
        upstream_ref=id_of(facts["public_id"]),
        phone=digits_of(facts["phone_number"]),
        cost_micros=_cost(facts, "cost"),
        expire_at=iso_time(facts.get("expires_at")),
        is_retriable=False,
    )


def read_status(reply: Reply) -> Status:
    facts = object_of(_content(reply)["verification"])
    code, state = facts.get("code") or "", STATES.get(str(facts.get("status")), UpstreamState.UNKNOWN)
    if not code:
        return Status(state)
    kind = "voice" if facts.get("capability") == "voice" else "sms"
    sms = Sms(text="", code=text_of(code), kind=kind, received_at=iso_time(facts.get("received_at")))
    return Status(state, [sms])


def read_messages(reply: Reply) -> Status:
    """A rental's messages, the oldest first. Whether it still runs is not told: its end is by the clock."""
    lines = [object_of(line) for line in list_of(_content(reply)["messages"])]
    messages = [
        Sms(
            text=text_of(line["text"]),
            upstream_ref=text_of(line["id"]),
            sender=str(line.get("from") or ""),
            received_at=iso_time(line.get("received_at")),
        )
        for line in reversed(lines)
    ]
    return Status(UpstreamState.RECEIVED if messages else UpstreamState.WAITING, messages)


def read_extension(reply: Reply) -> Extension:
    facts = object_of(_content(reply)["rental"])
    return Extension(_cost(facts, "extension_cost"), iso_time(facts.get("expires_at")))


def _refund(reply: Reply, kind: str) -> int | None:
    """What comes back; nothing when the answer names no amount (PG-4)."""
    facts = object_of(_content(reply)[kind])
    if facts.get("status") != "cancelled":
        raise OutcomeUnknown("a cancel was answered with another state")
    refund = facts.get("refund")
    micros = micros_or_none(refund.get("amount")) if isinstance(refund, dict) and _is_usd(refund) else 0
    return max(micros or 0, 0)


def read_items(reply: Reply) -> Sequence[CatalogueItem]:
    """Services have no code of their own: their name is it."""
    services = _services(reply)
    names = dict.fromkeys(text_of(one["name"]) for one in services)
    countries = dict.fromkeys(text_of(one["country_code"]) for one in services)
    return [
        *(CatalogueItem("service", name, name) for name in names),
        *(CatalogueItem("country", code, code) for code in countries),
    ]


def read_offers(reply: Reply, *, rental_days: Sequence[int] = RENTAL_DAYS) -> Sequence[ListedOffer]:
    return [offer for one in _services(reply) if _is_usd(one) for offer in _offers(one, rental_days)]


def _offers(one: Mapping[str, Any], rental_days: Sequence[int]) -> Sequence[ListedOffer]:
    cost = micros_or_none(one.get("cost"))
    if not cost or cost < 0:
        return []
    product = text_of(one["public_id"])
    facts: dict[str, Any] = {
        "service": text_of(one["name"]),
        "country": text_of(one["country_code"]),
        "count": 1 if one.get("available") is True else 0,
        "capabilities": [word for word in one.get("capabilities") or ("sms",) if word in ("sms", "voice")],
    }
    if one.get("type") == "verification":
        quality = share_of(one.get("success_rate"))
        return [ListedOffer(**facts, cost_micros=cost, upstream_ref=product, quality=quality)]
    if one.get("type") != "rental":
        return []
    return [
        ListedOffer(
            **facts,
            cost_micros=cost * days,
            upstream_ref=product,
            kind="rental",
            duration_hours=days * 24,
        )
        for days in rental_days
    ]


def _services(reply: Reply) -> list[dict[str, Any]]:
    return [object_of(one) for one in list_of(_content(reply)["services"])]


def _cost(facts: Mapping[str, Any], name: str) -> int:
    if not _is_usd(facts):
        raise OutcomeUnknown("a price in another currency")
    return micros_of(facts[name])


def _is_usd(facts: Mapping[str, Any]) -> bool:
    return str(facts.get("currency", "USD")) == "USD"


# --- refusals ---


def _content(reply: Reply) -> dict[str, Any]:
    """The object of a success. Raises the refusal that the answer names, or OutcomeUnknown."""
    if reply.status == 429:
        raise Throttled("throttled", until=asks_to_wait_until(reply))
    content = object_of(json_of(reply))
    if content.get("result") == "failed":
        raise _refusal(reply, content)
    if reply.status not in (200, 201) or content.get("result") != "success":
        raise OutcomeUnknown(f"HTTP {reply.status} without a result")
    return content


def _refusal(reply: Reply, content: Mapping[str, Any]) -> ProviderError:
    code, sentence = str(content.get("code") or ""), str(content.get("message") or "")
    word = words_in(code or reply.status)
    kind = BY_CODE.get(code) or BY_STATUS.get(reply.status)
    if kind is None or reply.status >= 500 or reply.status < 400:
        return OutcomeUnknown(f"HTTP {reply.status} {word}")
    if code in BY_CODE:
        return kind(word)
    if "BALANCE" in code or "FUNDS" in code or NO_FUNDS.search(sentence):
        return OutOfFunds(word)
    if reply.status in (404, 409) and NO_STOCK.search(sentence):
        return OutOfStock(word)
    return kind(word)
