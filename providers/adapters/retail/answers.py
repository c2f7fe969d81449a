"""Reading a retail provider's answers; the words that it has for states and refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from providers.adapters.reading import (
    CENT_MICROS,
    asks_to_wait_until,
    cents_of,
    id_of,
    is_id,
    json_of,
    list_of,
    micros_or_none,
    object_of,
    share_of,
    text_of,
    unix_time,
    words_in,
)
from providers.adapters.words import digits_of
from providers.contract import (
    BadCredentials,
    Banned,
    CatalogueItem,
    Lease,
    ListedLease,
    ListedOffer,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    ProviderError,
    Refused,
    Reply,
    Sms,
    Status,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

# Names vary between releases, so the status decides and the name refines. A 5xx may have happened.
BY_STATUS: Mapping[int, type[Refused]] = {
    400: UnknownToUpstream,
    401: BadCredentials,
    402: OutOfFunds,
    403: Banned,
    404: UnknownToUpstream,
    409: WrongState,
    429: Throttled,
}
BY_NAME: Mapping[str, type[Refused]] = {
    "NoNumbersAvailableException": OutOfStock,
    "MaxPriceExceededException": PriceTooLow,
    "ServiceProhibitedException": UnknownToUpstream,
    "LowSuccessRateException": Banned,
}
OPEN_STATES = {
    "smsRequested": UpstreamState.WAITING,
    "smsReceived": UpstreamState.RECEIVED,
    "retryRequested": UpstreamState.RETRYING,
    "retryReceived": UpstreamState.RECEIVED,
}
ENDED_STATES = {
    "finalized": UpstreamState.FINISHED,
    "expired": UpstreamState.EXPIRED,
    "canceled": UpstreamState.CANCELED,
}

# --- leases ---


def read_lease(reply: Reply) -> Lease:
    facts = object_of(_content(reply))
    return Lease(
        upstream_ref=id_of(facts["activation_id"]),
        phone=digits_of(facts["phone"]),
        cost_micros=cents_of(facts["price"]),
        expire_at=unix_time(facts.get("expire_at")),
        cancelable_after=unix_time(facts.get("cancelable_after")),
        is_retriable=facts.get("is_retriable") is not False,
        is_cancelable="cancelable_after" not in facts or facts["cancelable_after"] is not None,
    )


def read_status(reply: Reply) -> Status:
    return status_of(object_of(_content(reply)))


def read_list(reply: Reply) -> Sequence[ListedLease]:
    lines = map(object_of, list_of(_content(reply)))
    return [_listed(facts) for facts in lines if is_id(facts["activation_id"])]


def _listed(facts: Mapping[str, Any]) -> ListedLease:
    status = status_of(facts)
    return ListedLease(
        upstream_ref=id_of(facts["activation_id"]),
        phone=digits_of(facts["phone"]),
        state=status.state,
        service=text_of(facts["service_id"]),
        country=text_of(facts["country_id"]),
        cost_micros=status.cost_micros,
        created_at=unix_time(facts.get("created_at")),
        messages=status.messages,
        expire_at=unix_time(facts.get("expire_at")),
    )


def status_of(facts: Mapping[str, Any]) -> Status:
    """State words by table; one that is not in it is no news, but a message beside it is."""
    sms_status, life = facts.get("sms_status"), facts.get("activation_status")
    if facts.get("billing_status") == "refunded":
        state = UpstreamState.REFUNDED
    elif life == "active":
        state = OPEN_STATES.get(str(sms_status), UpstreamState.UNKNOWN)
    else:
        state = ENDED_STATES.get(str(life), UpstreamState.UNKNOWN)
    return Status(state, _messages(facts), micros_or_none(facts.get("price"), unit_micros=CENT_MICROS))


def _messages(facts: Mapping[str, Any]) -> Sequence[Sms]:
    """The one message that is shown. While a further one is awaited it is the old one, which we have.

    It has no id, and a service may send the same text again: after a retry the time tells them apart.
    """
    text, code, word = facts.get("sms_text") or "", facts.get("sms_code") or "", facts.get("sms_status")
    if word not in ("smsReceived", "retryReceived") or not (text or code):
        return ()
    time = facts.get("updated_at") if word == "retryReceived" else ""
    ref = hashlib.sha256(f"{time}\0{text}".encode(errors="replace")).hexdigest()[:32]
    return [Sms(text=text_of(text), code=text_of(code), upstream_ref=ref)]


def read_done(reply: Reply) -> None:
    if object_of(_content(reply)).get("result") != "success":
        raise OutcomeUnknown("an action was answered without its success")


def read_report(reply: Reply) -> None:
    """A report that exists already was heard; one that is declined on the spot was not taken."""
    try:
        answer = object_of(_content(reply)).get("status")
    except WrongState:
        if _error_of(reply).get("errorName") == "ReportAlreadyExistsException":
            return
        raise
    if answer == "declined":
        raise Refused("declined on the spot")
    if answer != "accepted":
        raise OutcomeUnknown("a report was answered with neither word")


# --- money, catalogue, prices ---


def read_balance(reply: Reply) -> int:
    funds = object_of(_content(reply))
    return cents_of(funds["total"]) - cents_of(funds["reserved"])


def read_countries(reply: Reply) -> Sequence[CatalogueItem]:
    return [_item("country", object_of(each)) for each in list_of(_content(reply))]


def read_services(reply: Reply) -> Sequence[CatalogueItem]:
    return [
        _item("service", facts)
        for facts in map(object_of, list_of(_content(reply)))
        if facts.get("prohibited") is not True
    ]


def _item(kind: str, facts: Mapping[str, Any]) -> CatalogueItem:
    names = [name for name in str(facts.get("alt_name") or "").split("|") if name]
    return CatalogueItem(kind, text_of(facts[f"{kind}_id"]), text_of(facts["name"]), names)


def read_prices(reply: Reply) -> Sequence[ListedOffer]:
    offers = [
        _offer(text_of(country["country_id"]), object_of(line))
        for country in map(object_of, list_of(_content(reply)))
        for line in list_of(country["services"])
    ]
    return [offer for offer in offers if offer]


def _offer(country: str, line: Mapping[str, Any]) -> ListedOffer | None:
    """One line at the suggested price; None when it is not for sale now."""
    price, count = object_of(line.get("price") or {}), line.get("count")
    cost = micros_or_none(price.get("suggested"), unit_micros=CENT_MICROS)
    if not cost or cost < 0 or type(count) is not int:
        return None
    return ListedOffer(
        service=text_of(line["service_id"]),
        country=country,
        cost_micros=cost,
        count=max(count, 0),
        quality=share_of(object_of(line.get("quality") or {}).get("avg")),
    )


# --- refusals ---


def _content(reply: Reply) -> Any:
    """The JSON of a success. Raises the refusal that the answer names, or OutcomeUnknown."""
    if 200 <= reply.status < 300:
        content = json_of(reply)
        if isinstance(content, dict) and "errorName" in content:
            raise OutcomeUnknown(f"HTTP {reply.status} with {words_in(content['errorName'])}")
        return content
    raise _refusal(reply)


def _error_of(reply: Reply) -> Mapping[str, Any]:
    """The protocol's error object; empty when the body is none."""
    try:
        content = json_of(reply)
    except OutcomeUnknown:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("errorName"), str) else {}


def _refusal(reply: Reply) -> ProviderError:
    """A status without the protocol's own body came from something between us: what happened is unknown. Only
    429 means the same whoever says it.
    """
    error = _error_of(reply)
    name = words_in(error.get("errorName", ""))
    kind = BY_NAME.get(name) or BY_STATUS.get(reply.status)
    if kind is Throttled:
        return Throttled(name, until=asks_to_wait_until(reply))
    if not error or kind is None or reply.status >= 500:
        return OutcomeUnknown(f"HTTP {reply.status} {name}")
    if kind is PriceTooLow:
        suggested = micros_or_none(error.get("suggestedPrice"), unit_micros=CENT_MICROS)
        return PriceTooLow(name, suggested_micros=suggested)
    if kind is WrongState and (at := unix_time(error.get("cancelable_after"))):
        return TooEarly(name, at=at)
    if kind is Banned:
        return Banned(name, until=unix_time(error.get("unblock_at")) or asks_to_wait_until(reply))
    return kind(name)
