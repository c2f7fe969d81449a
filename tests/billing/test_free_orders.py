"""Orders of which one price is zero: nothing is held on that side, and the other side settles as always."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from billing import ledger
from billing.models import Entry, Wallet
from portal.errors import InvalidState
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def gift(customer, *, tenant_micros=200_000):
    """An order that is free for the customer."""
    order_id = uuid4()
    for customer_id, micros in ((customer.pk, 0), (None, tenant_micros)):
        ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=customer_id, micros=micros)
    return order_id


def bill(order_id, *, customer_micros=0, tenant_micros=200_000, own_provider=False):
    return ledger.bill(
        order_id=order_id, customer_micros=customer_micros, tenant_micros=tenant_micros, cost_micros=150_000,
        own_provider=own_provider, now=timezone.now(),
    )  # fmt: skip


def balances(customer):
    wallets = Wallet.objects.filter(tenant=customer.tenant).order_by("customer_id")
    return list(wallets.values_list("customer_id", "balance_micros", "held_micros"))


def test_a_gift_bills_the_tenant_only_and_a_refund_undoes_it():
    customer = CustomerFactory(balance_micros=1_000_000, tenant__balance_micros=5_000_000)
    order_id = gift(customer)
    charge = bill(order_id)
    assert balances(customer) == [(customer.pk, 1_000_000, 0), (None, 4_800_000, 0)]
    lines = Entry.objects.filter(transaction=charge).values_list("account", "amount_micros")
    assert dict(lines) == {"tenant": -200_000, "platform_revenue": 50_000, "provider": 150_000}

    ledger.refund(order_id=order_id, now=timezone.now())

    assert balances(customer) == [(customer.pk, 1_000_000, 0), (None, 5_000_000, 0)]


def test_a_gift_cannot_be_billed_to_the_customer_after_all():
    order_id = gift(CustomerFactory(balance_micros=1_000_000))
    with pytest.raises(InvalidState, match="no longer holds"), transaction.atomic():
        bill(order_id, customer_micros=1)


def test_an_order_without_any_hold_cannot_be_billed():
    with pytest.raises(InvalidState, match="no longer holds"), transaction.atomic():
        bill(uuid4(), tenant_micros=0)


def test_m16_a_wallet_cannot_be_opened_with_money_in_it():
    customer = CustomerFactory()
    with pytest.raises(DatabaseError, match="opens empty"), transaction.atomic():
        connection.cursor().execute(
            "INSERT INTO billing_wallet (tenant_id, balance_micros, held_micros) VALUES (%s, 1, 0)",
            [customer.tenant_id],
        )
