"""What the retail lists are asked with: pages, times, states; and how their replies are laid out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activations.history import HistoryFilter
from activations.models import Activation
from api.input import LAST_PAGE, LAST_SECOND, Choices, Flag, Integer, Reader, Text

CUSTOMER_ID = Text(1, 80, re.compile(r"[a-zA-Z0-9]+", re.ASCII), "letters and digits", default=None)
TRANSACTION_ID = Text(1, 80, re.compile(r"[a-zA-Z0-9_]+", re.ASCII), "letters, digits and _", default=None)

CREATED: dict[str, Reader] = {
    "created_from_timestamp": Integer(0, LAST_SECOND, default=None),
    "created_to_timestamp": Integer(0, LAST_SECOND, default=None),
}
STATES: dict[str, Reader] = {
    "sms_status": Choices(tuple(Activation.SmsStatus.values)),
    "activation_status": Choices(tuple(Activation.Status.values)),
    "billing_status": Choices(tuple(Activation.BillingStatus.values)),
}
EXCLUSIONS: dict[str, Reader] = {
    "exclude_reported": Flag(False),
    "exclude_active": Flag(False),
    "only_expired": Flag(False),
}


def paged(*, limit: int, most: int) -> dict[str, Reader]:
    """The readers of `page` and `limit` (its default and its highest)."""
    return {"page": Integer(1, LAST_PAGE, default=1), "limit": Integer(1, most, default=limit)}


CURSOR: dict[str, Reader] = {
    "cursor": Text(32, 32, re.compile(r"[A-Za-z0-9_-]+", re.ASCII), "letters, digits, - and _", default=None)
}


# Lines of a page of one customer's list, and of a list over all customers.
USUAL, LONGEST = {"one": 10, "all": 100}, {"one": 100, "all": 1000}
OVER_ALL = paged(limit=USUAL["all"], most=LONGEST["all"])
OF_ONE = paged(limit=USUAL["one"], most=LONGEST["one"])


def span_of(fields: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """From (included) and before (excluded), for "strictly after" and "strictly before" whole seconds."""
    after, before = fields["created_from_timestamp"], fields["created_to_timestamp"]
    return (
        None if after is None else datetime.fromtimestamp(min(after + 1, LAST_SECOND), UTC),
        None if before is None else datetime.fromtimestamp(before, UTC),
    )


def filter_of(fields: Mapping[str, Any]) -> HistoryFilter:
    """A list's query as the filter of orders; what the list does not know is left open."""
    created_from, created_before = span_of(fields) if "created_from_timestamp" in fields else (None, None)
    statuses = ("expired",) if fields.get("only_expired") else fields.get("activation_status", ())
    return HistoryFilter(
        customer_external_id=fields.get("customer_id"),
        sms_status=fields.get("sms_status", ()),
        activation_status=statuses,
        billing_status=fields.get("billing_status", ()),
        created_from=created_from,
        created_before=created_before,
        exclude_reported=fields.get("exclude_reported", False),
        exclude_active=fields.get("exclude_active", False),
    )


def listed(name: str, items: list[Any], *, total: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The reply: the list under its name, and where in the whole it stands."""
    limit = fields["limit"]
    return {
        name: items,
        "page": fields["page"],
        "limit": limit,
        "pages": -(-total // limit),
        "total": total,
    }
