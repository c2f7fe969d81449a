"""A7 and M4: past and present orders of a customer, and of all (docs/protocols/retail.md 9)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.identity import Buyer
from activations.history import Cursor, history_page
from api.auth import Caller
from api.input import query_fields
from api.retail import lists, wire
from api.retail.entry import Gate, retail
from portal.errors import ValidationError

OF_ALL = {
    "customer_id": lists.CUSTOMER_ID,
    **lists.STATES,
    **lists.CREATED,
    **lists.OVER_ALL,
    **lists.CURSOR,
}
OF_CUSTOMER = {**lists.EXCLUSIONS, **lists.OF_ONE, **lists.CURSOR}


@retail(Gate("GET", scope="read", rate="all_history"))
def of_all(request: HttpRequest, caller: Caller, buyer: None) -> HttpResponse:
    """M4: activations of all customers."""
    return _page(query_fields(request, OF_ALL), tenant_id=caller.tenant_id)


@retail(Gate("GET", scope="read", rate="history"))
def of_customer(request: HttpRequest, caller: Caller, buyer: Buyer) -> HttpResponse:
    """A7: activations of one customer."""
    fields = query_fields(request, OF_CUSTOMER)
    return _page(fields, tenant_id=buyer.tenant_id, customer_id=buyer.customer_id)


def _page(fields: dict[str, Any], *, tenant_id: int, customer_id: int | None = None) -> HttpResponse:
    """A page of orders, by number or by the cursor that the page before it gave."""
    cursor = None if fields["cursor"] is None else Cursor.read(fields["cursor"])
    if cursor is None and fields["cursor"] is not None:
        raise ValidationError({"cursor": "is none that a reply gave."})
    found = history_page(
        tenant_id=tenant_id,
        customer_id=customer_id,
        narrow=lists.filter_of(fields),
        page=fields["page"],
        limit=fields["limit"],
        cursor=cursor,
    )
    rows = [wire.activation(row, owner) for row, owner in found.rows]
    reply = lists.listed("activations", rows, total=found.total, fields=fields)
    return wire.json_response({**reply, "next_cursor": found.next.text() if found.next else None})
