"""Reads of orders, each starting from a tenant or a customer. Rows hold what dialects and pages show; what a
provider told us stays out of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Customer, Tenant
from activations.masking import MASK, is_masked, masked_before
from activations.models import Activation
from activations.phones import clean_phone

PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,39}")


class ActivationRow(NamedTuple):
    """One activation as its owner may see it. Amounts are micro-USD, times aware UTC datetimes."""

    id: UUID
    num_id: int
    hex_id: str
    ord_id: str
    tenant_id: int
    customer_id: int
    channel: str
    service_id: str
    country_id: str
    operator: str
    capability: str
    provider_id: int | None
    phone: str
    formatted: str
    lease_state: str
    sms_status: str
    activation_status: str
    billing_status: str
    report_status: str | None
    cancel_requested_at: datetime | None
    billing_mode: str
    price_micros: int
    customer_price_micros: int
    max_price_micros: int
    cancel_fee_micros: int
    is_retriable: bool
    cancelable_after: datetime | None
    created_at: datetime
    updated_at: datetime
    expire_at: datetime
    received_at: datetime | None
    ended_at: datetime | None
    ready_at: datetime | None
    replaced_at: datetime | None
    sms_code: str | None
    sms_text: str | None

    @property
    def shown(self) -> Shown:
        """What the dialects show of it."""
        return Shown._make(
            int(value.timestamp()) if type(value) is datetime else value for value in _values_shown(self)
        )

    @property
    def is_checking(self) -> bool:
        """Whether it was bought is still being found out."""
        return self.lease_state == "ordering"

    @property
    def is_open(self) -> bool:
        return self.activation_status == "active"

    @property
    def fee_micros(self) -> int:
        """What a cancel by the customer costs him, or has cost."""
        return min(self.cancel_fee_micros, self.customer_price_micros)

    @property
    def is_cancelling(self) -> bool:
        return self.cancel_requested_at is not None and self.is_open

    @property
    def has_code(self) -> bool:
        return self.sms_status != "smsRequested"

    @property
    def awaits_message(self) -> bool:
        return self.is_open and self.sms_status in ("smsRequested", "retryRequested")


COLUMNS = ", ".join(f"a.{name}" for name in ActivationRow._fields)
"""Columns of an ActivationRow for a SELECT in which the activation is named `a`."""

HIDDEN = "unsold"


class Shown(NamedTuple):
    """What the dialects show of an order and nothing else, for the reads that are made most. Times are Unix
    seconds, amounts micro-USD.
    """

    hex_id: str
    num_id: int
    service_id: str
    country_id: str
    phone: str
    formatted: str
    sms_status: str
    activation_status: str
    billing_status: str
    report_status: str | None
    sms_code: str | None
    sms_text: str | None
    price_micros: int
    customer_price_micros: int
    is_retriable: bool
    cancelable_after: int | None
    created_at: int
    updated_at: int
    expire_at: int
    ended_at: int | None

    @property
    def is_open(self) -> bool:
        return self.activation_status == "active"

    @property
    def has_code(self) -> bool:
        return self.sms_status != "smsRequested"


_values_shown = itemgetter(*(ActivationRow._fields.index(name) for name in Shown._fields))

# A number made in SQL costs a twentieth of a datetime made here; `extract`, which is exact, a tenth.
MOMENTS = {"cancelable_after", "created_at", "updated_at", "expire_at", "ended_at"}
SHOWN = ", ".join(
    f"floor(date_part('epoch', a.{name}))::bigint" if name in MOMENTS else f"a.{name}"
    for name in Shown._fields
)
"""Columns of a Shown for a SELECT in which the activation is named `a`."""


def shown_from(found: Iterable[Sequence[Any]]) -> list[Shown]:
    """The rows that a cursor gave for SHOWN, masked as in `row_from`."""
    last = masked_before(timezone.now()).timestamp()
    return [_masked(Shown(*values), last) for values in found]


def _masked(row: Shown, last: float) -> Shown:
    if row.ended_at is None or row.ended_at >= last or (row.sms_code is None and row.sms_text is None):
        return row
    return row._replace(sms_code=row.sms_code and MASK, sms_text=row.sms_text and MASK)


def row_from(values: Sequence[object]) -> ActivationRow:
    """The row that a cursor gave for COLUMNS, code and text masked once their time is over.

    Every read of an order goes through here or `shown_from`, so that no page or dialect can show them longer.
    """
    row = ActivationRow(*values)  # type: ignore[arg-type]
    if row.ended_at is None or not is_masked(row.ended_at, now=timezone.now()):
        return row
    return row._replace(sms_code=row.sms_code and MASK, sms_text=row.sms_text and MASK)


def activations_of(owner: Tenant | Customer) -> QuerySet[Activation]:
    """What a tenant or a customer may see of its own orders; orders that nobody could fill are left out."""
    mine = Q(tenant=owner) if isinstance(owner, Tenant) else Q(tenant_id=owner.tenant_id, customer=owner)
    return Activation.objects.filter(mine).exclude(lease_state=HIDDEN)


def find_row(*, tenant_id: int, hex_id: str, customer_id: int | None = None) -> ActivationRow | None:
    """One activation by its public id; None when it is not this tenant's (and customer's, where given)."""
    return _one(
        "a.hex_id = %s AND a.tenant_id = %s AND (%s::bigint IS NULL OR a.customer_id = %s)",
        [hex_id, tenant_id, customer_id, customer_id],
    )


def row_by_id(*, tenant_id: int, activation_id: UUID) -> ActivationRow | None:
    """One activation by its inner id, unsold ones included (request keys lead here)."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM activations_activation a WHERE a.id = %s AND a.tenant_id = %s",  # noqa: S608
            [activation_id, tenant_id],
        )
        values = cursor.fetchone()
    return row_from(values) if values else None


def channels_of(order_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Through which dialect each of these orders came; unknown ids are left out."""
    return dict(Activation.objects.filter(pk__in=order_ids).values_list("id", "channel"))


def active_rows(*, tenant_id: int, customer_id: int) -> list[ActivationRow]:
    """Everything open of one customer, newest first, at most 1 000."""
    return _many(
        "a.tenant_id = %s AND a.customer_id = %s AND a.activation_status = 'active'"
        " ORDER BY a.created_at DESC, a.id DESC LIMIT 1000",
        [tenant_id, customer_id],
    )


def rows_called(*, tenant_id: int, customer_id: int, hex_ids: Sequence[str]) -> list[ActivationRow]:
    """Those of these orders that are the customer's, newest first."""
    return _many(
        "a.hex_id = ANY(%s) AND a.tenant_id = %s AND a.customer_id = %s"
        " ORDER BY a.created_at DESC, a.id DESC",
        [list(hex_ids), tenant_id, customer_id],
    )


def find_any(*, tenant_id: int | None, reference: str) -> Activation | None:
    """The newest activation that a public id of any dialect, or the phone of an open one, names.

    The phone may be written as the pages show it (`+1 212-210-0002`), an id in capitals too.
    `tenant_id` None: anybody's (operators).
    """
    public_id = reference.lower()
    wanted = Q(hex_id=public_id) | Q(ord_id=public_id)
    if PHONE.fullmatch(reference):
        wanted |= Q(phone=clean_phone(reference), activation_status="active")
    if reference.isascii() and reference.isdigit() and int(reference) < 2**63:
        wanted |= Q(num_id=int(reference))
    found = Activation.objects.filter(wanted, lease_state="leased").select_related("provider")
    if tenant_id is not None:
        found = found.filter(tenant_id=tenant_id)
    return found.order_by("-created_at").first()


def _one(condition: str, params: Sequence[Any]) -> ActivationRow | None:
    rows = _many(f"{condition} LIMIT 1", params)
    return rows[0] if rows else None


def _many(condition: str, params: Sequence[Any]) -> list[ActivationRow]:
    """`condition` is written here, never by a caller; values go through `params`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM activations_activation a"  # noqa: S608
            f" WHERE a.lease_state <> '{HIDDEN}' AND {condition}",
            params,
        )
        return [row_from(values) for values in cursor.fetchall()]
