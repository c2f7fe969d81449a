"""A customer's wallet with the orders behind its lines: billing knows them by id only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import Customer
from activations.cards import Card, cards_of
from activations.queries import ActivationRow, activations_of, row_from
from activations.rental_queries import rentals_of_terms
from billing import queries
from billing.models import Entry, Transaction

PAGE_ROWS = 30
MOST_HOLDS = 100
LABELS = {
    Transaction.Kind.TOPUP: "Money added",
    Transaction.Kind.ADJUST: "Correction",
    Transaction.Kind.CHARGE: "Code received",
    Transaction.Kind.REFUND: "Money back",
    Transaction.Kind.CANCEL_FEE: "Cancellation fee",
    Transaction.Kind.RENTAL_CHARGE: "Number rented",
    Transaction.Kind.RENTAL_REFUND: "Rent paid back",
}


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the wallet. Amounts are micro-USD; above zero money came in. `rental`: the id of the one
    that it is about.
    """

    label: str
    note: str
    amount_micros: int
    balance_after_micros: int
    created_at: datetime
    order: Card | None
    rental: str


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first, and the entry ids behind which the neighbouring pages begin; None = none."""

    lines: list[Movement]
    newer_than: int | None
    older_than: int | None


def movements_of(
    customer: Customer, *, before: int | None = None, after: int | None = None, now: datetime
) -> Page:
    """One page of the wallet's movements along the entries' ids."""
    mine = queries.movements_of(customer)
    backwards = after is not None and before is None
    if before is not None:
        mine = mine.filter(pk__lt=before)
    elif after is not None:
        mine = mine.filter(pk__gt=after)
    entries = list(mine.order_by("pk" if backwards else "-pk")[: PAGE_ROWS + 1])
    has_more = len(entries) > PAGE_ROWS
    entries = entries[:PAGE_ROWS]
    if backwards:
        entries.reverse()
    is_first, is_last = (not has_more, False) if backwards else (before is None, not has_more)
    ids = [entry.transaction.order_id for entry in entries]
    orders = _orders(customer, ids, now=now)
    rentals = rentals_of_terms(tenant_id=customer.tenant_id, term_ids=[pk for pk in ids if pk not in orders])
    return Page(
        lines=[
            _line(entry, orders.get(pk), rentals.get(pk, "")) for entry, pk in zip(entries, ids, strict=True)
        ],
        newer_than=None if is_first or not entries else entries[0].pk,
        older_than=None if is_last or not entries else entries[-1].pk,
    )


def held_orders(customer: Customer, *, now: datetime) -> list[Card]:
    """The open orders that money is set aside for, the newest first."""
    ids = list(queries.open_holds_of(customer).values_list("order_id", flat=True)[:MOST_HOLDS])
    orders = _orders(customer, ids, now=now)
    return [orders[pk] for pk in ids if pk in orders]


def _orders(customer: Customer, ids: Sequence[UUID | None], *, now: datetime) -> dict[UUID | None, Card]:
    wanted = {pk for pk in ids if pk is not None}
    values = activations_of(customer).filter(pk__in=wanted).values_list(*ActivationRow._fields)
    rows = [row_from(value) for value in values]
    return dict(zip([row.id for row in rows], cards_of(customer, rows, now=now), strict=True))


def _line(entry: Entry, order: Card | None, rental: str) -> Movement:
    what = entry.transaction
    return Movement(
        label=LABELS.get(Transaction.Kind(what.kind), what.get_kind_display().capitalize()),
        note=what.note,
        amount_micros=entry.amount_micros,
        balance_after_micros=entry.balance_after_micros or 0,
        created_at=what.created_at,
        order=order,
        rental=rental,
    )
