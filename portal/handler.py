"""Django's WSGI handler with a short way for programs.

Around each request Django sends signals, names the thread's address resolver and answers with something that
the server asks for piece by piece. That serves pages; it was a tenth of what a poll costs the web process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast
from wsgiref.types import StartResponse

import structlog
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts.hosts import is_key_path
from portal.machines import MachineMiddleware
from portal.middleware import RequestIdMiddleware
from portal.signals import give_back

log = structlog.get_logger(__name__)

Answer = Callable[[HttpRequest], HttpResponseBase]


class Handler:
    """Requests with a key pass the same two middlewares as ever and nothing else; pages go Django's way."""

    def __init__(self) -> None:
        self._django = WSGIHandler()
        self._answer = _guarded(RequestIdMiddleware(_guarded(MachineMiddleware(_no_page))))

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        # Below a prefix of addresses Django has to know it, to spell links.
        if environ.get("SCRIPT_NAME") or not is_key_path(environ.get("PATH_INFO", "")):
            return cast("Iterable[bytes]", self._django(environ, start_response))
        request = WSGIRequest(environ)
        response = self._answer(request)
        if not isinstance(response, HttpResponse):  # sent in pieces: Django's receivers hear of its end
            response._handler_class = WSGIHandler  # type: ignore[attr-defined]
            response._resource_closers.append(request.close)  # type: ignore[attr-defined]
            _start(response, start_response)
            return cast("Iterable[bytes]", response)
        _clear_away(request)
        _start(response, start_response)
        return [response.content]  # a list is sent at once


def _clear_away(request: HttpRequest) -> None:
    """What can go wrong here is no reason to keep an answer back: a number may have been bought."""
    try:
        request.close()
        give_back()
    except Exception:
        log.exception("request_not_cleared_away")


def _guarded(answer: Answer) -> Answer:
    """As Django does between middlewares: an exception becomes an answer."""
    return cast("Answer", convert_exception_to_response(answer))


def _start(response: HttpResponseBase, start_response: StartResponse) -> None:
    cookies = [("Set-Cookie", cookie.output(header="")) for cookie in response.cookies.values()]
    start_response(f"{response.status_code} {response.reason_phrase}", [*response.items(), *cookies])


def _no_page(request: HttpRequest) -> HttpResponseBase:
    raise AssertionError(f"{request.path_info} is not a machine's address")
