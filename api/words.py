"""What the two dialects of words, handler and rentverify, have in common: short texts, codes, and orders
called by their number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from django.http import HttpResponse

from accounts.identity import Buyer
from activations import queries
from activations.queries import ActivationRow, Shown, row_from, shown_from
from activations.services import closing
from api import diary
from api.auth import Extra
from api.wire import no_store, shown_code
from portal.errors import (
    NotCancellable,
    UnknownActivation,
    UnknownCountry,
    UnknownService,
    UpstreamUnavailable,
    ValidationError,
)
from providers.spellings import is_known, meaning

CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
WHOLE = re.compile(r"[0-9]{1,18}")

Params = Mapping[str, str]

WALLET = Extra("w.balance_micros - w.held_micros", "LEFT JOIN billing_wallet w ON w.customer_id = c.id")
MINE = (
    "LEFT JOIN activations_activation a ON a.num_id = %(number)s AND a.tenant_id = k.tenant_id"
    " AND a.customer_id = c.id AND a.lease_state <> 'unsold'"
)
ONE, POLLED = Extra(queries.COLUMNS, MINE), Extra(queries.SHOWN, MINE)


def pair_in(*also: str) -> Extra:
    """What the codes of `service` and `country` mean in the route's `scheme`, else in those of `also`, and
    whether there is such a thing.
    """
    service, country = meaning("service", *also), meaning("country", *also)
    known = f"{is_known('service', *also)}, {is_known('country', *also)}"
    return Extra(f"{service}, {country}, {known}")


def known_pair(found: Sequence[object]) -> tuple[str | None, str | None]:
    """The canonical ids that `pair_in` found; None for a code that was not given. Raises UnknownService,
    UnknownCountry.
    """
    service_id, country_id, has_service, has_country = found
    if service_id and not has_service:
        raise UnknownService()
    if country_id and not has_country:
        raise UnknownCountry()
    return (str(service_id) if service_id else None), (str(country_id) if country_id else None)


def code_in(params: Params, name: str) -> str:
    """A service's or country's spelling; `0` is a country. Raises ValidationError."""
    given = params.get(name, "")
    if not CODE.fullmatch(given):
        raise ValidationError({name: "is required." if not given else "is no code."})
    return given


def number_in(params: Params) -> dict[str, str | int]:
    """A number's id, for MINE. What is no number is one that nobody has; none at all is a fault of the
    request. Raises ValidationError.
    """
    given = params.get("id", "")
    if not given:
        raise ValidationError({"id": "is required."})
    return {"number": int(given) if WHOLE.fullmatch(given) else 0}


def row_of(found: Sequence[object]) -> ActivationRow:
    """The order that ONE found. Raises UnknownActivation."""
    if found[0] is None:
        raise UnknownActivation()
    row = row_from(found)
    diary.about(row.hex_id)
    return row


def polled_row(found: Sequence[object]) -> Shown:
    """The order that POLLED found. Raises UnknownActivation."""
    if found[0] is None:
        raise UnknownActivation()
    [row] = shown_from([found])
    diary.about(row.hex_id)
    return row


def cancel(buyer: Buyer, row: ActivationRow, *, at_any_age: bool = False) -> None:
    """Cancel an open number. Raises NotCancellable, EarlyCancel, UpstreamUnavailable (it is on its way)."""
    if row.has_code:
        raise NotCancellable()
    if row.is_open and closing.cancel(buyer=buyer, hex_id=row.hex_id, at_any_age=at_any_age).is_cancelling:
        raise UpstreamUnavailable("The cancellation is on its way; ask for the status in a moment.")


class Told(Protocol):
    """What of an order its state's word is made of."""

    @property
    def is_open(self) -> bool: ...
    @property
    def has_code(self) -> bool: ...
    @property
    def sms_code(self) -> str | None: ...
    @property
    def sms_text(self) -> str | None: ...


def state_of(row: Told) -> str:
    """The word of a number's state (protocols/README.md 2.1)."""
    if row.has_code:
        return f"STATUS_OK:{shown_code(row.sms_code, row.sms_text)}"
    return "STATUS_WAIT_CODE" if row.is_open else "STATUS_CANCEL"


def text_answer(words: str, *, status: int = 200) -> HttpResponse:
    """Words without a newline, for nobody's cache."""
    return no_store(HttpResponse(words, status=status, content_type="text/plain; charset=utf-8"))
