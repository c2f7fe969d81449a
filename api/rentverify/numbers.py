"""Ordering a number, following it, giving it back (rentverify.md 3 to 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from django.http import HttpResponseBase
from django.utils import timezone

from activations import policy, queries
from activations.services import ordering
from activations.services.eligibility import check_may_order
from activations.wish import SaleTerms, Wish
from api import diary, words
from api.auth import Extra
from api.door import setting
from api.models import CANCEL_FEE_MICROS
from api.rentverify.entry import DIALECT, Asked, call
from api.rentverify.price_ids import read_price_id
from api.wire import balance_text, json_response, price_text
from api.words import ONE, POLLED, WALLET, Params, code_in, number_in, polled_row, row_of, text_answer
from portal.errors import (
    NotCancellable,
    PortalError,
    PriceTokenInvalid,
    UpstreamUnavailable,
    ValidationError,
)
from providers.spellings import meaning, spellings

CANCEL = "8"
DEARER_PERCENT = 20  # without a price_id: how far above the cheapest offer the next ones may be
ORDERED = Extra(
    f"{meaning('service', 'handler')}, {meaning('country', 'handler')},"
    f" {setting('rentverify_cancel_fee_micros')}"
)


def _what(params: Params) -> dict[str, str | int]:
    return {"scheme": DIALECT, "service": code_in(params, "service"), "country": code_in(params, "country")}


@call("balance", extra=WALLET)
def get_balance(asked: Asked) -> HttpResponseBase:
    return text_answer(f"ACCESS_BALANCE:{balance_text(asked.found[0] or 0)}")


@call("lists")
def get_active(asked: Asked) -> HttpResponseBase:
    """Everything open, received or not."""
    names = spellings(DIALECT)
    rows = queries.active_rows(tenant_id=asked.buyer.tenant_id, customer_id=asked.buyer.customer_id)
    return json_response(
        [
            {
                "id": row.num_id,
                "number": f"+{row.phone}",
                "service": names.services.get(row.service_id, row.service_id),
                "country": names.countries.get(row.country_id, row.country_id),
                "status": "active",
                "cost": orjson.Fragment(price_text(row.customer_price_micros).encode()),
                "expires_at": _moment(row.expire_at),
                "created_at": _moment(row.created_at),
            }
            for row in rows
            if not row.is_checking
        ]
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


@call("order", scope="order", extra=ORDERED, reads=_what)
def get_number(asked: Asked) -> HttpResponseBase:
    now = timezone.now()
    service_id, country_id, fee_micros = asked.found
    try:
        wish = _wish(asked, service_id=service_id, country_id=country_id, now=now)
    except PortalError:
        check_may_order(asked.buyer, now=now)  # who may not order hears that first
        raise
    row = ordering.order_activation(
        buyer=asked.buyer,
        wish=wish,
        request_key=None,
        channel=DIALECT,
        terms=SaleTerms(
            cancel_fee_micros=CANCEL_FEE_MICROS if fee_micros is None else fee_micros,
            life_seconds=policy.SHORT_LIFE_SECONDS,
            ends_finalized=True,
            keeps_number=True,  # a status has no phone
        ),
        now=now,
    )
    diary.about(row.hex_id)
    if row.is_checking:
        raise UpstreamUnavailable("It is not known yet whether the number was sold; it is being found out.")
    return text_answer(f"ACCESS_NUMBER:{row.num_id}:+{row.phone}")


def _wish(asked: Asked, *, service_id: str, country_id: str, now: datetime) -> Wish:
    """With a price_id its provider, and at most its price; without one the cheapest, or what costs little
    more. Raises PriceTokenInvalid.
    """
    facts: dict[str, Any] = {"service_id": service_id, "country_id": country_id, "quality_factor": 0.0}
    given = asked.params.get("price_id", "")
    if not given:
        return Wish(**facts, max_above_cheapest_percent=DEARER_PERCENT)
    named = read_price_id(given, tenant_id=asked.buyer.tenant_id, now=now)
    if (named.service_id, named.country_id) != (service_id, country_id):
        raise PriceTokenInvalid()
    return Wish(**facts, include_providers=(named.provider_no,), max_customer_price_micros=named.price_micros)


@call("poll", extra=POLLED, reads=number_in, touches=False)
def get_status(asked: Asked) -> HttpResponseBase:
    return text_answer(words.state_of(polled_row(asked.found)))


@call("set_status", scope="order", extra=ONE, reads=number_in)
def set_status(asked: Asked) -> HttpResponseBase:
    """A cancel, at any age; repeated on a cancelled number it is answered the same."""
    if asked.params.get("status", "") != CANCEL:
        raise ValidationError({"status": f"must be {CANCEL}."})
    row = row_of(asked.found)
    if row.activation_status != "canceled":
        if not row.is_open:
            raise NotCancellable()
        words.cancel(asked.buyer, row, at_any_age=True)
    return text_answer("ACCESS_CANCEL")
