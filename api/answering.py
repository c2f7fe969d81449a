"""Turns what a dialect's view did, refusals and our own failures included, into the dialect's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from api import diary
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
    diary.nobody_yet()
    try:
        refuse_bad_path(request)
        return diary.end(request, view(), diary.DONE)
    except PortalError as error:
        return diary.end(request, write_error(error), error.code)
    except Exception as error:
        if is_unavailable(error):
            log.warning("database_unavailable", exc_info=error)
            busy = UpstreamUnavailable("The service is busy. Please try again in a moment.")
            return diary.end(request, write_error(busy), busy.code)
        got_request_exception.send(sender=answered, request=request)
        log.exception("request_failed")
        return diary.end(request, write_error(Internal()), Internal.code)


def refuse_bad_path(request: HttpRequest) -> None:
    """B1, B2: a NUL or a byte that is not UTF-8 in the path (Django leaves such a byte percent-encoded)."""
    if BAD_IN_PATH.search(request.path_info):
        raise ValidationError({"path": "has a character that no id here can have."})
