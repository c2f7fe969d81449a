"""Moving money by hand, and what a balance says while orders run."""

import math
import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from billing import ledger
from billing.models import Transaction, Wallet
from billing.queries import balance_of
from billing.services import MAX_MICROS, create_customer, create_tenant, move_money, set_low_balance
from portal.errors import Duplicate, ValidationError
from tests.factories import CustomerFactory


@pytest.mark.parametrize(
    "amount", [0, MAX_MICROS + 1, -MAX_MICROS - 1, math.nan, math.inf, 1.5, Decimal(5), "5", True, None]
)
@pytest.mark.django_db
def test_m5_an_amount_that_is_no_whole_number_in_range_is_refused_by_name(amount):
    customer = CustomerFactory()
    with pytest.raises(ValidationError) as refusal:
        move_money(
            tenant_id=customer.tenant_id, customer_id=customer.pk, amount_micros=amount, transaction_id="m5"
        )
    assert list(refusal.value.details) == ["amount"]
    assert not Transaction.objects.filter(external_id="m5").exists()


@pytest.mark.django_db
def test_a_tenant_and_a_customer_come_with_wallets_and_twin():
    tenant = create_tenant(slug="acme", name="Acme", hosts=["ACME.localhost"])
    customer = create_customer(tenant=tenant, external_id="a1", opening_micros=1_000_000)
    with pytest.raises(Duplicate):
        create_customer(tenant=tenant, external_id="a1")
    create_customer(tenant=tenant.test_tenant, external_id="a1")
    assert balance_of(customer) == (1_000_000, 0)
    opening = Transaction.objects.get(customer=customer)
    assert (opening.kind, opening.gateway, opening.external_id[:8]) == ("topup", "initial", "initial_")


@pytest.mark.django_db(transaction=True)
def test_m14_every_answer_during_orders_adds_up():
    """Each order holds one dollar and is billed at once, so held is 0 or 1 and total never falls before it is
    held: total − held goes down by whole dollars and never up.
    """
    customer = CustomerFactory(balance_micros=60_000_000, tenant__balance_micros=60_000_000)
    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            seen.append(balance_of(customer))
        connection.close()

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    [thread.start() for thread in watchers]
    for _ in range(60):
        order_id = uuid4()
        for owner in (customer.pk, None):
            ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=owner, micros=1_000_000)
        ledger.bill(
            order_id=order_id, customer_micros=1_000_000, tenant_micros=1_000_000, cost_micros=1,
            own_provider=False, now=timezone.now(),
        )  # fmt: skip
    done.set()
    [thread.join(20) for thread in watchers]
    assert len(seen) > 60
    assert {balance.held_micros for balance in seen} <= {0, 1_000_000}
    assert all(b.total_micros == b.available_micros + b.held_micros for b in seen)
    assert all(0 <= b.available_micros % 1_000_000 == 0 for b in seen)
    assert balance_of(customer) == (0, 0)


@pytest.mark.django_db
def test_a_low_balance_is_set_on_one_wallet_and_refused_out_of_range():
    tenant = create_tenant(slug="acme", name="Acme")
    mine, other = (create_customer(tenant=tenant, external_id=name) for name in ("mine", "other"))
    stranger = CustomerFactory()

    assert set_low_balance(tenant=tenant, customer=mine, micros=5_000_000)
    assert set_low_balance(tenant=tenant, customer=None, micros=0)
    assert not set_low_balance(tenant=tenant, customer=stranger, micros=1)
    for odd in (-1, MAX_MICROS + 1, 1.5, True):
        with pytest.raises(ValidationError) as refusal:
            set_low_balance(tenant=tenant, customer=mine, micros=odd)
        assert list(refusal.value.details) == ["low_balance"]

    limits = {wallet.customer_id: wallet.low_balance_micros for wallet in Wallet.objects.all()}
    kept = (limits[mine.pk], limits[other.pk], limits[stranger.pk], tenant.wallets.get(customer=None))
    assert (*kept[:3], kept[3].low_balance_micros) == (5_000_000, None, None, 0)
