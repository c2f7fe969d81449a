"""Refusals kept with a request key, so that the same key hears the same answer again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal import errors

TIMES = {"until", "at"}
CLASSES = {cls.code: cls for cls in errors.PortalError.__subclasses__()}
# Answers that decide nothing: the same key may try again.
NOT_KEPT = (errors.UpstreamUnavailable, errors.OrderInProgress, errors.RequestKeyMismatch, errors.Internal)


def is_kept(error: errors.PortalError) -> bool:
    return not isinstance(error, NOT_KEPT)


def to_json(error: errors.PortalError) -> dict[str, Any]:
    """`{code, text, extra}` with times as ISO text."""
    extra = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in error.extra.items()
    }
    return {"code": error.code, "text": error.text, "extra": extra}


def from_json(data: dict[str, Any]) -> errors.PortalError:
    """The refusal as it was raised; a code that has since gone is an inner error."""
    cls = CLASSES.get(data["code"], errors.Internal)
    error = cls.__new__(cls)
    extra = {
        name: datetime.fromisoformat(value) if name in TIMES and value else value
        for name, value in data["extra"].items()
    }
    errors.PortalError.__init__(error, data["text"], **extra)
    if isinstance(error, errors.ValidationError):
        error.details = dict(data["extra"].get("details", {}))
    return error
