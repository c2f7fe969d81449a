"""How the ping dialect says no: `{"result":"failed","message","code","error_info"}` (ping.md 7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from api.ping.wire import moment
from api.wire import json_response, retry_after
from portal.errors import Internal, PortalError

RETRY_SECONDS = 2  # when nobody knows better

# The public code of a refusal → status and `code`; an empty one is left out.
TABLE: dict[str, tuple[int, str]] = {
    "auth_missing": (401, "MISSING_API_KEY"),
    "auth_invalid": (401, "INVALID_API_KEY"),
    "unknown_customer": (401, "INVALID_API_KEY"),
    "permission_denied": (403, "PERMISSION_DENIED"),
    "account_blocked": (403, "ACCOUNT_SUSPENDED"),
    "customer_not_active": (403, "ACCOUNT_SUSPENDED"),
    "low_success_rate": (403, "ACCOUNT_SUSPENDED"),
    "insufficient_balance": (400, "INSUFFICIENT_BALANCE"),
    "validation": (400, "VALIDATION_ERROR"),
    "price_token_invalid": (400, "VALIDATION_ERROR"),
    "invalid_duration": (400, "INVALID_DAYS"),
    "unknown_service": (404, "SERVICE_NOT_FOUND"),
    "unknown_country": (404, "SERVICE_NOT_FOUND"),
    "service_prohibited": (404, "SERVICE_NOT_FOUND"),
    "unknown_activation": (404, "ORDER_NOT_FOUND"),
    "rental_unknown": (404, "RENTAL_NOT_FOUND"),
    "unknown_path": (404, ""),
    "no_numbers": (409, "NO_NUMBERS_AVAILABLE"),
    "max_price_exceeded": (409, "NO_NUMBERS_AVAILABLE"),
    "early_cancel": (409, "EARLY_CANCEL_DENIED"),
    "not_cancellable": (409, "ORDER_NOT_CANCELLABLE"),
    "invalid_state": (409, "ORDER_NOT_CANCELLABLE"),
    "already_refunded": (409, "ORDER_NOT_CANCELLABLE"),
    "rental_not_active": (409, "RENTAL_NOT_ACTIVE"),
    "rental_not_cancelable": (409, "RENTAL_NOT_ACTIVE"),
    "order_in_progress": (409, ""),
    "duplicate": (409, ""),
    "report_deadline_passed": (409, ""),
    "report_exists": (409, ""),
    "request_key_mismatch": (422, "IDEMPOTENCY_MISMATCH"),
    "method_not_allowed": (405, "METHOD_NOT_ALLOWED"),
    "payload_too_large": (413, "PAYLOAD_TOO_LARGE"),
    "unsupported_media_type": (415, "UNSUPPORTED_MEDIA_TYPE"),
    "too_many_active": (429, "TOO_MANY_ACTIVE_ORDERS"),
    "rate_limited": (429, "RATE_LIMIT_EXCEEDED"),
    "upstream_unavailable": (500, "PROVIDER_ERROR"),
    "internal": (500, ""),
}
# What is wrong with a request, where the protocol has a word of its own for it: by what the refusal is
# narrowed to, and by the field when it is the only one at fault.
NARROWED = {"capability": "CAPABILITY_NOT_SUPPORTED", "service_type": "INVALID_SERVICE_TYPE"}
FIELDS = {"days": "INVALID_DAYS"}


def write_error(error: PortalError) -> HttpResponse:
    """The refusal as a response. A code without a row is our own fault."""
    if error.code not in TABLE:
        error = Internal()
    status, word = TABLE[error.code]
    body = {"result": "failed", "message": _message(error)}
    if word:
        body["code"] = _narrowed(error) or word
    if info := _info(error):
        body["error_info"] = info
    response = json_response(body, status=status)
    for header, value in _headers(error).items():
        response[header] = value
    return response


def _narrowed(error: PortalError) -> str | None:
    if error.code != "validation":
        return None
    fields = [*_details(error)]
    return NARROWED.get(str(error.extra["refusal"])) or (FIELDS.get(fields[0]) if len(fields) == 1 else None)


def _message(error: PortalError) -> str:
    if error.code == "rate_limited":  # as the vendor words it
        return f"Rate limit exceeded. Please retry after {retry_after(error)} seconds."
    return error.text


def _info(error: PortalError) -> str:
    """What stands behind the refusal: the fields, the wait, the end of a block, the order in question."""
    extra: dict[str, Any] = error.extra
    match error.code:
        case "validation":
            return " ".join(f"{field} {reason}" for field, reason in _details(error).items())
        case "early_cancel":
            left = (extra["at"] - timezone.now()).total_seconds()
            return f"{max(1, int(left) + 1)} seconds left"
        case "account_blocked" | "low_success_rate" if isinstance(extra.get("until"), datetime):
            return f"until {moment(extra['until'])}"
        case "order_in_progress" | "upstream_unavailable" if extra.get("public_id"):
            return str(extra["public_id"])
    return ""


def _details(error: PortalError) -> dict[str, str]:
    details: Any = error.extra["details"]
    return dict(details)


def _headers(error: PortalError) -> dict[str, str]:
    extra: dict[str, Any] = error.extra
    match error.code:
        case "method_not_allowed":
            return {"Allow": str(extra["allowed"])}
        case "rate_limited":
            return {
                "Retry-After": retry_after(error),
                "X-RateLimit-Limit": str(extra["limit"]),
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(extra["reset"]),
            }
        case "order_in_progress" | "upstream_unavailable":
            return {"Retry-After": str(extra.get("retry_after", RETRY_SECONDS))}
    return {}
