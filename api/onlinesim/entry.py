"""The addresses of the marketplace dialect: which action is meant, whose contract it is, and its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.hosts import host_of
from activations.marketplace_queries import RENT_SERVICE, Caller, find_contract
from activations.services.marketplace.contracts import is_key_of
from api.answering import answered
from api.auth import count_wrong_key
from api.input import json_object
from api.onlinesim import DIALECT
from api.onlinesim.errors import write_error
from api.onlinesim.reading import BODY_BYTES, word_in
from portal.errors import AuthInvalid, AuthMissing, MethodNotAllowed, UnknownPath, ValidationError

RENT = "rent"
BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with a good key. `is_rent`: the address or the service says so."""

    caller: Caller
    body: dict[str, Any]
    is_rent: bool


Answer = Callable[[Asked], HttpResponse]


def entry_of(
    actions: dict[str, Answer], *, only: str = "", is_rent: bool = False
) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """The view of an address that serves these actions; `only`: the one that it is for."""

    @csrf_exempt
    def entry(request: HttpRequest, contract: str) -> HttpResponseBase:
        def run() -> HttpResponse:
            if request.method != "POST":
                raise MethodNotAllowed(allowed="POST")
            body = json_object(request, limit=BODY_BYTES)
            asked = _let_in(request, contract, body, is_rent=is_rent)
            action = body.get("action")
            if not isinstance(action, str) or action not in actions or (only and action != only):
                raise UnknownPath("There is no such action here.")
            return actions[action](asked)

        return answered(request, run, write_error)

    return entry


def _let_in(request: HttpRequest, token: str, body: dict[str, Any], *, is_rent: bool) -> Asked:
    """Raises AuthMissing, AuthInvalid, RateLimited (too many wrong keys), ValidationError (`key`)."""
    keys = _keys_in(request, body)
    is_rent = is_rent or word_in(body, "service") == RENT
    caller = find_contract(
        token=token[:40],
        host=host_of(request),
        scheme=DIALECT,
        service=RENT_SERVICE if is_rent else word_in(body, "service"),
        country=word_in(body, "country"),
    )
    if caller is None or not all([is_key_of(caller.terms.key_digest, key) for key in keys]):  # noqa: C419
        count_wrong_key(request)
        raise AuthInvalid()
    return Asked(caller, body, is_rent)


def _keys_in(request: HttpRequest, body: dict[str, Any]) -> list[str]:
    """The key of the body and that of the header: each that is there must be right (OS-7)."""
    keys = []
    if "key" in body:
        if not isinstance(body["key"], str):
            raise ValidationError({"key": "must be text."})
        keys.append(body["key"])
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        keys.append(header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else "")
    if not any(keys):
        raise AuthMissing()
    return keys
