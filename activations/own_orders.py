"""Past and present orders of one customer, page by page along (created_at, id)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.models import Customer
from activations.models import Activation, Rental
from activations.queries import ActivationRow, activations_of, row_from
from providers.listings import countries_called, services_called

PAGE_ROWS = 25


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and the orders (hex ids) behind which the neighbouring pages begin; "" = none."""

    rows: list[ActivationRow]
    newer_than: str
    older_than: str


def page_of(
    customer: Customer, *, words: str = "", status: str = "", before: str = "", after: str = ""
) -> Page | None:
    """One page of the orders that fit; None when `before` or `after` is not an order of this customer."""
    found = _fitting(activations_of(customer), words, status, tenant_id=customer.tenant_id)
    edge = before or after
    mark = (
        activations_of(customer).filter(hex_id=edge).values_list("created_at", "id").first() if edge else None
    )
    if edge and mark is None:
        return None
    backwards = bool(after and not before)
    if mark:
        created, pk = mark
        older = Q(created_at__lt=created) | Q(created_at=created, id__lt=pk)
        near = (
            Q(created_at__gte=created) if backwards else Q(created_at__lte=created)
        )  # where the index starts
        found = found.filter(near).exclude(older | Q(id=pk)) if backwards else found.filter(near, older)
    ordering = ("created_at", "id") if backwards else ("-created_at", "-id")
    values = list(found.order_by(*ordering).values_list(*ActivationRow._fields)[: PAGE_ROWS + 1])
    has_more = len(values) > PAGE_ROWS
    rows = [row_from(value) for value in values[:PAGE_ROWS]]
    if backwards:
        rows.reverse()
    has_newer, has_older = (has_more, bool(edge)) if backwards else (bool(edge), has_more)
    return Page(
        rows=rows,
        newer_than=rows[0].hex_id if rows and has_newer else "",
        older_than=rows[-1].hex_id if rows and has_older else "",
    )


def _fitting(
    orders: QuerySet[Activation], words: str, status: str, *, tenant_id: int
) -> QuerySet[Activation]:
    match status:
        case "open":
            orders = orders.filter(activation_status="active")
        case "paid":
            orders = orders.filter(billing_status="billed")
        case "free":
            orders = orders.filter(billing_status__in=["released", "refunded"])
    if not words.strip():
        return orders
    wanted = Q(service_id__in=services_called(tenant_id, words)) | Q(
        country_id__in=countries_called(tenant_id, words)
    )
    digits = "".join(c for c in words if c.isascii() and c.isdigit())
    if len(digits) >= 3:
        wanted |= Q(phone__contains=digits)
    if len(words) == 24:
        wanted |= Q(hex_id=words.lower())
    return orders.filter(wanted)


def open_count(customer: Customer) -> int:
    """How many numbers are open."""
    return activations_of(customer).filter(activation_status="active").count()


def has_open_orders(customer: Customer) -> bool:
    """Whether a number or rental of his runs, or is being ordered."""
    whose = {"tenant": customer.tenant_id, "customer": customer}
    return (
        Activation.objects.filter(**whose, activation_status=Activation.Status.ACTIVE).exists()
        or Rental.objects.filter(**whose, rental_status=Rental.Status.ACTIVE).exists()
    )
