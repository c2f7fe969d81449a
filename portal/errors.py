"""What the portal says when it refuses: one class per canonical error, with a stable code and a sentence for
people.

The codes are those of docs/protocols/README.md section 3. Each dialect of `api` has one table from `code` to
its wire form;
a test proves that every table covers every class listed here (`all_codes`).
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class PortalError(Exception):
    """A refusal: nothing changed. `code` is stable, `message` is for people, `extra` names the facts behind
    it.
    """

    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "Something went wrong on our side. Nothing was changed."

    def __init__(self, message: str = "", **extra: object) -> None:
        self.text = message or self.message
        self.extra = extra
        super().__init__(self.text)


class AuthMissing(PortalError):
    code, message = "auth_missing", "Send your API key in the X-Api-Key header."


class AuthInvalid(PortalError):
    code, message = "auth_invalid", "This API key is not valid here."


class PermissionDenied(PortalError):
    code, message = "permission_denied", "This key or login is not allowed to do that."


class AccountBlocked(PortalError):
    """Extra: `until` (datetime or None)."""

    code, message = "account_blocked", "This account is blocked for now."


class CustomerNotActive(PortalError):
    """Extra: `status` (the customer's)."""

    code, message = "customer_not_active", "This customer cannot order at the moment."


class InsufficientBalance(PortalError):
    """Extra: `scope` ("customer" or "account")."""

    code, message = "insufficient_balance", "The balance does not cover the price."


class NoNumbers(PortalError):
    code, message = "no_numbers", "No numbers are available for this service and country right now."


class MaxPriceExceeded(PortalError):
    """Extra: `suggested_micros` (tenant price of the nearest offer), `suggested_customer_micros` (what the
    customer pays for it by the price rules), `token` (24 hex; continues it).
    """

    code, message = "max_price_exceeded", "No number is available at or below the price limit."


class PriceTokenInvalid(PortalError):
    code, message = "price_token_invalid", "Order not found"


class UnknownService(PortalError):
    code, message = "unknown_service", "This service does not exist."


class UnknownCountry(PortalError):
    code, message = "unknown_country", "This country does not exist."


class UnknownCustomer(PortalError):
    code, message = "unknown_customer", "This customer does not exist."


class UnknownActivation(PortalError):
    code, message = "unknown_activation", "This activation does not exist."


class EarlyCancel(PortalError):
    """Extra: `at` (datetime from which cancelling works)."""

    code, message = "early_cancel", "It is too early to cancel this number."

    def __init__(self, message: str = "", *, at: datetime) -> None:
        super().__init__(message, at=at)


class NotCancellable(PortalError):
    code, message = "not_cancellable", "This number can no longer be cancelled."


class InvalidState(PortalError):
    code, message = "invalid_state", "The activation is not in a state that allows this."


class TooManyActive(PortalError):
    """Extra: `limit`, `active` (counts)."""

    code, message = "too_many_active", "Too many numbers are active. Finish or cancel one first."


class LowSuccessRate(PortalError):
    """Extra: `until` (datetime)."""

    code, message = (
        "low_success_rate",
        "Too few of the last numbers received a code; ordering pauses for a while.",
    )


class RateLimited(PortalError):
    """Extra: `reset` (Unix seconds), `limit` (requests per minute)."""

    code, message = "rate_limited", "Too many requests. Try again when the window resets."


class ValidationError(PortalError):
    """Extra: `details` ({field: sentence}; one in small letters goes on from the field, "must not be 0.");
    `refusal` narrows it for dialects with own words (phone_exception, operator).
    """

    code, message = "validation", "The request is not valid."

    def __init__(self, details: dict[str, str], message: str = "", *, refusal: str = "") -> None:
        field, sentence = next(iter(details.items()), ("", ""))
        is_subject = sentence[:1].islower()
        first = f"{field} {sentence}" if is_subject else f"{field}: {sentence}"
        super().__init__(message or first, details=details, refusal=refusal)
        self.details = details


class UnknownPath(PortalError):
    code, message = "unknown_path", "There is nothing at this address."


class MethodNotAllowed(PortalError):
    """Extra: `allowed` (the methods that work here)."""

    code, message = "method_not_allowed", "This address does not answer to that method."


class PayloadTooLarge(PortalError):
    """Extra: `limit` (bytes)."""

    code, message = "payload_too_large", "The request is larger than this address accepts."


class UnsupportedMediaType(PortalError):
    code, message = "unsupported_media_type", "Send JSON: Content-Type: application/json."


class ServiceProhibited(PortalError):
    code, message = "service_prohibited", "This service may not be ordered."


class Duplicate(PortalError):
    """Extra: `field`."""

    code, message = "duplicate", "This id is already taken."


class OrderInProgress(PortalError):
    """The first call with this request key still runs, or its outcome is being found out. Extra:
    `activation` (hex id).
    """

    code, message = "order_in_progress", "The first request with this key is still being worked on."


class RequestKeyMismatch(PortalError):
    code, message = "request_key_mismatch", "This request key was used before with another body."


class ReportDeadlinePassed(PortalError):
    code, message = "report_deadline_passed", "A number can be reported for one hour after it was ordered."


class ReportExists(PortalError):
    code, message = "report_exists", "This number was reported already."


class RentalUnknown(PortalError):
    code, message = "rental_unknown", "This rental does not exist."


class RentalNotCancelable(PortalError):
    code, message = "rental_not_cancelable", "This rental can no longer be cancelled."


class RentalNotActive(PortalError):
    code, message = "rental_not_active", "This rental has ended."


class InvalidDuration(PortalError):
    code, message = "invalid_duration", "This rental length is not offered."


class UpstreamUnavailable(PortalError):
    code, message = "upstream_unavailable", "This is not available right now. Please try again shortly."


class AlreadyRefunded(PortalError):
    code, message = "already_refunded", "This order was already refunded."


class Internal(PortalError):
    pass


def all_codes() -> set[str]:
    """Every public code, for the tests that hold the dialects' tables against them."""
    return {error.code for error in PortalError.__subclasses__()}
