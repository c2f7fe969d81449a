"""The retail calls that are made seldom: customers, top-ups and lists, as Django REST framework views."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Customer, Tenant
from accounts.queries import customers_of, tenant_by_id
from accounts.services import set_customer_status
from activations.services.request_keys import do_once
from api.auth import Caller
from api.input import Choice, Choices, Integer, Text, json_object, query_fields, read_fields
from api.repeats import digest_of, request_key
from api.retail import lists, wire
from api.retail.entry import Gate, admit, answer
from billing.queries import bookings_of
from billing.services import create_customer, move_money
from portal.errors import MethodNotAllowed, UnknownCustomer, ValidationError

CENT = 10_000  # micro-USD
ID = re.compile(r"[a-zA-Z0-9]+", re.ASCII)
NEW_CUSTOMER = {
    "customer_id": Text(1, 80, ID, "letters and digits"),
    "balance": Integer(0, 100_000, default=0),
}
NEW_STATUS = {"status": Choice(tuple(Customer.Status.values))}
NEW_TRANSACTION = {
    "transaction_id": Text(1, 80, ID, "letters and digits"),
    "amount": Integer(-100_000, 100_000),
    "gateway": Text(1, 50, re.compile(r"[^\x00-\x1f\x7f]+"), "printable characters", default=""),
}
CUSTOMERS = {
    "customer_id": lists.CUSTOMER_ID,
    "status": Choices(tuple(Customer.Status.values)),
    **lists.CREATED,
    **lists.OVER_ALL,
}
ALL_TRANSACTIONS = {
    "customer_id": lists.CUSTOMER_ID,
    "transaction_id": lists.TRANSACTION_ID,
    **lists.CREATED,
    **lists.OVER_ALL,
}
TRANSACTIONS = {**lists.CREATED, **lists.OF_ONE}


class RetailView(APIView):
    """One address. `gates`: what the caller must pass, one for each method; `self.caller`: who passed."""

    gates: ClassVar[tuple[Gate, ...]]
    caller: Caller

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return answer(request, lambda: super(RetailView, self).dispatch(request, *args, **kwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.caller = admit(
            request._request,
            self.gate,
            is_test=kwargs["is_test"],
            customer_id=kwargs.get("customer_id"),
        )

    def handle_exception(self, exc: Exception) -> Response:
        raise exc  # `answer` knows the dialect's words

    @property
    def gate(self) -> Gate:
        """The one of the request's method. Raises MethodNotAllowed."""
        for gate in self.gates:
            if gate.method == self.request.method:
                return gate
        methods = sorted(gate.method for gate in self.gates)
        raise MethodNotAllowed(f"Use {' or '.join(methods)} here.", allowed=", ".join(methods))

    @property
    def tenant(self) -> Tenant:
        return tenant_by_id(self.caller.tenant_id)

    @property
    def customer_id(self) -> int:
        """The customer that the address names; `admit` made sure that there is one."""
        assert self.caller.buyer is not None
        return self.caller.buyer.customer_id


class NewCustomer(RetailView):
    """M1: create a customer."""

    gates = (Gate("POST", scope="manage", rate="customer"),)

    def post(self, request: Request, **ids: object) -> HttpResponse:
        key, body = request_key(request._request), json_object(request._request)
        fields = read_fields(body, NEW_CUSTOMER)
        do_once(
            lambda: create_customer(
                tenant=self.tenant,
                external_id=fields["customer_id"],
                opening_micros=fields["balance"] * CENT,
            ),
            tenant_id=self.caller.tenant_id,
            key=key,
            digest=digest_of({"call": "create_customer", "body": body}),
            now=timezone.now(),
        )
        return wire.json_response(wire.SUCCESS)


class ChangeCustomer(RetailView):
    """M2: change a customer's status."""

    gates = (Gate("PUT", scope="manage", rate="customer", closed_by="account"),)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Here alone a customer whose data was erased is not unknown: the answer says why nothing changes."""
        super().initial(request, *args, **{**kwargs, "customer_id": None})
        if not customers_of(self.tenant).filter(external_id=kwargs["customer_id"]).exists():
            raise UnknownCustomer()

    def put(self, request: Request, *, customer_id: str, **ids: object) -> HttpResponse:
        fields = read_fields(json_object(request._request), NEW_STATUS)
        if not set_customer_status(tenant=self.tenant, external_id=customer_id, status=fields["status"]):
            raise UnknownCustomer()
        return wire.json_response(wire.SUCCESS)


class Customers(RetailView):
    """M3: the tenant's customers."""

    gates = (Gate("GET", scope="read", rate="customers"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        fields = query_fields(request._request, CUSTOMERS)
        found = customers_of(self.tenant).select_related("wallet")
        if fields["customer_id"] is not None:
            found = found.filter(external_id=fields["customer_id"])
        if fields["status"]:
            found = found.filter(status__in=fields["status"])
        created_from, created_before = lists.span_of(fields)
        if created_from is not None:
            found = found.filter(created_at__gte=created_from)
        if created_before is not None:
            found = found.filter(created_at__lt=created_before)
        start = (fields["page"] - 1) * fields["limit"]
        rows = [wire.customer(row) for row in found[start : start + fields["limit"]]]
        return wire.json_response(lists.listed("customers", rows, total=found.count(), fields=fields))


class AllTransactions(RetailView):
    """M5: top-ups and deductions of all customers."""

    gates = (Gate("GET", scope="read", rate="all_transactions"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        return transactions(query_fields(request._request, ALL_TRANSACTIONS), tenant=self.tenant)


class Transactions(RetailView):
    """A10: top-ups and deductions of one customer."""

    gates = (Gate("GET", scope="read", rate="transactions"),)

    def get(self, request: Request, *, customer_id: str, **ids: object) -> HttpResponse:
        fields = query_fields(request._request, TRANSACTIONS)
        return transactions({**fields, "customer_id": customer_id}, tenant=self.tenant)


class NewTransaction(RetailView):
    """M6: add to or deduct from a customer's balance."""

    gates = (Gate("POST", scope="manage", rate="transaction", closed_by="account"),)

    def post(self, request: Request, **ids: object) -> HttpResponse:
        key, body = request_key(request._request), json_object(request._request)
        fields = read_fields(body, NEW_TRANSACTION)
        if fields["amount"] == 0:
            raise ValidationError({"amount": "must not be 0."})
        do_once(
            lambda: move_money(
                tenant_id=self.caller.tenant_id,
                customer_id=self.customer_id,
                amount_micros=fields["amount"] * CENT,
                transaction_id=fields["transaction_id"],
                gateway=fields["gateway"],
            ),
            tenant_id=self.caller.tenant_id,
            key=key,
            digest=digest_of({"call": "add_transaction", "customer": self.customer_id, "body": body}),
            now=timezone.now(),
        )
        return wire.json_response(wire.SUCCESS)


class Flags(RetailView):
    """A8: whether the customer, or the account he belongs to, is on hold."""

    gates = (Gate("GET", scope="read", rate="flags", closed_by="none"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        return wire.json_response({"accountOnHold": is_on_hold(self.caller, now=timezone.now())})


def is_on_hold(caller: Caller, *, now: datetime) -> bool:
    """Whether the customer is not active, or his tenant is suspended or blocked."""
    assert caller.buyer is not None
    blocked_until = caller.tenant_blocked_until
    return (
        caller.buyer.customer_status != Customer.Status.ACTIVE
        or caller.tenant_status != Tenant.Status.ACTIVE
        or (blocked_until is not None and blocked_until > now)
    )


def transactions(fields: dict[str, Any], *, tenant: Tenant) -> HttpResponse:
    """A page of top-ups and deductions."""
    created_from, created_before = lists.span_of(fields)
    asked = {
        "transaction__customer__external_id": fields["customer_id"],
        "transaction__external_id": fields.get("transaction_id"),
        "transaction__created_at__gte": created_from,
        "transaction__created_at__lt": created_before,
    }
    found = bookings_of(tenant).filter(**{name: value for name, value in asked.items() if value is not None})
    start = (fields["page"] - 1) * fields["limit"]
    rows = [wire.booking(entry) for entry in found[start : start + fields["limit"]]]
    return wire.json_response(lists.listed("transactions", rows, total=found.count(), fields=fields))
