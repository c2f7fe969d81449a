"""The short way for programs: APIs and callbacks are answered before sessions, cookies and CSRF.

They authenticate by key or signature alone and must not look at cookies (B10); a poll also has no time
for what it does not use (docs/performance.md, decision 3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, resolve

from accounts import hops
from accounts.hosts import host_of, is_key_path
from portal import pages

log = structlog.get_logger(__name__)

LONGEST_REMEMBERED = 200  # characters of a path

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class MachineMiddleware:
    """Calls the view of a machine's address itself; everything else goes on through the pages' middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_key_path(request.path_info):
            return self.get_response(request)
        if given := request.META.get(hops.META):
            with hops.passing(given):
                return self._answer(request)
        return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        host_of(request)  # a forged Host is refused before anything is looked up
        match = request.resolver_match = _match(request.path_info)
        try:
            response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            if callable(render := getattr(response, "render", None)):
                response = render()
        except Exception as error:
            if not pages.is_unavailable(error):
                raise
            log.warning("database_unavailable", exc_info=error)
            response = pages.unavailable(request)
        if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))  # or the server sends it in chunks
        return response


def _match(path: str) -> ResolverMatch:
    """What answers at this path. Raises Resolver404."""
    return _remembered(path) if len(path) <= LONGEST_REMEMBERED else resolve(path)


@lru_cache(maxsize=2_000)
def _remembered(path: str) -> ResolverMatch:
    """As Django finds it, which takes it a sixth of the Python of a poll; and who polls asks for the same
    path again and again.
    """
    return resolve(path)
