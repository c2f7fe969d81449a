"""What every request passes before a room sees it: an id, the probes, failures, the content policy."""

import re
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from portal import health, logs, metrics, pages

log = structlog.get_logger(__name__)

GOOD_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SLOW_SECONDS = 1.0
# The admin theme's scripts build functions and styles in the browser; only its pages may.
ADMIN_POLICY = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Gives each request an id (the caller's, if well-formed), in every log line and in the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if given and GOOD_ID.fullmatch(given) else token_hex(16)
        request.request_id = request_id  # type: ignore[attr-defined]
        logs.request_id.set(request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        response["X-Request-Id"] = request_id
        metrics.count_request(request, response, seconds)
        if response.status_code >= 500 or seconds > SLOW_SECONDS or settings.LOG_REQUESTS:
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                milliseconds=round(seconds * 1000),
            )
        return response


class ProbeMiddleware:
    """Answers /healthz, /readyz and /metrics on any host name, before tenants, sessions and cookies."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)


PROBES = {"/healthz": health.alive, "/readyz": health.ready, "/metrics": metrics.show}


class RefusalMiddleware:
    """Turns a database that is away, full or out of connections into 503 with Retry-After (O5, O8), and a
    wrong method's empty 405 into a page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return pages.method_not_allowed(request, allowed=response["Allow"])
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not pages.is_unavailable(error):
            return None  # handler500 answers
        log.warning("database_unavailable", exc_info=error)
        return pages.unavailable(request)


class TextMiddleware:
    """Refuses pages asked with NUL bytes or broken UTF-8 in address, query or form (B1, B2): Django would
    replace or pass on what PostgreSQL cannot store, and the page would answer another question.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "").encode("latin-1")  # WSGI: one character for each byte
        # Django has decoded the path, and written %FF for a byte that is no UTF-8.
        if all(is_text(unquote_to_bytes(given)) for given in (request.path_info, query)):
            return self.get_response(request)
        return pages.not_text(request, field=field_at_fault(query))

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """The body, which the check of the CSRF token has read already."""
        if request.method != "POST":
            return None
        if request.content_type == "application/x-www-form-urlencoded":
            if is_text(unquote_to_bytes(request.body)):
                return None
            return pages.not_text(request, field=field_at_fault(request.body))
        # With files: Django has decoded the fields, and replaced what was broken.
        for name, values in request.POST.lists():
            if any("\x00" in value for value in values):
                return pages.not_text(request, field=name)
        return None


def is_text(raw: bytes) -> bool:
    """Whether these are UTF-8 characters without NUL."""
    try:
        return "\x00" not in raw.decode()
    except UnicodeDecodeError:
        return False


def field_at_fault(encoded: bytes) -> str:
    """The name of the first field that is no text, "" when there is none."""
    for pair in encoded.split(b"&"):
        if not is_text(unquote_to_bytes(pair)):
            name = unquote_to_bytes(pair.partition(b"=")[0]).decode(errors="replace")
            return name.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return ""


class PolicyMiddleware(CSPMiddleware):
    """The Content-Security-Policy of settings, eased for the admin."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith("/admin/"):
            response._csp_update = ADMIN_POLICY  # type: ignore[attr-defined]
        return super().process_response(request, response)
