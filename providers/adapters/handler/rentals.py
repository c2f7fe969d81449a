"""Reading rentals, which the family answers in JSON throughout."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from providers.adapters.handler.answers import STATES, answer_of, lines_of, refusal, shown, time_in
from providers.adapters.handler.leases import lease_of
from providers.adapters.reading import micros_of, unit_of
from providers.adapters.words import digits_of
from providers.contract import (
    Account,
    Extension,
    Lease,
    ListedLease,
    ListedOffer,
    OutcomeUnknown,
    OutOfStock,
    Reply,
    Sms,
    Status,
    UnknownToUpstream,
    UpstreamState,
)


def read_rental(account: Account, reply: Reply) -> Lease:
    """The classic answer, or hero's, which is that of an order."""
    content = _success(account, reply)
    if "phone" not in content:
        return lease_of(content, account)
    phone = content["phone"]
    return Lease(
        upstream_ref=digits_of(phone["id"]),
        phone=digits_of(phone["number"]),
        expire_at=time_in(phone.get("endDate"), account),
    )


def read_extension(account: Account, reply: Reply) -> Extension:
    return Extension(ends_at=time_in(_success(account, reply)["phone"].get("endDate"), account))


def read_done(account: Account, reply: Reply) -> None:
    if _success(account, reply).get("status") != "success":
        raise OutcomeUnknown("an action was answered without its success")


def read_rental_status(account: Account, reply: Reply) -> Status:
    answer = answer_of(reply)
    if answer.word in STATES:
        return Status(STATES[answer.word])
    messages = [_sms(line, account) for _, line in lines_of(_success(account, reply)["values"])]
    return Status(UpstreamState.RECEIVED if messages else UpstreamState.WAITING, messages)


def read_rentals(account: Account, reply: Reply) -> Sequence[ListedLease]:
    if answer_of(reply).word == "NO_NUMBERS":
        return []
    return [
        ListedLease(digits_of(line["id"]), digits_of(line["phone"]), UpstreamState.WAITING)
        for _, line in lines_of(_success(account, reply)["values"])
    ]


def read_rental_prices(account: Account, reply: Reply, *, country: str, hours: int) -> Sequence[ListedOffer]:
    """The services of one country for one term; a country that rents nothing is an empty list."""
    try:
        services = _success(account, reply)["services"]
    except (OutOfStock, UnknownToUpstream):
        return []
    unit = unit_of(account)
    return [
        ListedOffer(
            service=service,
            country=country,
            cost_micros=micros_of(line["cost"], unit_micros=unit),
            count=_stock(line.get("quant")),
            kind="rental",
            duration_hours=hours,
        )
        for service, line in lines_of(services)
    ]


def _stock(quant: Any) -> int:
    """An object with what is left and what there is in all, or (older) a number."""
    return int(quant["current"] if isinstance(quant, dict) else quant)


def _sms(line: Mapping[str, Any], account: Account) -> Sms:
    """A rental has no number for its messages: time, sender and text together tell them apart."""
    sender, text, date = shown(line.get("phoneFrom")), shown(line.get("text")), shown(line.get("date"))
    known_by = hashlib.sha256(f"{date}\0{sender}\0{text}".encode(errors="replace")).hexdigest()[:40]
    return Sms(text, known_by, sender=sender, received_at=time_in(date, account))


def _success(account: Account, reply: Reply) -> dict[str, Any]:
    answer = answer_of(reply)
    if answer.word:
        raise refusal(answer, account, reply)
    return answer.object()
