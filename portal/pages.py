"""The answers when a request cannot be served: a sentence as HTML or JSON, never a stack trace."""

import sys

import orjson
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from portal.brand import brand_of

log = structlog.get_logger(__name__)

RETRY_SECONDS = 2
BARE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>{sentence}</p><p>Request {request_id}</p></html>
"""
# PostgreSQL states outside OperationalError that also mean "not now": read-only, serialization failure.
NOT_NOW = {"25006", "40001"}


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the database is away, overloaded or read-only, so that the same request may succeed soon."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return True
    return isinstance(error, DatabaseError) and getattr(error.__cause__, "sqlstate", None) in NOT_NOW


def unavailable(request: HttpRequest) -> HttpResponse:
    """503 with Retry-After."""
    response = _answer(
        request, 503, "ServiceUnavailable", "The service is busy. Please try again in a moment."
    )
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; called while the exception is being handled."""
    if is_unavailable(sys.exc_info()[1]):
        return unavailable(request)
    return _answer(request, 500, "InternalError", "Something went wrong on our side. It has been recorded.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    return _answer(request, 404, "NotFound", "There is nothing at this address.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler403; what the exception says goes before the usual sentence."""
    return _answer(request, 403, "Forbidden", str(exception or "") or "You may not do this.")


def method_not_allowed(request: HttpRequest, *, allowed: str) -> HttpResponse:
    """405 for an address that answers only other methods."""
    sentence = f"This address answers {' and '.join(allowed.split(', '))} only."
    response = _answer(request, 405, "MethodNotAllowed", sentence)
    response["Allow"] = allowed
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400; also the answer to an unknown host name."""
    return _answer(request, 400, "BadRequest", "This request cannot be understood.")


def not_text(request: HttpRequest, *, field: str = "") -> HttpResponse:
    """400: NUL bytes or broken UTF-8 in a field, or in the address itself."""
    place = f"The field {field:.40}" if field else "This address"
    return _answer(request, 400, "BadRequest", f"{place} holds characters that are no text.")


def unknown_host(request: HttpRequest) -> HttpResponse:
    """No tenant has this host name."""
    return _answer(request, 400, "UnknownHost", "No portal lives at this address.")


def suspended(request: HttpRequest) -> HttpResponse:
    """The tenant of this host name is suspended."""
    return _answer(request, 503, "PortalClosed", "This portal is closed for the time being.")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """429 with Retry-After; allauth's handler429."""
    response = _answer(request, 429, "TooManyRequests", "Too many requests. Try again in a minute.")
    response["Retry-After"] = "60"
    return response


def _answer(request: HttpRequest, status: int, name: str, sentence: str) -> HttpResponse:
    request_id = getattr(request, "request_id", "")
    if "text/html" in request.headers.get("Accept", ""):
        title = name[0] + "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name[1:])
        brand = brand_of(getattr(request, "tenant", None))
        context = {
            "brand": brand,
            "status": status,
            "title": title,
            "sentence": sentence,
            "request_id": request_id,
        }
        body: str | bytes = _page(context)
        kind = "text/html; charset=utf-8"
    else:
        body = orjson.dumps({"errorName": name, "errorMessage": sentence, "requestId": request_id})
        kind = "application/json"
    response = HttpResponse(body, status=status, content_type=kind)
    response["Cache-Control"] = "no-store"
    return response


def _page(context: dict[str, object]) -> str:
    """The error page; bare when the template itself fails, since this answer must not."""
    try:
        return render_to_string("error.html", context)
    except Exception:
        log.exception("error_page_failed")
        return format_html(BARE, **context)
