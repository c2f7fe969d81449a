"""What a request of the handler dialect says: parameters of query and form, and a wish made of them."""

from __future__ import annotations

import re

from django.http import HttpRequest

from activations.wish import Wish
from api.handler.wire import STEP_MICROS
from api.input import check_length, parse_query
from api.repeats import checked_key, digest_of
from api.strict_json import is_storable
from api.words import WHOLE, Params
from portal.errors import MethodNotAllowed, ValidationError

BODY_BYTES = 8_192
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")

PRICE = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,6}))?")
PREFIX = re.compile(r"[0-9]{4,15}")
OPERATOR = re.compile(r"[A-Za-z0-9_.+ -]{1,40}")
MOST_PREFIXES = 20
MOST_NAMES = 50


def read_params(request: HttpRequest) -> dict[str, str]:
    """Query and form together. Raises ValidationError (also when both name one parameter differently),
    MethodNotAllowed, PayloadTooLarge.
    """
    if request.method not in ("GET", "POST"):
        raise MethodNotAllowed("Use GET or POST here.", allowed="GET, POST")
    found = parse_query(request.META.get("QUERY_STRING", ""))
    if request.method == "POST" and request.META.get("CONTENT_TYPE", "").startswith(FORM):
        check_length(request, limit=BODY_BYTES)
        for name, values in request.POST.lists():
            if len(values) != 1 or found.get(name, values[0]) != values[0]:
                raise ValidationError({"body": "names the same parameter twice."})
            found[name] = values[0]
        if not all(is_storable(text) and "\ufffd" not in text for pair in found.items() for text in pair):
            raise ValidationError({"body": "has a NUL character or bytes that are not UTF-8."})
    return found


def whole_in(params: Params, *names: str, default: int | None = None, most: int = 2**63 - 1) -> int:
    """A whole number under the first of these names that is there. Raises ValidationError."""
    for name in names:
        if given := params.get(name, ""):
            if not WHOLE.fullmatch(given) or int(given) > most:
                raise ValidationError({name: f"must be a whole number of at most {most}."})
            return int(given)
    if default is None:
        raise ValidationError({names[0]: "is required."})
    return default


def wish_of(params: Params, *, service_id: str, country_id: str) -> Wish:
    """The wish; where several offers fit the cheapest is taken. Raises ValidationError."""
    return Wish(
        service_id=service_id,
        country_id=country_id,
        max_customer_price_micros=_price(params, "maxPrice"),
        price_step_micros=STEP_MICROS,
        quality_factor=0.0,
        operator=operators_in(params),
        include_providers=tuple(int(each) for each in _names(params, "providerIds", WHOLE)),
        exclude_providers=tuple(int(each) for each in _names(params, "exceptProviderIds", WHOLE)),
        exclude_prefixes=_names(params, "phoneException", PREFIX, most=MOST_PREFIXES),
    )


def operators_in(params: Params) -> str:
    """Names separated by commas, or any. Raises ValidationError."""
    operators = _names(params, "operator", OPERATOR)
    return "any" if not operators or "any" in operators else ",".join(operators)


def request_key_of(params: Params) -> str | None:
    """`orderId`, the caller's own name for the order. Raises ValidationError."""
    return checked_key(params.get("orderId") or None, name="orderId")


def digest_of_wish(wish: Wish) -> bytes:
    """SHA-256 of what was asked."""
    return digest_of({name: getattr(wish, name) for name in Wish.__slots__})


def _price(params: Params, name: str) -> int | None:
    given = params.get(name, "")
    if not given:
        return None
    found = PRICE.fullmatch(given)
    if not found or not float(given):
        raise ValidationError({name: "must be a decimal number above 0."})
    whole, fraction = found.groups()
    return int(whole) * 1_000_000 + int((fraction or "").ljust(6, "0"))


def _names(params: Params, name: str, shape: re.Pattern[str], *, most: int = MOST_NAMES) -> tuple[str, ...]:
    """A list separated by commas; an empty one is none."""
    names = [each.strip() for each in params.get(name, "").split(",") if each.strip()]
    if len(names) > most or not all(shape.fullmatch(each) for each in names):
        raise ValidationError({name: "is no list of what belongs there."})
    return tuple(dict.fromkeys(names))
