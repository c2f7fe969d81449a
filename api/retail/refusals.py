"""The refusals of the retail dialect as its readers see them: schema, meaning, what to do.

Statuses and names are those of api.retail.errors; a test holds both against true refusals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.retail.errors import PAUSED, TABLE
from api.retail.schema import COUNT, MAYBE_SECONDS, SECONDS, WHOLE, WORD, Schema, object_of, one_of


@dataclass(frozen=True)
class Meaning:
    """One errorName: its status, when it comes, what the caller does then."""

    status: int
    name: str
    when: str
    remedy: str


WORDS: dict[str, tuple[str, str]] = {
    "ValidationException": (
        "A field is missing, of the wrong type or out of range; `details` names each.",
        "Mend the request. Repeating it as it is will not help.",
    ),
    "UnauthorizedException": (
        "The key is missing, wrong, revoked, expired, or one of the other base or host.",
        "Check the header and the base: test keys work under /test/api/v1 only, live keys not there.",
    ),
    "PaymentRequiredException": (
        "The balance does not cover the price; the message says whose, yours or the customer's.",
        "Top up, then order again.",
    ),
    "AccountOnHoldException": (
        "Your account is suspended, the customer is switched off, or the key may not do this.",
        "Look at the message; ask support if your account is on hold.",
    ),
    PAUSED: (
        "The customer is paused and cannot order.",
        "Set the customer to `active` first.",
    ),
    "ServiceProhibitedException": ("This service may not be ordered.", "Choose another service."),
    "NotFoundException": (
        "There is no such customer, activation, service, country, report or address. “Order not found”: the "
        "continuation token is unknown, used or older than ten minutes.",
        "Check the id. For a token: order anew without it.",
    ),
    "NoNumbersAvailableException": (
        "Nobody sells this service in this country at the moment.",
        "Try later, another country, or a higher limit.",
    ),
    "MethodNotAllowedException": (
        "The address does not take this method; `Allow` names those that work.",
        "Use one of those.",
    ),
    "MaxPriceExceededException": (
        "Numbers exist, but all above `max_price`. `suggestedPrice` is the nearest.",
        "To go on, repeat the order with `order_id` from the answer and a `max_price` of at least that.",
    ),
    "ConflictException": (
        "The state does not allow this (yet), the id is taken, or the same request is still being worked on.",
        "Read the object. With `cancelable_after` wait until then; with `Retry-After` repeat the request.",
    ),
    "ReportCreationDeadlinePassed": (
        "More than an hour has passed since the order.",
        "The number can no longer be reported.",
    ),
    "ReportAlreadyExistsException": ("This activation was reported before.", "Read the report."),
    "PayloadTooLargeException": ("The body is larger than the address takes.", "Send less."),
    "UnsupportedMediaTypeException": (
        "The body is no JSON, or a file is of a kind that is not taken.",
        "Send `Content-Type: application/json`.",
    ),
    "IdempotencyMismatchException": (
        "This Idempotency-Key was used before with another body.",
        "Use a new key for a new order.",
    ),
    "TooManyRequestsException": (
        "More requests within this minute than the call allows.",
        "Wait until `x-ratelimit-reset` (Unix seconds), or for `Retry-After` seconds.",
    ),
    "TooManyActivationsException": (
        "The customer has as many active numbers as he may have.",
        "Cancel or finalize one first.",
    ),
    "LowSuccessRateException": (
        "Too few of the customer's last numbers received a code; his orders pause until `unblock_at`.",
        "Wait, or end the pause: three times in 24 hours.",
    ),
    "InternalServerErrorException": (
        "A fault of ours. It has been recorded.",
        "Tell support the X-Request-Id.",
    ),
    "ServiceUnavailableException": (
        "We, or those we buy from, are out of reach, or it is not known yet what became of an order "
        "(`activation_id` is then in the answer).",
        "Repeat after `Retry-After` seconds, orders with the same Idempotency-Key: it cannot buy twice.",
    ),
}

# What an envelope holds beside name and message, by status.
MEMBERS: dict[int, dict[str, Schema]] = {
    400: {"details": {"type": "object", "additionalProperties": WORD}},
    409: {
        "suggestedPrice": {"type": "integer", "description": "US cents."},
        "order_id": WORD,
        "orderId": WORD,
        "cancelable_after": SECONDS,
        "activation_id": WORD,
    },
    429: {"limit": COUNT, "active": COUNT, "unblock_at": MAYBE_SECONDS},
    503: {"activation_id": WORD},
}
WAIT: Schema = {"Retry-After": {"schema": WHOLE, "description": "Seconds."}}
LIMIT = {
    "x-ratelimit-limit": {"schema": WHOLE, "description": "Requests a minute."},
    "x-ratelimit-remaining": {"schema": WHOLE},
    "x-ratelimit-reset": {"schema": WHOLE, "description": "Unix seconds when the minute or the pause ends."},
}
HEADERS: dict[int, dict[str, Any]] = {409: WAIT, 429: {**LIMIT, **WAIT}, 503: WAIT}


def meanings() -> list[Meaning]:
    """Every errorName, by status."""
    named = {*TABLE.values(), (TABLE["customer_not_active"][0], PAUSED)}
    return [Meaning(status, name, *WORDS[name]) for status, name in sorted(named)]


def described(codes: Iterable[str]) -> dict[str, Any]:
    """The responses of an operation that may be refused with these codes of portal.errors."""
    names: dict[int, set[str]] = {}
    for code in codes:
        status, name = TABLE[code]
        names.setdefault(status, set()).update({name, PAUSED} if code == "customer_not_active" else {name})
    return {str(status): response(status, sorted(names[status])) for status in sorted(names)}


def response(status: int, names: list[str]) -> dict[str, Any]:
    envelope = object_of(errorName=one_of(names), errorMessage=WORD)
    envelope["properties"] |= MEMBERS.get(status, {})
    form = {
        "description": " ".join(f"`{name}`: {WORDS[name][0]}" for name in names),
        "content": {"application/json": {"schema": envelope}},
    }
    return form | ({"headers": HEADERS[status]} if status in HEADERS else {})


def names_in(response: dict[str, Any]) -> list[str]:
    """The errorNames that a described response may carry."""
    names: list[str] = response["content"]["application/json"]["schema"]["properties"]["errorName"]["enum"]
    return names
