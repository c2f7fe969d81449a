"""The door of the retail dialect: path, method, key, customer, rate; then the view; refusals as envelopes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from api.answering import answered
from api.auth import NOTHING, Caller, Extra, count_wrong_key, find_caller, refuse_on_hold, touch
from api.limits import limiter
from api.retail.errors import write_error
from portal.errors import (
    AuthInvalid,
    MethodNotAllowed,
    UnknownCustomer,
    UnknownPath,
)

View = Callable[..., HttpResponseBase]

CUSTOMER_ID = re.compile(r"[a-zA-Z0-9]{1,80}", re.ASCII)
ACTIVATION_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Gate:
    """What a route asks of its caller. `rate` names a figure of settings.RETAIL_RATES."""

    method: str
    scope: str
    rate: str
    extra: Extra = NOTHING
    closed_by: str = "any"  # whose hold shuts it: "any", "account" (only the tenant's) or "none"
    touches: bool = True  # notes the key's last use; polls do not


def admit(
    request: HttpRequest, gate: Gate, *, is_test: bool, customer_id: str | None, activation_id: str = ""
) -> Caller:
    """The caller, once the door's checks are passed: key, customer, rate, state (retail.md A1, their order).

    `customer_id` None: the address names no customer.
    """
    now = timezone.now()
    if request.method != gate.method:
        raise MethodNotAllowed(f"Use {gate.method} here.", allowed=gate.method)
    try:
        caller = find_caller(
            request,
            extra=gate.extra,
            is_test=is_test,
            scope=gate.scope,
            now=now,
            customer=_if_shaped(CUSTOMER_ID, customer_id),
            activation=_if_shaped(ACTIVATION_ID, activation_id),
        )
    except AuthInvalid:
        count_wrong_key(request)
        raise
    limiter.spend(f"retail:{gate.rate}", _subject(caller, gate), limit=settings.RETAIL_RATES[gate.rate])
    if customer_id is not None and caller.buyer is None:
        raise UnknownCustomer()
    refuse_on_hold(caller, closed_by=gate.closed_by)
    if gate.touches:
        touch(caller, now=now)
    return caller


def answer(request: HttpRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """What `view` returns; refusals, and failures of ours, become the dialect's envelope."""
    return answered(request, view, write_error)


def retail(gate: Gate) -> Callable[[View], View]:
    """Make a plain view of `view(request, caller, buyer)`; the address gives the ids."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(
            request: HttpRequest,
            *,
            is_test: bool,
            customer_id: str | None = None,
            activation_id: str = "",
            **ids: str,
        ) -> HttpResponseBase:
            def run() -> HttpResponseBase:
                caller = admit(
                    request, gate, is_test=is_test, customer_id=customer_id, activation_id=activation_id
                )
                named = {"hex_id": activation_id, **ids} if activation_id else ids
                return view(request, caller, caller.buyer, **named)

            return answer(request, run)

        guarded.gates = (gate,)  # type: ignore[attr-defined]  # for the description (api.schema)
        return guarded

    return decorate


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponseBase:
    """404 for an address that nothing answers."""

    def refuse() -> HttpResponse:
        raise UnknownPath()

    return answer(request, refuse)


def _subject(caller: Caller, gate: Gate) -> str:
    """Who spends the permit: the customer on /a/ addresses, else the key."""
    by_customer = caller.buyer is not None and gate.scope != "manage"
    return f"c{caller.buyer.customer_id}" if by_customer and caller.buyer else f"k{caller.key_id}"


def _if_shaped(pattern: re.Pattern[str], given: str | None) -> str:
    """An id that can exist, or "": nothing has that id, so it is looked for and not found like any other."""
    return given if given and pattern.fullmatch(given) else ""
