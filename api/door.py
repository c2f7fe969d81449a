"""The door of the dialects whose keys belong to one customer each: key, rate, hold.

A dialect says how it spells its refusals; who may come in is the same for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from django.http import HttpRequest
from django.utils import timezone

from accounts.identity import Buyer
from api import diary
from api.auth import NOTHING, Caller, Extra, count_wrong_key, find_customer, refuse_on_hold, touch
from api.limits import limiter
from portal.errors import AuthInvalid, PortalError


@dataclass(frozen=True)
class Pass:
    """What a route asks of its caller. `rate` names a figure of the dialect's requests per minute and key;
    `called`: what the dialect calls it, where its address does not say so.
    """

    rate: str
    scope: str = "read"
    extra: Extra = NOTHING
    touches: bool = True  # notes the key's last use; polls do not
    called: str = ""


def let_in(
    request: HttpRequest,
    key: str,
    route: Pass,
    *,
    dialect: str,
    rates: Mapping[str, int],
    **params: str | int,
) -> tuple[Caller, Buyer]:
    """The caller and its customer; `params` are those of the joins of the route's `extra`.

    Raises AuthMissing, AuthInvalid, PermissionDenied, RateLimited, AccountBlocked, CustomerNotActive.
    """
    now = timezone.now()
    try:
        caller = find_customer(
            request, key, dialect=dialect, extra=route.extra, scope=route.scope, now=now, **params
        )
    except AuthInvalid:
        count_wrong_key(request)
        raise
    diary.begin(caller, dialect=dialect, route=route.called or route_of(request))
    limiter.spend(f"{dialect}:{route.rate}", f"k{caller.key_id}", limit=rates[route.rate])
    refuse_on_hold(caller)
    if route.touches:
        touch(caller, now=now)
    assert caller.buyer is not None  # the key is a customer's
    return caller, caller.buyer


def route_of(request: HttpRequest) -> str:
    """Method and pattern of the address, with names for its ids."""
    match = request.resolver_match
    return f"{request.method} /{_readable(match.route) if match else ''}"


@cache
def _readable(route: str) -> str:
    return re.sub(r"<\w+:", "<", route)


def read_first(reads: Callable[[], dict[str, str | int]]) -> tuple[PortalError | None, dict[str, str | int]]:
    """The parameters of a route's SELECT, which finds the caller as well; what is wrong with them is kept, to
    be said only to a good key.
    """
    try:
        return None, reads()
    except PortalError as refusal:
        return refusal, {}


def setting(column: str) -> str:
    """SQL, among a route's columns: what the tenant chose for its dialects; its test twin sounds the same.
    NULL: nothing.
    """
    chosen = "SELECT s.{} FROM api_dialectsettings s WHERE s.tenant_id = coalesce(t.live_tenant_id, t.id)"
    return f"({chosen.format(column)})"
