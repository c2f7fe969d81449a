"""How the rentverify dialect says no: a status and a bare word (rentverify.md 7)."""

from __future__ import annotations

from django.http import HttpResponse

from api.wire import retry_after
from api.words import text_answer
from portal.errors import Internal, PortalError

# The public code of a refusal → word and status. NO_ACTIVATION means "you may not" here (RV-2).
TABLE: dict[str, tuple[str, int]] = {
    "auth_missing": ("BAD_KEY", 401),
    "auth_invalid": ("BAD_KEY", 401),
    "unknown_customer": ("BAD_KEY", 401),
    "permission_denied": ("NO_ACTIVATION", 403),
    "account_blocked": ("NO_ACTIVATION", 403),
    "customer_not_active": ("NO_ACTIVATION", 403),
    "low_success_rate": ("NO_ACTIVATION", 403),
    "insufficient_balance": ("NO_BALANCE", 402),
    "no_numbers": ("NO_NUMBERS", 404),
    "max_price_exceeded": ("NO_NUMBERS", 404),
    "too_many_active": ("NO_NUMBERS", 503),
    "upstream_unavailable": ("NO_NUMBERS", 503),
    "price_token_invalid": ("BAD_ACTION", 400),
    "unknown_service": ("BAD_ACTION", 400),
    "service_prohibited": ("BAD_ACTION", 400),
    "unknown_country": ("BAD_ACTION", 400),
    "unknown_activation": ("BAD_ACTION", 400),
    "early_cancel": ("BAD_ACTION", 400),
    "not_cancellable": ("BAD_ACTION", 400),
    "invalid_state": ("BAD_ACTION", 400),
    "already_refunded": ("BAD_ACTION", 400),
    "validation": ("BAD_ACTION", 400),
    "payload_too_large": ("BAD_ACTION", 400),
    "unsupported_media_type": ("BAD_ACTION", 400),
    "duplicate": ("BAD_ACTION", 400),
    "order_in_progress": ("BAD_ACTION", 400),
    "request_key_mismatch": ("BAD_ACTION", 400),
    "report_deadline_passed": ("BAD_ACTION", 400),
    "report_exists": ("BAD_ACTION", 400),
    "rental_unknown": ("BAD_ACTION", 400),
    "rental_not_cancelable": ("BAD_ACTION", 400),
    "rental_not_active": ("BAD_ACTION", 400),
    "invalid_duration": ("BAD_ACTION", 400),
    "unknown_path": ("BAD_ACTION", 404),
    "method_not_allowed": ("BAD_ACTION", 405),
    "rate_limited": ("RATE_LIMIT", 429),
    "internal": ("ERROR", 500),
}


def write_error(error: PortalError) -> HttpResponse:
    """The refusal as a response. A code without a row is our own fault."""
    word, status = TABLE.get(error.code, TABLE[Internal.code])
    response = text_answer(word, status=status)
    if error.code == "rate_limited":
        response.headers["Retry-After"] = retry_after(error)
    elif error.code == "method_not_allowed":
        response.headers["Allow"] = str(error.extra["allowed"])
    return response
