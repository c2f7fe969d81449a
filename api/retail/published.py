"""How a published list is asked for and sent: 304 by ETag, gzip as it is stored, plain for who wants that.

An unchanged list costs the one SELECT that finds the caller: it brings the list's present ETag along. That
SELECT is not saved by remembering keys in the process, because a revoked key must stop at the next request
(T6); bodies are remembered by their ETag, which never means another body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from accounts.identity import Buyer
from api.auth import Caller, Extra
from api.publishing import Packed, Writer, publish_first, read
from api.retail.entry import Gate, retail
from api.shelf import shelf, takes_gzip

JSON = "application/json"


@dataclass(frozen=True)
class Shown:
    """A topic, and who writes its lists."""

    topic: str
    writer: Writer


def published(shown: Shown, name: str, *, rate: str) -> Callable[..., HttpResponseBase]:
    """The view of a whole list."""

    @retail(gate_of(shown, name, rate=rate))
    def view(request: HttpRequest, caller: Caller, buyer: Buyer | None) -> HttpResponse:
        return whole(request, caller, shown, name)

    return view


def gate_of(shown: Shown, name: str, *, rate: str) -> Gate:
    """A gate whose SELECT brings the list's ETag."""
    joins = f"LEFT JOIN api_publishedlist d ON d.tenant_id = k.tenant_id AND d.name = '{name}'"
    return Gate("GET", scope="read", rate=rate, extra=Extra("d.etag", joins), touches=False)


def whole(request: HttpRequest, caller: Caller, shown: Shown, name: str) -> HttpResponse:
    """The list, or that the caller has it already. Who asks first of all waits until it is written."""
    etag = caller.rest[0]
    if etag is not None and is_known(request, etag):
        return headed(HttpResponse(status=304), etag)
    body = shelf.get(etag) if etag is not None else None
    return send(request, body or _fetch(shown, name, caller.tenant_id))


def _fetch(shown: Shown, name: str, tenant_id: int) -> Packed:
    body = read(name, tenant_id)
    if body is None:
        publish_first(shown.topic, name, shown.writer, tenant_id, now=timezone.now())
        body = read(name, tenant_id)
    assert body is not None
    shelf.put(body)
    return body


def send(request: HttpRequest, body: Packed) -> HttpResponse:
    """The body, packed if the caller takes that; 304 if he names its ETag."""
    if is_known(request, body.etag):
        return headed(HttpResponse(status=304), body.etag)
    if takes_gzip(request.META.get("HTTP_ACCEPT_ENCODING", "")):
        response = HttpResponse(body.packed, content_type=JSON)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(body.plain, content_type=JSON)
    return headed(response, body.etag)


def headed(response: HttpResponse, etag: str) -> HttpResponse:
    """Both forms of the ETag; only the caller may keep the answer, and he asks before he uses it again."""
    response.headers["X-ETag"] = etag
    response.headers["ETag"] = f'"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Encoding, X-Api-Key"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.status_code == 304:
        del response.headers["Content-Type"]
    return response


def is_known(request: HttpRequest, etag: str) -> bool:
    """Whether If-None-Match names this ETag: bare, quoted, weak, one of several, or a star."""
    given = request.META.get("HTTP_IF_NONE_MATCH", "")
    if etag not in given and given.strip() != "*":
        return False
    named = [each.strip().removeprefix("W/").strip('"') for each in given.split(",")]
    return etag in named or named == ["*"]
