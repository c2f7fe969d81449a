"""What the vendor does not have (ping.md PG-2, PG-3): balance, past orders, rentals."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from activations import queries, rental_queries
from activations.history import HistoryFilter, history_span
from activations.queries import ActivationRow
from activations.rental_queries import RentalRow, rental_row_from
from api.auth import Extra
from api.ping import wire
from api.ping.entry import Asked, extension
from api.ping.reading import PAGE, page_of, service_id
from api.ping.rentals import MINE
from api.ping.services import OWNER
from portal.errors import RentalUnknown
from providers.product_list import ORDERED, RENTED, Product

WALLET = Extra(
    "w.balance_micros, w.balance_micros - w.held_micros",
    "LEFT JOIN billing_wallet w ON w.customer_id = c.id",
)


@extension(extra=WALLET)
def balance(asked: Asked) -> HttpResponse:
    """What the customer has, and what of it is held for open orders."""
    total, available = (micros or 0 for micros in asked.found)
    return wire.success(balance=wire.balance(total_micros=total, available_micros=available))


@extension(extra=Extra(OWNER))
def orders(asked: Asked) -> HttpResponse:
    """The customer's orders, the newest first, of whatever dialect."""
    page = page_of(asked.request, PAGE)
    whose = {"tenant_id": asked.buyer.tenant_id, "customer_id": asked.buyer.customer_id}
    found, total = history_span(**whose, narrow=HistoryFilter(), skip=page["skip"], limit=page["limit"])
    rows = queries.rows_called(**whose, hex_ids=[row.hex_id for row in found])
    shown = [_order(row, asked.found[0]) for row in rows]
    return wire.success(orders=shown, total=total, skip=page["skip"], limit=page["limit"])


@extension(extra=Extra(OWNER))
def rentals(asked: Asked) -> HttpResponse:
    """His rentals likewise."""
    page = page_of(asked.request, PAGE)
    tenant_id, customer_id = asked.buyer.tenant_id, asked.buyer.customer_id
    total = rental_queries.count_rentals(tenant_id=tenant_id, customer_id=customer_id)
    rows = rental_queries.rental_rows(
        tenant_id=tenant_id, customer_id=customer_id, skip=page["skip"], limit=page["limit"]
    )
    shown = [_rental(row, asked.found[0]) for row in rows]
    return wire.success(rentals=shown, total=total, skip=page["skip"], limit=page["limit"])


@extension(extra=Extra(f"{OWNER}, {MINE.columns}", MINE.joins))
def rental(asked: Asked, rental_id: str) -> HttpResponse:
    """One rental."""
    owner_id, *found = asked.found
    if found[0] is None:
        raise RentalUnknown()
    return wire.success(rental=_rental(rental_row_from(found), owner_id))


def _order(row: ActivationRow, owner_id: int) -> dict[str, Any]:
    product = Product(ORDERED, row.service_id, row.country_id)
    return wire.verification(row, service_id=service_id(product, owner_id=owner_id))


def _rental(row: RentalRow, owner_id: int) -> dict[str, Any]:
    product = Product(RENTED, row.service_id, row.country_id)
    return wire.rental(row, service_id=service_id(product, owner_id=owner_id))
