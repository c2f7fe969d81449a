"""Reads of rentals, each starting from a tenant, and where a customer is named only his. Rows hold what
dialects and pages show; what a provider told us stays out of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from activations.masking import MASK, is_masked
from activations.models import Rental
from activations.phones import clean_phone
from activations.queries import PHONE

MOST_ACTIVE = 1_000
MOST_MESSAGES = 500


class RentalRow(NamedTuple):
    """One rental as its owner may see it. Amounts are micro-USD over all terms, times aware UTC datetimes."""

    id: UUID
    num_id: int
    rnt_id: str
    tenant_id: int
    customer_id: int
    channel: str
    service_id: str
    country_id: str
    operator: str
    provider_id: int | None
    phone: str
    formatted: str
    lease_state: str
    rental_status: str
    billing_status: str
    cancel_requested_at: datetime | None
    extending: UUID | None
    hours: int
    price_micros: int
    customer_price_micros: int
    day_price_micros: int
    refund_micros: int
    customer_refund_micros: int
    refund_days: int
    can_cancel: bool
    can_extend: bool
    guard_until: datetime | None
    created_at: datetime
    updated_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    messages_count: int
    last_message_at: datetime | None
    auto_renew: bool
    renew_hours: int | None
    renew_max_price_micros: int | None
    renew_refusal: str

    @property
    def is_checking(self) -> bool:
        """Whether it was rented is still being found out."""
        return self.lease_state == "ordering"

    @property
    def is_open(self) -> bool:
        return self.rental_status == "active"

    @property
    def is_cancelling(self) -> bool:
        return self.cancel_requested_at is not None and self.is_open

    @property
    def is_extending(self) -> bool:
        """Whether an extension is being found out; meanwhile it can neither end nor be extended again."""
        return self.extending is not None

    def is_guarded(self, now: datetime) -> bool:
        """Whether a cancel now pays everything back (N4)."""
        return self.messages_count == 0 and self.guard_until is not None and now < self.guard_until


class RentalMessageRow(NamedTuple):
    """A message of a rental, its text and code masked once their time is over."""

    msg_id: str
    kind: str
    sender: str
    text: str
    code: str | None
    visible: bool
    received_at: datetime


class TermRow(NamedTuple):
    """A paid part of a rental: the rent itself (number 1) or an extension. Micro-USD."""

    id: UUID
    number: int
    is_renewal: bool
    hours: int
    price_micros: int
    customer_price_micros: int
    customer_refund_micros: int
    extends_from: datetime | None
    created_at: datetime


class Refund(NamedTuple):
    """What a cancel now would pay back to the customer; `days`: whole unused days behind it."""

    customer_micros: int
    days: int


COLUMNS = ", ".join(f"r.{name}" for name in RentalRow._fields)
"""Columns of a RentalRow for a SELECT in which the rental is named `r`."""

MESSAGE_COLUMNS = ", ".join(f"m.{name}" for name in RentalMessageRow._fields)
TERM_COLUMNS = ", ".join(f"t.{name}" for name in TermRow._fields)
HIDDEN = "unsold"

# Later only what the provider's rule promises.
REFUNDS = """
SELECT r.id, coalesce(sum(due.customer_micros), 0)::bigint, coalesce(sum(due.days), 0)::bigint
FROM activations_rental r JOIN providers_provider p ON p.id = r.provider_id
LEFT JOIN LATERAL rental_refund_due(
    r.id, CASE WHEN r.id = ANY(%(guarded)s) THEN 'full' WHEN p.rental_pays_days_back THEN 'days' ELSE '' END,
    NULL, %(now)s) AS due ON true
WHERE r.id = ANY(%(ids)s) GROUP BY r.id
"""
NEWEST = f"""
SELECT m.rental_id, {MESSAGE_COLUMNS}
FROM unnest(%(ids)s::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT * FROM activations_rentalmessage m WHERE m.rental_id = wanted.id AND m.visible
    ORDER BY m.received_at DESC, m.id DESC LIMIT %(most)s
) AS m
"""  # noqa: S608


def rental_row_from(values: Sequence[object]) -> RentalRow:
    return RentalRow(*values)  # type: ignore[arg-type]


def rental_row_by_num_id(*, tenant_id: int, customer_id: int, num_id: int) -> RentalRow | None:
    """None also for numbers that no id can be."""
    if not 0 < num_id < 2**63:
        return None
    return _one("r.num_id = %s AND r.tenant_id = %s AND r.customer_id = %s", [num_id, tenant_id, customer_id])


def rental_row_by_rnt_id(*, tenant_id: int, rnt_id: str, customer_id: int | None = None) -> RentalRow | None:
    """`customer_id` None: any customer of the tenant (retail keys)."""
    return _one(
        "r.rnt_id = %s AND r.tenant_id = %s AND (%s::bigint IS NULL OR r.customer_id = %s)",
        [rnt_id, tenant_id, customer_id, customer_id],
    )


def rental_row_by_id(*, tenant_id: int, rental_id: UUID) -> RentalRow | None:
    """By the inner id, unsold ones included (request keys lead here)."""
    found = _rows(
        f"SELECT {COLUMNS} FROM activations_rental r WHERE r.id = %s AND r.tenant_id = %s",  # noqa: S608
        [rental_id, tenant_id],
    )
    return rental_row_from(found[0]) if found else None


def active_rental_rows(*, tenant_id: int, customer_id: int) -> list[RentalRow]:
    """Everything that runs (or is being rented), newest first, at most 1 000."""
    return _many(
        "r.tenant_id = %s AND r.customer_id = %s AND r.rental_status = 'active'"
        f" ORDER BY r.created_at DESC, r.id DESC LIMIT {MOST_ACTIVE}",
        [tenant_id, customer_id],
    )


def rental_rows(
    *,
    tenant_id: int,
    customer_id: int | None = None,
    only_past: bool = False,
    skip: int = 0,
    limit: int = 50,
) -> list[RentalRow]:
    """Running and past ones (or only past ones), newest first."""
    return _many(
        "r.tenant_id = %s AND (%s::bigint IS NULL OR r.customer_id = %s)"
        " AND (NOT %s OR r.rental_status <> 'active')"
        " ORDER BY r.created_at DESC, r.id DESC LIMIT %s OFFSET %s",
        [tenant_id, customer_id, customer_id, only_past, limit, skip],
    )


def count_rentals(*, tenant_id: int, customer_id: int | None = None) -> int:
    """How many `rental_rows` there are."""
    return int(
        _rows(
            "SELECT count(*) FROM activations_rental r WHERE r.tenant_id = %s"
            " AND (%s::bigint IS NULL OR r.customer_id = %s) AND r.lease_state <> 'unsold'",
            [tenant_id, customer_id, customer_id],
        )[0][0]
    )


def rental_messages(
    row: RentalRow, *, skip: int = 0, limit: int = MOST_MESSAGES, include_late: bool = False
) -> list[RentalMessageRow]:
    """Messages of a rental that was read before, newest first; those that came after its end only on
    demand.
    """
    found = _rows(
        f"SELECT {MESSAGE_COLUMNS} FROM activations_rentalmessage m"  # noqa: S608
        " WHERE m.rental_id = %s AND m.tenant_id = %s AND (m.visible OR %s)"
        " ORDER BY m.received_at DESC, m.id DESC LIMIT %s OFFSET %s",
        [row.id, row.tenant_id, include_late, limit, skip],
    )
    return [_masked(RentalMessageRow(*values), row.ended_at) for values in found]


def rental_message(
    *, tenant_id: int, rental_id: UUID, msg_id: str
) -> tuple[RentalRow, RentalMessageRow] | None:
    """One message with its rental, for an event that names it."""
    row = rental_row_by_id(tenant_id=tenant_id, rental_id=rental_id)
    found = _rows(
        f"SELECT {MESSAGE_COLUMNS} FROM activations_rentalmessage m"  # noqa: S608
        " WHERE m.msg_id = %s AND m.rental_id = %s AND m.tenant_id = %s",
        [msg_id, rental_id, tenant_id],
    )
    if row is None or not found:
        return None
    return row, _masked(RentalMessageRow(*found[0]), row.ended_at)


def terms_of(row: RentalRow) -> list[TermRow]:
    """What was paid for a rental, oldest first: the rent, then its extensions."""
    found = _rows(
        f"SELECT {TERM_COLUMNS} FROM activations_rentalterm t"  # noqa: S608
        " WHERE t.rental_id = %s AND t.tenant_id = %s AND t.state = 'billed' ORDER BY t.number",
        [row.id, row.tenant_id],
    )
    return [TermRow(*values) for values in found]


def first_term_hours(row: RentalRow) -> int:
    """For how long it was rented at first; `row.hours` counts its extensions, too."""
    [(hours,)] = _rows(
        "SELECT hours FROM activations_rentalterm WHERE rental_id = %s AND tenant_id = %s AND number = 1",
        [row.id, row.tenant_id],
    )
    return int(hours)


def rentals_of_terms(*, tenant_id: int, term_ids: Sequence[UUID | None]) -> dict[UUID | None, str]:
    """The public ids of the rentals behind terms; what is no term is left out."""
    wanted = [pk for pk in term_ids if pk is not None]
    if not wanted:
        return {}
    found = _rows(
        "SELECT t.id, r.rnt_id FROM activations_rentalterm t JOIN activations_rental r ON r.id = t.rental_id"
        " WHERE t.id = ANY(%s) AND t.tenant_id = %s",
        [wanted, tenant_id],
    )
    return dict(found)


def refund_now(row: RentalRow, *, now: datetime) -> Refund | None:
    """What a cancel at `now` pays back; None: it cannot be cancelled. The provider may turn out kinder."""
    return refunds_now([row], now=now).get(row.id)


def refunds_now(rows: Sequence[RentalRow], *, now: datetime) -> dict[UUID, Refund]:
    """The same for many, those left out that cannot be cancelled. One query."""
    open_rows = [row for row in rows if row.is_open and not row.is_checking and row.can_cancel]
    if not open_rows:
        return {}
    guarded = [row.id for row in open_rows if row.is_guarded(now)]
    found = _rows(REFUNDS, {"ids": [row.id for row in open_rows], "guarded": guarded, "now": now})
    return {rental_id: Refund(micros, days) for rental_id, micros, days in found}


def newest_messages(rows: Sequence[RentalRow], *, most: int) -> dict[UUID, list[RentalMessageRow]]:
    """The newest visible messages of rentals that were read before, at most so many of each. One query."""
    told = [row.id for row in rows if row.messages_count]
    found: dict[UUID, list[RentalMessageRow]] = {}
    if told:
        ended = {row.id: row.ended_at for row in rows}
        for rental_id, *values in _rows(NEWEST, {"ids": told, "most": most}):
            message = _masked(RentalMessageRow(*values), ended[rental_id])
            found.setdefault(rental_id, []).append(message)
    return found


def find_any_rental(*, tenant_id: int | None, reference: str) -> Rental | None:
    """The newest rental that a public id of any dialect, or the phone of a running one, names.

    An id may be written in capitals too. `tenant_id` None: anybody's (operators).
    """
    wanted = Q(rnt_id=reference.lower())
    if PHONE.fullmatch(reference):
        wanted |= Q(phone=clean_phone(reference), rental_status="active")
    if reference.isascii() and reference.isdigit() and int(reference) < 2**63:
        wanted |= Q(num_id=int(reference))
    found = Rental.objects.filter(wanted, lease_state="leased").select_related("provider")
    if tenant_id is not None:
        found = found.filter(tenant_id=tenant_id)
    return found.order_by("-created_at").first()


def _masked(message: RentalMessageRow, ended_at: datetime | None) -> RentalMessageRow:
    """Every read of a message goes through here, so that nothing can show one longer than it may be."""
    if not is_masked(ended_at, now=timezone.now()):
        return message
    return message._replace(text=message.text and MASK, code=message.code and MASK)


def _one(condition: str, params: Sequence[Any]) -> RentalRow | None:
    rows = _many(f"{condition} LIMIT 1", params)
    return rows[0] if rows else None


def _many(condition: str, params: Sequence[Any]) -> list[RentalRow]:
    """`condition` is written here, never by a caller; values go through `params`."""
    found = _rows(
        f"SELECT {COLUMNS} FROM activations_rental r"  # noqa: S608
        f" WHERE r.lease_state <> '{HIDDEN}' AND {condition}",
        params,
    )
    return [rental_row_from(values) for values in found]


def _rows(sql: str, params: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
