"""The door of the rentverify dialect: an address per action, the key in a header, words back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.identity import Buyer
from api.answering import answered
from api.auth import NOTHING, Caller, Extra
from api.door import Pass, let_in, read_first
from api.input import parse_query
from api.rentverify.errors import write_error
from api.words import Params
from portal.errors import AuthInvalid, MethodNotAllowed, UnknownPath

DIALECT = "rentverify"
BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks, in which words, and what the route's SELECT found along with him."""

    request: HttpRequest
    caller: Caller
    buyer: Buyer
    params: Params
    found: tuple[Any, ...]


Answer = Callable[[Asked], HttpResponseBase]


def call(
    rate: str,
    *,
    scope: str = "read",
    extra: Extra = NOTHING,
    reads: Callable[[Params], dict[str, str | int]] = lambda params: {},
    touches: bool = True,
) -> Callable[[Answer], Callable[[HttpRequest], HttpResponseBase]]:
    """Make a view of a function. `rate` names a figure of settings.RENTVERIFY_RATES; `reads` gives the
    parameters of the SELECT. Where something is ordered or ended, HEAD is no question (RV-13).
    """
    route = Pass(rate, scope, extra, touches)
    methods = ("GET",) if scope == "order" else ("GET", "HEAD")

    def decorate(answer: Answer) -> Callable[[HttpRequest], HttpResponseBase]:
        @csrf_exempt
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponseBase:
            def run() -> HttpResponseBase:
                if request.method not in methods:
                    raise MethodNotAllowed(allowed=", ".join(methods))
                params = parse_query(request.META.get("QUERY_STRING", ""))
                refusal, read = read_first(lambda: reads(params))
                caller, buyer = let_in(
                    request,
                    key_of(request),
                    route if refusal is None else Pass(rate, scope),
                    dialect=DIALECT,
                    rates=settings.RENTVERIFY_RATES,
                    **read,
                )
                if refusal is not None:
                    raise refusal
                return answer(Asked(request, caller, buyer, params, caller.rest))

            return answered(request, run, write_error)

        return view

    return decorate


def key_of(request: HttpRequest) -> str:
    """The key of either header. Raises AuthInvalid when both are there and differ (F12)."""
    token = str(request.META.get("HTTP_X_API_TOKEN", "")).strip()
    header = str(request.META.get("HTTP_AUTHORIZATION", ""))
    bearer = header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else ""
    if token and bearer and token != bearer:
        raise AuthInvalid("X-API-Token and Authorization name different keys.")
    return token or bearer


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponseBase:
    """404 for an address that nothing answers."""

    def refuse() -> HttpResponse:
        raise UnknownPath()

    return answered(request, refuse, write_error)
