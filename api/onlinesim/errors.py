"""How we say no to a marketplace: a status word, and what is wrong where something is."""

from __future__ import annotations

from django.http import HttpResponse

from api.wire import json_response
from portal.errors import Internal, PortalError

NO_NUMBERS = "NO_NUMBERS"
SUCCESS = "SUCCESS"

# The public code of a refusal → status word; or, with status ERROR, what `error` says (empty: the sentence).
NOT_NOW = (
    "account_blocked", "customer_not_active", "insufficient_balance", "no_numbers", "max_price_exceeded",
    "unknown_service", "unknown_country", "too_many_active", "low_success_rate", "rate_limited",
    "service_prohibited", "invalid_duration",
)  # fmt: skip
# An operation that is over stays as it is, and the marketplace need not know (FINISH can be repeated).
NO_EFFECT = (
    "early_cancel", "not_cancellable", "invalid_state", "already_refunded", "rental_not_cancelable",
    "rental_not_active",
)  # fmt: skip
ERRORS = {
    "auth_missing": "NO_KEY",
    "auth_invalid": "BAD_KEY",
    "permission_denied": "",
    "unknown_customer": "BAD_KEY",
    "unknown_activation": "NO_ACTIVATION",
    "rental_unknown": "NO_ACTIVATION",
    "unknown_path": "BAD_ACTION",
    "method_not_allowed": "BAD_ACTION",
    "validation": "",
    "payload_too_large": "",
    "unsupported_media_type": "",
    "price_token_invalid": "",
    "duplicate": "",
    "order_in_progress": "",
    "request_key_mismatch": "",
    "report_deadline_passed": "",
    "report_exists": "",
    "upstream_unavailable": "",
    "internal": "",
}
TABLE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(NOT_NOW, (NO_NUMBERS, "")),
    **dict.fromkeys(NO_EFFECT, (SUCCESS, "")),
    **{code: ("ERROR", word) for code, word in ERRORS.items()},
}
UNAUTHORIZED = frozenset({"auth_missing", "auth_invalid", "unknown_customer"})


def write_error(error: PortalError) -> HttpResponse:
    """The refusal as a response. A code without a row is our own fault."""
    if error.code not in TABLE:
        error = Internal()
    status, word = TABLE[error.code]
    body = {"status": status}
    if status == "ERROR":
        body["error"] = word or error.text
    return json_response(body, status=401 if error.code in UNAUTHORIZED else 200)
