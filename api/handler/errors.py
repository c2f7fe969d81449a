"""How the handler dialect says no: HTTP 200 and a bare word; hero: a status and JSON (handler.md 12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from django.http import HttpResponse

from api.handler.wire import Style, amount, json_answer
from api.wire import retry_after
from api.words import text_answer
from portal.errors import Internal, PortalError

# The public code of a refusal → word, and the status that hero gives it.
TABLE: dict[str, tuple[str, int]] = {
    "auth_missing": ("NO_KEY", 401),
    "auth_invalid": ("BAD_KEY", 401),
    "unknown_customer": ("BAD_KEY", 401),
    "permission_denied": ("ACCOUNT_INACTIVE", 403),
    "account_blocked": ("ACCOUNT_INACTIVE", 403),
    "customer_not_active": ("ACCOUNT_INACTIVE", 403),
    "insufficient_balance": ("NO_BALANCE", 402),
    "no_numbers": ("NO_NUMBERS", 404),
    "max_price_exceeded": ("WRONG_MAX_PRICE", 400),
    "price_token_invalid": ("BAD_ACTION", 400),
    "unknown_service": ("BAD_SERVICE", 400),
    "service_prohibited": ("BAD_SERVICE", 400),
    "unknown_country": ("BAD_COUNTRY", 400),
    "unknown_activation": ("NO_ACTIVATION", 404),
    "early_cancel": ("EARLY_CANCEL_DENIED", 409),
    "not_cancellable": ("BAD_STATUS", 409),
    "invalid_state": ("BAD_STATUS", 409),
    "already_refunded": ("BAD_STATUS", 409),
    "too_many_active": ("CHANNELS_LIMIT", 403),
    "low_success_rate": ("BANNED", 403),
    "rate_limited": ("RATE_LIMIT", 429),
    "validation": ("BAD_ACTION", 400),
    "unknown_path": ("BAD_ACTION", 404),
    "method_not_allowed": ("BAD_ACTION", 400),
    "payload_too_large": ("BAD_ACTION", 400),
    "unsupported_media_type": ("BAD_ACTION", 400),
    "duplicate": ("BAD_ACTION", 409),
    "order_in_progress": ("ORDER_ALREADY_EXISTS", 409),
    "request_key_mismatch": ("ORDER_ALREADY_EXISTS", 409),
    "report_deadline_passed": ("BAD_ACTION", 409),
    "report_exists": ("BAD_ACTION", 409),
    "rental_unknown": ("INVALID_PHONE", 404),
    "rental_not_cancelable": ("CANT_CANCEL", 409),
    "rental_not_active": ("RENT_DIE", 409),
    "invalid_duration": ("INVALID_TIME", 400),
    "upstream_unavailable": ("ERROR_SQL", 500),
    "internal": ("ERROR_SQL", 500),
}
# What is wrong with a request, where the family has a word of its own for it.
FIELDS = {
    "service": "BAD_SERVICE",
    "country": "BAD_COUNTRY",
    "phoneException": "WRONG_EXCEPTION_PHONE",
    "operator": "WRONG_OPERATOR",
}
HERO_INFO: dict[str, Callable[[PortalError], dict[str, object]]] = {
    "max_price_exceeded": lambda error: {"min": float(_suggested(error))},
    "low_success_rate": lambda error: {"scope": "global", "banned_until": _until(error)},
    "account_blocked": lambda error: {"scope": "global", "banned_until": _until(error)},
    "early_cancel": lambda error: {"cancelable_after": _moment(error.extra.get("at"))},
}


# The rent family's own words (handler.md 10), by code and by field at fault.
RENT_WORDS = {"unknown_country": "WRONG_COUNTRY"}
RENT_FIELDS = {
    **FIELDS,
    "country": "WRONG_COUNTRY",
    "id": "NO_ID_RENT",
    "status": "INCORECT_STATUS",
    "rent_time": "INVALID_TIME",
}


def write_error(error: PortalError, style: Style = Style.BOWER) -> HttpResponse:
    """The refusal as a response. A code without a row is our own fault."""
    error = error if error.code in TABLE else Internal()
    return _written(error, word_of(error), style, text_answer)


def write_rent_error(error: PortalError, style: Style = Style.BOWER) -> HttpResponse:
    """The same for the rent family, whose words stand in JSON."""
    error = error if error.code in TABLE else Internal()
    word = RENT_WORDS.get(error.code) or word_of(error, RENT_FIELDS)
    return _written(error, word, style, rent_word)


def rent_word(word: str) -> HttpResponse:
    """A word in the place of an answer; it need not be a failure."""
    return json_answer({"status": "error", "message": word})


def _written(
    error: PortalError, word: str, style: Style, plain: Callable[[str], HttpResponse]
) -> HttpResponse:
    if error.code == "rate_limited":
        response = text_answer(word, status=429)
        response.headers["Retry-After"] = retry_after(error)
        return response
    if style is not Style.HERO:
        return plain(word)
    info = HERO_INFO[error.code](error) if error.code in HERO_INFO else {}
    title = word.partition(":")[0]
    return json_answer({"title": title, "details": error.text, "info": info}, status=TABLE[error.code][1])


def word_of(error: PortalError, fields: Mapping[str, str] = FIELDS) -> str:
    """The word, with what belongs behind its colon. `fields`: words for what is wrong with a request."""
    word, _ = TABLE[error.code]
    match error.code:
        case "validation":
            field = next(iter(error.extra["details"]), "")  # type: ignore[call-overload]
            return fields.get(field, word)
        case "max_price_exceeded":
            return f"{word}:{_suggested(error)}"
        case "low_success_rate" | "account_blocked" if until := _until(error):
            return f"BANNED:'{until}'"
    return word


def _suggested(error: PortalError) -> str:
    return amount(int(str(error.extra["suggested_customer_micros"])), up=True)


def _until(error: PortalError) -> str:
    return _moment(error.extra.get("until"))


def _moment(at: object) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H-%M-%S}" if isinstance(at, datetime) else ""
