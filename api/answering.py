"""Turns what a dialect's view did, refusals and our own failures included, into the dialect's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from portal.errors import Internal, PortalError, UpstreamUnavailable, ValidationError
from portal.pages import is_unavailable

log = structlog.get_logger(__name__)

BAD_IN_PATH = re.compile("[\0%\ufffd]")


def answered(
    request: HttpRequest,
    view: Callable[[], HttpResponseBase],
    write_error: Callable[[PortalError], HttpResponse],
) -> HttpResponseBase:
    """What `view` returns, or the refusal as `write_error` spells it; never an exception."""
    try:
        refuse_bad_path(request)
        return view()
    except PortalError as error:
        return write_error(error)
    except Exception as error:
        if is_unavailable(error):
            log.warning("database_unavailable", exc_info=error)
            return write_error(UpstreamUnavailable("The service is busy. Please try again in a moment."))
        got_request_exception.send(sender=answered, request=request)
        log.exception("request_failed")
        return write_error(Internal())


def refuse_bad_path(request: HttpRequest) -> None:
    """B1, B2: a NUL or a byte that is not UTF-8 in the path (Django leaves such a byte percent-encoded)."""
    if BAD_IN_PATH.search(request.path_info):
        raise ValidationError({"path": "has a character that no id here can have."})
