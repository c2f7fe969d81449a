"""The door of the ping dialect: method, key, rate, hold; then the view; refusals as its envelope."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.identity import Buyer
from api.answering import answered
from api.auth import NOTHING, Extra
from api.door import Pass, let_in, setting
from api.ping.errors import write_error
from portal.errors import AuthMissing, MethodNotAllowed, UnknownPath

DIALECT = "ping"
# Ids that can exist. Any other is looked for as the empty text, and not found like one that nobody has.
SHAPES = {
    "order_id": re.compile(r"ord_[a-z0-9]{12}"),
    "rental_id": re.compile(r"rnt_[a-z0-9]{12}"),
    "product_id": re.compile(r"svc_[a-z2-7]{12}"),
}
BEARER = "Bearer "
EXTENDED = setting("ping_extensions")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what came, who asks, and what the route's SELECT found along with him."""

    request: HttpRequest
    buyer: Buyer
    found: tuple[Any, ...]


View = Callable[..., HttpResponse]


def ping(
    method: str, *, rate: str, scope: str = "read", extra: Extra = NOTHING, touches: bool = True
) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """Make a plain view of `view(asked, **ids)`. `rate` names a figure of settings.PING_RATES; the joins of
    `extra` may name the address's ids.
    """
    route = Pass(rate, scope, extra, touches)

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, **ids: str) -> HttpResponseBase:
            def run() -> HttpResponse:
                if request.method != method:
                    raise MethodNotAllowed(f"Use {method} here.", allowed=method)
                named = {name: given if SHAPES[name].fullmatch(given) else "" for name, given in ids.items()}
                caller, buyer = let_in(
                    request, key_of(request), route, dialect=DIALECT, rates=settings.PING_RATES, **named
                )
                return view(Asked(request, buyer, caller.rest), **named)

            return answered(request, run, write_error)

        return guarded

    return decorate


def key_of(request: HttpRequest) -> str:
    """The key of the header, or the older `Authorization: Bearer` (PG-8). Raises AuthMissing."""
    key = request.META.get("HTTP_X_PING_API_KEY", "")
    if not key:
        bearer = request.META.get("HTTP_AUTHORIZATION", "")
        key = bearer[len(BEARER) :].strip() if bearer.startswith(BEARER) else ""
    if not key:
        raise AuthMissing("Send your API key in the X-Ping-Api-Key header.")
    return str(key)


def extension(*, extra: Extra) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """The same for what the vendor does not have (PG-2, PG-3): there only where the reseller wants it."""
    whole = Extra(f"{EXTENDED}, {extra.columns}", extra.joins)

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def only_where_wanted(asked: Asked, **ids: str) -> HttpResponse:
            is_wanted, *found = asked.found
            if not is_wanted:
                raise UnknownPath()
            return view(replace(asked, found=tuple(found)), **ids)

        return ping("GET", rate="extensions", extra=whole)(only_where_wanted)

    return decorate


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponseBase:
    """404 for an address that nothing answers."""

    def refuse() -> HttpResponse:
        raise UnknownPath()

    return answered(request, refuse, write_error)
