"""The rent family: numbers by the hour (handler.md 10). All of it JSON, refusals too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from activations import rental_queries
from activations.rental_queries import RentalMessageRow, RentalRow, rental_row_from
from activations.services import rentals
from activations.services.eligibility import check_buyer
from activations.wish import RentalWish
from api import diary
from api.auth import Extra
from api.door import setting
from api.handler.entry import DIALECT, Action, Answer, Asked, action
from api.handler.errors import rent_word, write_rent_error
from api.handler.numbers import ORDERED, order_object
from api.handler.reading import operators_in, request_key_of, whole_in
from api.handler.wire import CURRENCY, STEP_MICROS, Style, amount, json_answer, moment, number
from api.repeats import digest_of
from api.words import Params, code_in, known_pair, number_in, pair_in
from billing.prices import load_rules
from portal.errors import (
    InvalidDuration,
    PortalError,
    RentalNotActive,
    RentalUnknown,
    UnknownPath,
    UpstreamUnavailable,
    ValidationError,
)
from providers.rental_list import rental_terms, rentals_on_sale
from providers.spellings import spellings

LENGTHS = (4, 12, 24, 48, 72, 168, 336, 720)  # hours
SHORTEST = LENGTHS[0]
PAGE, LONGEST_PAGE = 10, 100
FINISH, CANCEL = "1", "2"
ENDED = {"finished": "ALREADY_FINISH", "expired": "ALREADY_FINISH", "canceled": "ALREADY_CANCEL"}
CHECKING = "It is not known yet whether this was done; it is being found out."

MINE = Extra(
    rental_queries.COLUMNS,
    "LEFT JOIN activations_rental r ON r.num_id = %(number)s AND r.tenant_id = k.tenant_id"
    " AND r.customer_id = c.id AND r.lease_state <> 'unsold'",
)
PAIR = pair_in()


def rent(
    rate: str,
    *,
    scope: str = "read",
    extra: Extra | None = None,
    reads: Callable[[Params], dict[str, str | int]] = lambda params: {},
) -> Callable[[Answer], Action]:
    """An action of the family, which there is where the tenant lets his clients rent (HD-10)."""
    switch = setting("handler_rents")
    whole = Extra(f"{switch}, {extra.columns}" if extra else switch, extra.joins if extra else "")

    def decorate(answer: Answer) -> Action:
        def guarded(asked: Asked) -> HttpResponse:
            if asked.found[0] is False:
                raise UnknownPath("There is no such action.")
            return answer(replace(asked, found=asked.found[1:]))

        return action(rate, scope=scope, extra=whole, reads=reads, write_error=write_rent_error)(guarded)

    return decorate


# --- what there is, and renting it ---


def _place(params: Params) -> dict[str, str | int]:
    """The country, where one is named."""
    country = params.get("country", "") and code_in(params, "country")
    return {"scheme": DIALECT, "service": "", "country": country}


@rent("rent_reads", extra=PAIR, reads=_place)
def get_rent_services(asked: Asked) -> HttpResponse:
    """Where numbers are for rent, and the services of a country (else of all) with their lowest price."""
    _, country_id = known_pair(asked.found)
    now, codes = timezone.now(), spellings(DIALECT)
    lines = rentals_on_sale(
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        rules=load_rules(tenant_id=asked.buyer.tenant_id, group=asked.buyer.group, now=now),
        hours=_hours(asked.params, "rent_time", "time", default=SHORTEST),
        step_micros=STEP_MICROS,
        now=now,
    )
    countries = sorted(
        {codes.countries[one.country_id] for one in lines if one.country_id in codes.countries}
    )
    services: dict[str, dict[str, Any]] = {}
    for one in sorted(lines, key=lambda line: line.customer_price_micros):
        if country_id in (None, one.country_id) and one.country_id in codes.countries:
            code = codes.services.get(one.service_id, one.service_id)
            entry = services.setdefault(
                code, {"cost": number(one.customer_price_micros), "quant": {"current": 0, "total": 0}}
            )
            for count in entry["quant"]:
                entry["quant"][count] += one.stock
    return json_answer(
        {
            "countries": {
                str(place): int(code) if code.isdecimal() else code for place, code in enumerate(countries)
            },
            "operators": {"0": "any"},
            "services": services,
        }
    )


def _wanted(params: Params) -> dict[str, str | int]:
    """`full`, any service, is a canonical id as well."""
    return {"scheme": DIALECT, "service": code_in(params, "service"), "country": code_in(params, "country")}


@rent("rent_writes", scope="order", extra=ORDERED, reads=_wanted)
def get_rent_number(asked: Asked) -> HttpResponse:
    try:
        wish = _wish(asked)
        key = request_key_of(asked.params)
    except PortalError:
        check_buyer(asked.buyer, now=timezone.now())  # who may not order hears that first
        raise
    row = rentals.rent_number(
        buyer=asked.buyer,
        wish=wish,
        request_key=key,
        request_digest=digest_of({"call": "rent", **{name: getattr(wish, name) for name in wish.__slots__}}),
        channel=DIALECT,
    )
    if row.is_checking:
        raise UpstreamUnavailable(CHECKING)
    return _rented(row, asked.style, cost_micros=row.customer_price_micros)


def _wish(asked: Asked) -> RentalWish:
    service_id, country_id = asked.found
    return RentalWish(
        service_id=str(service_id),
        country_id=str(country_id),
        hours=_hours(asked.params, "rent_time", "time", "duration"),
        price_step_micros=STEP_MICROS,
        operator=operators_in(asked.params),
    )


def _rented(row: RentalRow, style: Style, *, cost_micros: int) -> HttpResponse:
    if style is Style.HERO:
        return json_answer(
            order_object(row, style, cost_micros=cost_micros, ends_at=row.ends_at, can_repeat=True)
        )
    end = None if row.ends_at is None else f"{row.ends_at:%Y-%m-%dT%H:%M:%S}"
    return json_answer(
        {"status": "success", "phone": {"id": row.num_id, "endDate": end, "number": row.phone}}
    )


def _hours(params: Params, *names: str, default: int | None = None) -> int:
    """Raises ValidationError, InvalidDuration."""
    try:
        hours = whole_in(params, *names, default=default)
    except ValidationError:
        raise ValidationError({"rent_time": "is no number of hours."}) from None
    if hours not in LENGTHS:
        raise InvalidDuration(f"A rental lasts one of these numbers of hours: {LENGTHS}.")
    return hours


# --- following one ---


def _row(asked: Asked) -> RentalRow:
    """The caller's rental. Raises RentalUnknown, and UpstreamUnavailable while it is not known."""
    if asked.found[0] is None:
        raise RentalUnknown()
    row = rental_row_from(asked.found)
    diary.about(row.rnt_id)
    if row.is_checking:
        raise UpstreamUnavailable(CHECKING)
    return row


@rent("rent_reads", extra=MINE, reads=number_in)
def get_rent_status(asked: Asked) -> HttpResponse:
    """Its messages, the newest first; of one that is over only to who asks for a page of them."""
    row = _row(asked)
    page = whole_in(asked.params, "page", default=1, most=100_000) or 1
    size = whole_in(asked.params, "size", default=PAGE, most=LONGEST_PAGE) or PAGE
    if row.rental_status == "canceled":
        return rent_word("STATUS_CANCEL")
    if not row.is_open and not asked.params.get("size"):
        return rent_word("STATUS_FINISH")
    if not row.messages_count:
        return rent_word("STATUS_WAIT_CODE" if row.is_open else "STATUS_FINISH")
    service = spellings(DIALECT).services.get(row.service_id, row.service_id)
    found = rental_queries.rental_messages(row, skip=(page - 1) * size, limit=size)
    return json_answer(
        {
            "status": "success",
            "service": service,
            "currency": CURRENCY,
            "quantity": str(row.messages_count),
            "values": {str(place): _message(one, service) for place, one in enumerate(found)},
        }
    )


def _message(one: RentalMessageRow, service: str) -> dict[str, Any]:
    date = moment(one.received_at, Style.HERO)  # all members name the zone here
    return {"phoneFrom": one.sender, "text": one.text, "service": service, "date": date}


@rent("rent_reads")
def get_rent_list(asked: Asked) -> HttpResponse:
    rows = rental_queries.active_rental_rows(
        tenant_id=asked.buyer.tenant_id, customer_id=asked.buyer.customer_id
    )
    running = [row for row in rows if not row.is_checking]
    if not running:
        return rent_word("NO_NUMBERS")
    values = {str(place): {"id": str(row.num_id), "phone": row.phone} for place, row in enumerate(running)}
    return json_answer({"status": "success", "values": values})


@rent("rent_writes", scope="order", extra=MINE, reads=number_in)
def set_rent_status(asked: Asked) -> HttpResponse:
    wanted = asked.params.get("status", "")
    if wanted not in (FINISH, CANCEL):
        raise ValidationError({"status": f"must be {FINISH} or {CANCEL}."})
    row = _row(asked)
    if row.is_open:
        try:
            row = _end(asked, row, is_cancel=wanted == CANCEL)
        except RentalNotActive:
            row = rentals.own_rental(asked.buyer, row.rnt_id)  # somebody was faster
        else:
            return json_answer({"status": "success"})
    return rent_word(ENDED[row.rental_status])


def _end(asked: Asked, row: RentalRow, *, is_cancel: bool) -> RentalRow:
    if not is_cancel:
        return rentals.finish_rental(buyer=asked.buyer, rnt_id=row.rnt_id)
    closed = rentals.cancel_rental(buyer=asked.buyer, rnt_id=row.rnt_id, only_guarded=True)
    if closed.is_cancelling:
        raise UpstreamUnavailable(CHECKING)
    return closed


# --- making it longer ---


@rent("rent_writes", scope="order", extra=MINE, reads=number_in)
def continue_rent(asked: Asked) -> HttpResponse:
    row, hours = _row(asked), _hours(asked.params, "rent_time", "time", "duration")
    paid = rentals.extend_rental(
        buyer=asked.buyer,
        rnt_id=row.rnt_id,
        hours=hours,
        request_key=request_key_of(asked.params),
        request_digest=digest_of({"call": "extend", "rental": row.rnt_id, "hours": hours}),
    )
    return _rented(paid.rental, asked.style, cost_micros=paid.term.customer_price_micros)


def _price(asked: Asked, *names: str) -> tuple[RentalRow, int]:
    row, hours = _row(asked), _hours(asked.params, *names, default=SHORTEST)
    return row, rentals.extension_price(buyer=asked.buyer, rnt_id=row.rnt_id, hours=hours)


@rent("rent_reads", extra=MINE, reads=number_in)
def continue_price(asked: Asked) -> HttpResponse:
    _, micros = _price(asked, "rent_time", "time")
    return json_answer({"status": "success", "price": amount(micros, up=True)})


@rent("rent_reads", extra=MINE, reads=number_in)
def continue_info(asked: Asked) -> HttpResponse:
    """What it costs to go on, how far that goes, and what was paid so far."""
    row, micros = _price(asked, "hours", "rent_time")
    body: dict[str, Any] = {
        "status": "success",
        "price": number(micros),
        "currency": CURRENCY,
        "maxHours": _longest(asked, row),
    }
    if asked.params.get("needHistory", "").lower() in ("1", "true"):
        body["history"] = {
            str(place): {
                "createdDate": moment(term.created_at, asked.style),
                "price": amount(term.customer_price_micros, up=True),
                "hours": term.hours,
            }
            for place, term in enumerate(rental_queries.terms_of(row))
        }
    return json_answer(body)


def _longest(asked: Asked, row: RentalRow) -> int:
    """Of our lengths, the longest for which there is a line; the day's line sells any number of days."""
    terms = rental_terms(
        tenant_id=asked.buyer.tenant_id,
        is_test=asked.buyer.is_test,
        service_id=row.service_id,
        country_id=row.country_id,
    )
    sold = [hours for hours in LENGTHS if hours in terms or (24 in terms and hours % 24 == 0)]
    return max(sold, default=SHORTEST)
