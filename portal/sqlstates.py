"""Refusals raised inside our SQL functions (SQLSTATE `PT…` and a DETAIL word) become the portal's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import Error

from portal import errors

UNIQUE_VIOLATION = "23505"


# What breaking a unique rule means: the constraint, the refusal.
CONSTRAINTS: dict[str, Callable[[], errors.PortalError]] = {
    "transaction_id_once": lambda: errors.Duplicate(
        "This transaction_id was used before.", field="transaction_id"
    ),
    "order_refunded_once": errors.AlreadyRefunded,
    "order_billed_once": lambda: errors.InvalidState("This order was billed already."),
    "rental_refunded_once": errors.AlreadyRefunded,
    "rental_billed_once": lambda: errors.InvalidState("This rental was billed already."),
    "order_earned_once": lambda: errors.InvalidState("The income of this order was booked already."),
    "order_reversed_once": errors.AlreadyRefunded,
    "customer_id_per_tenant": lambda: errors.Duplicate("This customer_id is taken.", field="customer_id"),
}

# What our functions say in DETAIL with PT409, where the word alone does not tell people enough.
CONFLICTS: dict[str, Callable[[], errors.PortalError]] = {
    "already_refunded": errors.AlreadyRefunded,
    "not_billed": lambda: errors.InvalidState("This order was not billed."),
    "hold_ended": lambda: errors.InvalidState("This order no longer holds money."),
    "over_hold": lambda: errors.InvalidState("More would be billed than was held."),
    "over_charge": lambda: errors.InvalidState("More would be paid back than was charged."),
    "rental_ended": errors.RentalNotActive,
    "rental_busy": lambda: errors.OrderInProgress("This rental is being extended just now."),
}


def refusal_of(error: Error) -> errors.PortalError | None:
    """The portal's error that a database error stands for, or None when it is not one of ours."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate == UNIQUE_VIOLATION:
        broken = CONSTRAINTS.get(cause.diag.constraint_name or "")
        return broken() if broken else None
    if not (cause.sqlstate or "").startswith("PT"):
        return None
    return _refusal(cause.sqlstate or "", cause.diag.message_detail or "")


def _refusal(state: str, detail: str) -> errors.PortalError:
    word, _, rest = detail.partition(":")
    match (state, word):
        case ("PT402", scope):
            what = "account" if scope == "account" else "customer"
            return errors.InsufficientBalance(f"Insufficient {what} balance", scope=what)
        case ("PT429", _):
            limit, _, active = rest.partition(":")
            return errors.TooManyActive(limit=int(limit), active=int(active))
        case ("PT404", _):
            return errors.UnknownActivation()
        case ("PT409", _) if word in CONFLICTS:
            return CONFLICTS[word]()
    return errors.InvalidState(detail or "")


@contextmanager
def sql_refusals() -> Iterator[None]:
    """Raise the portal's own error in place of a database error that our functions raised on purpose."""
    try:
        yield
    except Error as error:
        if (refusal := refusal_of(error)) is None:
            raise
        raise refusal from error
