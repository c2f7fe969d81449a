"""How the retail dialect says no: `{"errorName", "errorMessage", …}` (docs/protocols/retail.md 14)."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.http import HttpResponse

from api.retail.wire import json_response, unix
from billing.money import cents_up
from portal.errors import Internal, PortalError

RETRY_SECONDS = 2  # when nobody knows better
PAUSED = "CustomerPausedException"  # the name of customer_not_active while he is only paused

# The public code of a refusal → status and errorName.
TABLE: dict[str, tuple[int, str]] = {
    "auth_missing": (401, "UnauthorizedException"),
    "auth_invalid": (401, "UnauthorizedException"),
    "permission_denied": (403, "AccountOnHoldException"),
    "account_blocked": (403, "AccountOnHoldException"),
    "customer_not_active": (403, "AccountOnHoldException"),
    "insufficient_balance": (402, "PaymentRequiredException"),
    "no_numbers": (404, "NoNumbersAvailableException"),
    "max_price_exceeded": (409, "MaxPriceExceededException"),
    "price_token_invalid": (404, "NotFoundException"),
    "unknown_customer": (404, "NotFoundException"),
    "unknown_service": (404, "NotFoundException"),
    "unknown_country": (404, "NotFoundException"),
    "unknown_activation": (404, "NotFoundException"),
    "unknown_path": (404, "NotFoundException"),
    "early_cancel": (409, "ConflictException"),
    "not_cancellable": (409, "ConflictException"),
    "invalid_state": (409, "ConflictException"),
    "duplicate": (409, "ConflictException"),
    "order_in_progress": (409, "ConflictException"),
    "already_refunded": (409, "ConflictException"),
    "request_key_mismatch": (422, "IdempotencyMismatchException"),
    "too_many_active": (429, "TooManyActivationsException"),
    "low_success_rate": (429, "LowSuccessRateException"),
    "rate_limited": (429, "TooManyRequestsException"),
    "validation": (400, "ValidationException"),
    "method_not_allowed": (405, "MethodNotAllowedException"),
    "payload_too_large": (413, "PayloadTooLargeException"),
    "unsupported_media_type": (415, "UnsupportedMediaTypeException"),
    "service_prohibited": (403, "ServiceProhibitedException"),
    "report_deadline_passed": (409, "ReportCreationDeadlinePassed"),
    "report_exists": (409, "ReportAlreadyExistsException"),
    "rental_unknown": (404, "NotFoundException"),
    "rental_not_cancelable": (409, "ConflictException"),
    "rental_not_active": (409, "ConflictException"),
    "invalid_duration": (400, "ValidationException"),
    "upstream_unavailable": (503, "ServiceUnavailableException"),
    "internal": (500, "InternalServerErrorException"),
}


def write_error(error: PortalError) -> HttpResponse:
    """The refusal as a response. A code without a row is our own fault: 500."""
    if error.code not in TABLE:
        error = Internal()
    status, name = TABLE[error.code]
    if error.code == "customer_not_active" and error.extra.get("status") == "paused":
        name = PAUSED
    body: dict[str, Any] = {"errorName": name, "errorMessage": error.text, **_members(error)}
    response = json_response(body, status=status)
    for header, value in _headers(error).items():
        response[header] = value
    return response


def _members(error: PortalError) -> dict[str, Any]:
    """What the envelope carries beside name and message."""
    extra: dict[str, Any] = error.extra
    match error.code:
        case "validation":
            return {"details": extra["details"]}
        case "max_price_exceeded":
            token = extra.get("token")
            return {
                "suggestedPrice": cents_up(extra["suggested_micros"]),
                "order_id": token,
                "orderId": token,
            }
        case "early_cancel":
            return {"cancelable_after": unix(extra["at"])}
        case "too_many_active":
            return {"limit": extra.get("limit"), "active": extra.get("active")}
        case "low_success_rate":
            return {"unblock_at": _until(error)}
        case "order_in_progress" | "upstream_unavailable" if extra.get("activation"):
            return {"activation_id": extra["activation"]}
    return {}


def _headers(error: PortalError) -> dict[str, str]:
    extra: dict[str, Any] = error.extra
    match error.code:
        case "method_not_allowed":
            return {"Allow": str(extra["allowed"])}
        case "rate_limited":
            limit = {"x-ratelimit-limit": str(extra["limit"]), "x-ratelimit-remaining": "0"}
            return {**limit, **_reset(int(extra["reset"]))}
        case "low_success_rate" if (until := _until(error)) is not None:
            return _reset(until)
        case "order_in_progress" | "upstream_unavailable":
            return {"Retry-After": str(extra.get("retry_after", RETRY_SECONDS))}
    return {}


def _until(error: PortalError) -> int | None:
    until = error.extra.get("until")
    return unix(until) if isinstance(until, datetime) else None


def _reset(at: int) -> dict[str, str]:
    """When a limit or block ends: the moment, and the wait until then (at least a second)."""
    return {"x-ratelimit-reset": str(at), "Retry-After": str(max(1, at - int(time.time())))}
