"""How a caller names a request that he may have to repeat (F2), and what tells that it is the same one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import orjson
from django.http import HttpRequest

from portal.errors import ValidationError

REQUEST_KEY = re.compile(r"[!-~]{1,255}")


def request_key(request: HttpRequest) -> str | None:
    """The Idempotency-Key header. Raises ValidationError when it is there but no sane key."""
    return checked_key(request.META.get("HTTP_IDEMPOTENCY_KEY"), name="Idempotency-Key")


def checked_key(given: str | None, *, name: str) -> str | None:
    """Raises ValidationError for `name`."""
    if given is not None and not REQUEST_KEY.fullmatch(given):
        raise ValidationError({name: "must be 1 to 255 visible ASCII characters."})
    return given


def digest_of(asked: Mapping[str, object]) -> bytes:
    """SHA-256 of what was asked, however it was spaced or ordered."""
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
