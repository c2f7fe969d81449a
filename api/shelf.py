"""How published lists are sent: 304 by ETag, gzip as it is stored, plain for who wants that. A worker keeps
the packed lists that it sent last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from api.publishing import Packed

KEPT_BYTES = 12_000_000  # of packed bodies in one worker
REMEMBERED_SECONDS = 20


class Shelf:
    """The packed bodies that were sent last, by ETag."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._used, self._lock = most_bytes, 0, threading.Lock()
        self._bodies: OrderedDict[str, Packed] = OrderedDict()

    def get(self, etag: str) -> Packed | None:
        with self._lock:
            body = self._bodies.get(etag)
            if body:
                self._bodies.move_to_end(etag)
            return body

    def put(self, body: Packed) -> None:
        with self._lock:
            if body.etag not in self._bodies and len(body.packed) <= self._most:
                self._bodies[body.etag] = body
                self._used += len(body.packed)
            while self._used > self._most:
                self._used -= len(self._bodies.popitem(last=False)[1].packed)


shelf = Shelf(KEPT_BYTES)


def takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding allows gzip."""
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def remembered(name: str, *whose: object, make: Callable[[], bytes]) -> bytes:
    """A body that is made of many offers and that no change writes anew: as it was at most 20 s ago.

    `whose`: all that it depends on, the tenant first; no text of a caller's.
    """
    key = ":".join(["list", name, *map(str, whose)])
    body: bytes | None = cache.get(key)
    if body is None:
        body = make()
        cache.set(key, body, REMEMBERED_SECONDS)
    return body


def unchanged(request: HttpRequest, etag: str | None) -> HttpResponse | None:
    """304 when the caller has the list of this ETag already."""
    if etag is None or not _is_known(request, etag):
        return None
    return _headed(HttpResponse(status=304), etag)


def send(request: HttpRequest, body: Packed) -> HttpResponse:
    """The body, packed if the caller takes that; 304 if he names its ETag."""
    if known := unchanged(request, body.etag):
        return known
    if takes_gzip(request.META.get("HTTP_ACCEPT_ENCODING", "")):
        response = HttpResponse(body.packed, content_type="application/json")
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(body.plain, content_type="application/json")
    return _headed(response, body.etag)


def _headed(response: HttpResponse, etag: str) -> HttpResponse:
    """Both forms of the ETag; only the caller may keep the answer, and he asks before he uses it again."""
    response.headers["X-ETag"] = etag
    response.headers["ETag"] = f'"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Encoding, X-Api-Key"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.status_code == 304:
        del response.headers["Content-Type"]
    return response


def _is_known(request: HttpRequest, etag: str) -> bool:
    """Whether If-None-Match names this ETag: bare, quoted, weak, one of several, or a star."""
    given = request.META.get("HTTP_IF_NONE_MATCH", "")
    if etag not in given and given.strip() != "*":
        return False
    named = [each.strip().removeprefix("W/").strip('"') for each in given.split(",")]
    return etag in named or named == ["*"]
