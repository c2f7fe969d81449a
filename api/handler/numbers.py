"""Ordering a number and following it (handler.md 5 to 8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from activations import queries
from activations.history import HistoryFilter, history_span
from activations.queries import ActivationRow, Shown
from activations.rental_queries import RentalRow
from activations.services import closing, ordering
from activations.services.eligibility import check_may_order
from activations.wish import SaleTerms
from api import diary, words
from api.auth import Extra
from api.handler.entry import DIALECT, Asked, action
from api.handler.reading import digest_of_wish, request_key_of, whole_in, wish_of
from api.handler.wire import CURRENCY, Style, amount, json_answer, moment, number
from api.wire import shown_code
from api.words import ONE, POLLED, WALLET, Params, code_in, number_in, polled_row, row_of, text_answer
from portal.errors import (
    InvalidState,
    PortalError,
    UpstreamUnavailable,
    ValidationError,
)
from providers.spellings import meaning, names_of, spellings

PAGE = 100
LAST_SECOND = 253_402_300_799  # of the year 9999

TERMS = SaleTerms(keeps_number=True)  # getStatus has no phone
ORDERED = Extra(f"{meaning('service')}, {meaning('country')}")


def _what(params: Params) -> dict[str, str | int]:
    return {"scheme": DIALECT, "service": code_in(params, "service"), "country": code_in(params, "country")}


# --- account and orders ---


@action("balance", extra=WALLET)
def balance(asked: Asked) -> HttpResponse:
    available: Any = asked.found[0]
    return text_answer(f"ACCESS_BALANCE:{amount(available or 0)}")


def _order(asked: Asked) -> ActivationRow:
    service_id, country_id = asked.found
    try:
        wish = wish_of(asked.params, service_id=str(service_id), country_id=str(country_id))
        key = request_key_of(asked.params)
    except PortalError:
        check_may_order(asked.buyer, now=timezone.now())  # who may not order hears that first
        raise
    row = ordering.order_activation(
        buyer=asked.buyer,
        wish=wish,
        request_key=key,
        request_digest=digest_of_wish(wish),
        channel=DIALECT,
        terms=TERMS,
    )
    diary.about(row.hex_id)
    if row.is_checking:
        raise UpstreamUnavailable("It is not known yet whether the number was sold; it is being found out.")
    return row


@action("order", scope="order", extra=ORDERED, reads=_what)
def get_number(asked: Asked) -> HttpResponse:
    row = _order(asked)
    return text_answer(f"ACCESS_NUMBER:{row.num_id}:{row.phone}")


@action("order", scope="order", extra=ORDERED, reads=_what)
def get_number_v2(asked: Asked) -> HttpResponse:
    row = _order(asked)
    return json_answer(
        order_object(
            row,
            asked.style,
            cost_micros=row.customer_price_micros,
            ends_at=row.expire_at,
            can_repeat=row.is_retriable,
        )
    )


def order_object(
    row: ActivationRow | RentalRow,
    style: Style,
    *,
    cost_micros: int,
    ends_at: datetime | None,
    can_repeat: bool,
) -> dict[str, Any]:
    """A new number as JSON (handler.md 6)."""
    body: dict[str, Any] = {
        "activationId": str(row.num_id),
        "phoneNumber": row.phone,
        "activationCost": number(cost_micros),
        "currency": CURRENCY,
        "countryCode": spellings(DIALECT).countries.get(row.country_id, row.country_id),
        "canGetAnotherSms": _flag(can_repeat, style),
        "activationTime": moment(row.created_at, style),
        "activationOperator": row.operator,
    }
    if style is Style.HERO:
        dial = row.formatted.removeprefix("+").split(" ")[0] if row.formatted.startswith("+") else ""
        body |= {"countryPhoneCode": dial, "activationEndTime": moment(ends_at, style)}
    return body


def _flag(is_true: bool, style: Style) -> bool | str:
    return ("1" if is_true else "0") if style is Style.CLASSIC else is_true


def _country(row: ActivationRow) -> str:
    return spellings(DIALECT).countries.get(row.country_id, row.country_id)


def _service(row: ActivationRow) -> str:
    return spellings(DIALECT).services.get(row.service_id, row.service_id)


# --- following one ---


@action("poll", extra=POLLED, reads=number_in, touches=False)
def get_status(asked: Asked) -> HttpResponse:
    return text_answer(state_of(polled_row(asked.found), asked.style))


def state_of(row: ActivationRow | Shown, style: Style) -> str:
    """The word of a number's state; waiting for one more SMS has words of its own here."""
    if row.is_open and row.sms_status == "retryRequested":
        code = shown_code(row.sms_code, row.sms_text)
        return "STATUS_WAIT_RESEND" if style is Style.BOWER else f"STATUS_WAIT_RETRY:{code}"
    return words.state_of(row)


@action("poll", extra=ONE, reads=number_in, touches=False)
def get_status_v2(asked: Asked) -> HttpResponse:
    row = row_of(asked.found)
    if not row.has_code and not row.is_open:
        return text_answer("STATUS_CANCEL")
    message = None
    if row.has_code:
        message = {
            "dateTime": moment(row.received_at, asked.style),
            "code": row.sms_code or "",
            "text": row.sms_text or "",
        }
    is_call = row.capability == "voice"
    return json_answer(
        {
            "verificationType": 2 if is_call else 0,
            "sms": None if is_call else message,
            "call": message if is_call else None,
        }
    )


@action("poll", extra=ONE, reads=number_in, touches=False)
def get_full_sms(asked: Asked) -> HttpResponse:
    row = row_of(asked.found)
    if row.has_code:
        return text_answer(f"FULL_SMS:{row.sms_text or ''}")
    return text_answer(state_of(row, asked.style))


@action("set_status", scope="order", extra=ONE, reads=number_in)
def set_status(asked: Asked) -> HttpResponse:
    """handler.md 7: what may be asked for in which state."""
    wanted = asked.params.get("status", "")
    if not wanted:
        raise ValidationError({"status": "is required."})
    if wanted not in STEPS:
        raise InvalidState("There is no such status.")
    return text_answer(STEPS[wanted](asked.buyer, row_of(asked.found)))


def _ready(buyer: Any, row: ActivationRow) -> str:
    closing.mark_ready(buyer=buyer, hex_id=row.hex_id)
    return "ACCESS_READY"


def _again(buyer: Any, row: ActivationRow) -> str:
    if not (row.is_open and row.sms_status == "retryRequested"):
        closing.request_retry(buyer=buyer, hex_id=row.hex_id)
    return "ACCESS_RETRY_GET"


def _finish(buyer: Any, row: ActivationRow) -> str:
    if row.is_open or not row.has_code:
        closing.finalize(buyer=buyer, hex_id=row.hex_id)
    return "ACCESS_ACTIVATION"


def _cancel(buyer: Any, row: ActivationRow) -> str:
    words.cancel(buyer, row)
    return "ACCESS_CANCEL"


STEPS = {"1": _ready, "3": _again, "6": _finish, "8": _cancel, "-1": _cancel}


# --- lists ---

STATUS_NUMBERS = {
    "smsRequested": "4", "smsReceived": "2", "retryRequested": "3", "retryReceived": "2",
}  # fmt: skip


def _number_of(row: ActivationRow | Shown) -> str:
    if row.billing_status == "refunded":
        return "10"
    if row.is_open:
        return STATUS_NUMBERS[row.sms_status]
    return "6" if row.has_code else "8"


@action("lists")
def get_active(asked: Asked) -> HttpResponse:
    start = whole_in(asked.params, "start", default=0)
    limit = whole_in(asked.params, "limit", default=PAGE, most=PAGE)
    rows = queries.active_rows(tenant_id=asked.buyer.tenant_id, customer_id=asked.buyer.customer_id)
    names = names_of(asked.buyer.tenant_id).countries
    items = [
        {
            "activationId": str(row.num_id),
            "serviceCode": _service(row),
            "phoneNumber": row.phone,
            "activationCost": number(row.customer_price_micros),
            "activationStatus": _number_of(row),
            "smsCode": row.sms_code,
            "smsText": row.sms_text,
            "activationTime": moment(row.created_at, asked.style),
            "discount": "0.00",
            "repeated": "0",
            "countryCode": _country(row),
            "countryName": names.get(row.country_id, row.country_id),
            "canGetAnotherSms": "1" if row.is_retriable else "0",
            "currency": CURRENCY,
        }
        for row in rows[start : start + limit]
    ]
    return json_answer({"status": "success", "activeActivations": items, "data": items})


@action("lists")
def get_history(asked: Asked) -> HttpResponse:
    now = timezone.now()
    since = whole_in(
        asked.params, "start", default=int((now - timedelta(days=1)).timestamp()), most=LAST_SECOND
    )
    until = whole_in(asked.params, "end", default=int(now.timestamp()) + 1, most=LAST_SECOND)
    offset = whole_in(asked.params, "offset", default=0, most=1_000_000)
    limit = whole_in(asked.params, "limit", "size", default=PAGE, most=PAGE) or 1
    narrow = HistoryFilter(
        created_from=datetime.fromtimestamp(since, UTC), created_before=datetime.fromtimestamp(until, UTC)
    )
    rows, _ = history_span(
        tenant_id=asked.buyer.tenant_id,
        customer_id=asked.buyer.customer_id,
        narrow=narrow,
        skip=offset,
        limit=limit,
    )
    return json_answer([_past(row, asked.style) for row in rows])


def _past(row: Shown, style: Style) -> dict[str, Any]:
    paid = row.customer_price_micros if row.billing_status == "billed" else 0
    return {
        "id": str(row.num_id),
        "date": moment(row.created_at, style),
        "phone": row.phone,
        "sms": row.sms_text,
        "cost": number(paid),
        "status": _number_of(row),
        "currency": CURRENCY,
    }
