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
from api.shelf import send, shelf, unchanged


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
    known = unchanged(request, etag)
    if known is not None:
        return known
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
