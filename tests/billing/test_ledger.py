"""The ledger's functions, one by one. Faults M1, M4, M11, M13, M16 at the level of the database."""

from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from billing import ledger
from billing.models import Entry, Hold, Transaction, Wallet
from portal.errors import AlreadyRefunded, Duplicate, InsufficientBalance, InvalidState
from tests.factories import CustomerFactory, TenantFactory, fund

pytestmark = pytest.mark.django_db


def held_order(customer, *, customer_micros=800_000, tenant_micros=200_000):
    order_id = uuid4()
    ledger.hold(
        order_id=order_id, tenant_id=customer.tenant_id, customer_id=customer.pk, micros=customer_micros
    )
    ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=None, micros=tenant_micros)
    return order_id


def state_of(customer):
    own = Wallet.objects.get(customer=customer)
    shop = Wallet.objects.get(tenant=customer.tenant, customer=None)
    return (own.balance_micros, own.held_micros, shop.balance_micros, shop.held_micros)


def bill(order_id, **changes):
    amounts = {"customer_micros": 800_000, "tenant_micros": 200_000, "cost_micros": 150_000, **changes}
    return ledger.bill(order_id=order_id, own_provider=False, now=timezone.now(), **amounts)


def test_a_bill_moves_both_wallets_and_its_entries_sum_to_zero():
    customer = CustomerFactory(balance_micros=1_000_000, tenant__balance_micros=5_000_000)
    order_id = held_order(customer)
    assert state_of(customer) == (1_000_000, 800_000, 5_000_000, 200_000)

    number = bill(order_id)

    assert state_of(customer) == (200_000, 0, 4_800_000, 0)
    lines = Entry.objects.filter(transaction=number).values_list(
        "account", "amount_micros", "balance_after_micros"
    )
    assert sorted(lines) == [
        ("customer", -800_000, 200_000),
        ("platform_revenue", 50_000, None),
        ("provider", 150_000, None),
        ("tenant", -200_000, 4_800_000),
        ("tenant_revenue", 800_000, None),
    ]


def test_a_smaller_bill_gives_the_rest_back():
    customer = CustomerFactory(balance_micros=1_000_000, tenant__balance_micros=5_000_000)
    bill(held_order(customer), customer_micros=500_000, tenant_micros=120_000)
    assert state_of(customer) == (500_000, 0, 4_880_000, 0)


def test_an_own_provider_costs_the_tenant_nothing_here():
    customer = CustomerFactory(balance_micros=1_000_000, tenant__balance_micros=0)
    order_id = held_order(customer, tenant_micros=0)
    ledger.bill(
        order_id=order_id,
        customer_micros=800_000,
        tenant_micros=200_000,
        cost_micros=150_000,
        own_provider=True,
        now=timezone.now(),
    )
    assert state_of(customer) == (200_000, 0, 0, 0)
    assert dict(Entry.objects.filter(transaction__kind="charge").values_list("account", "amount_micros")) == {
        "customer": -800_000,
        "tenant_revenue": 650_000,
        "provider": 150_000,
    }


def test_m1_a_hold_beyond_available_is_refused_and_changes_nothing():
    customer = CustomerFactory(balance_micros=900_000)
    held_order(customer)
    before = state_of(customer)
    with pytest.raises(InsufficientBalance) as refusal, transaction.atomic():
        held_order(customer)
    assert refusal.value.extra == {"scope": "customer"}
    assert state_of(customer) == before


def test_a_tenant_without_funds_is_named():
    customer = CustomerFactory(balance_micros=900_000, tenant__balance_micros=100_000)
    with pytest.raises(InsufficientBalance) as refusal, transaction.atomic():
        held_order(customer)
    assert refusal.value.extra == {"scope": "account"}
    assert state_of(customer) == (900_000, 0, 100_000, 0)


def test_a_release_gives_back_once():
    customer = CustomerFactory(balance_micros=900_000, tenant__balance_micros=1_000_000)
    order_id = held_order(customer)
    assert ledger.release(order_id=order_id, now=timezone.now()) is True
    assert ledger.release(order_id=order_id, now=timezone.now()) is False
    assert state_of(customer) == (900_000, 0, 1_000_000, 0)
    assert set(Hold.objects.values_list("state", "billed_micros")) == {("released", 0)}


@pytest.mark.parametrize(
    ("customer_micros", "tenant_micros"), [(800_001, 200_000), (800_000, 200_001), (-1, 0)]
)
def test_m6_a_bill_never_exceeds_the_hold(customer_micros, tenant_micros):
    customer = CustomerFactory(balance_micros=5_000_000)
    order_id = held_order(customer)
    with pytest.raises(InvalidState), transaction.atomic():
        bill(order_id, customer_micros=customer_micros, tenant_micros=tenant_micros)
    assert not Transaction.objects.filter(order_id=order_id).exists()


def test_a_second_bill_is_refused():
    customer = CustomerFactory(balance_micros=5_000_000)
    order_id = held_order(customer)
    bill(order_id)
    with pytest.raises(InvalidState), transaction.atomic():
        bill(order_id)


def test_m11_a_refund_pays_both_back_once():
    customer = CustomerFactory(balance_micros=1_000_000, tenant__balance_micros=5_000_000)
    order_id = held_order(customer)
    bill(order_id)
    ledger.refund(order_id=order_id, now=timezone.now())
    with pytest.raises(AlreadyRefunded), transaction.atomic():
        ledger.refund(order_id=order_id, now=timezone.now())
    assert state_of(customer) == (1_000_000, 0, 5_000_000, 0)


def test_a_refund_needs_a_bill():
    customer = CustomerFactory(balance_micros=1_000_000)
    with pytest.raises(InvalidState), transaction.atomic():
        ledger.refund(order_id=held_order(customer), now=timezone.now())


def test_m4_a_used_transaction_id_is_refused_within_its_tenant_only():
    tenant, other = TenantFactory(), TenantFactory()
    book = {"kind": "topup", "micros": 5, "external_id": "same", "gateway": "", "note": ""}
    ledger.move(tenant_id=tenant.pk, customer_id=None, now=timezone.now(), **book)
    with pytest.raises(Duplicate), transaction.atomic():
        ledger.move(tenant_id=tenant.pk, customer_id=None, now=timezone.now(), **book)
    ledger.move(tenant_id=other.pk, customer_id=None, now=timezone.now(), **book)
    assert Transaction.objects.filter(external_id="same").count() == 2


def test_m13_a_deduction_may_go_below_zero_and_then_nothing_can_be_held():
    customer = CustomerFactory(balance_micros=1_000_000)
    fund(tenant=customer.tenant, customer=customer, micros=-3_000_000)
    assert state_of(customer)[0] == -2_000_000
    with pytest.raises(InsufficientBalance), transaction.atomic():
        held_order(customer, customer_micros=1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_entry SET amount_micros = 0",
        "DELETE FROM billing_entry",
        "TRUNCATE billing_entry CASCADE",
        "UPDATE billing_transaction SET note = 'x'",
        "DELETE FROM billing_transaction",
        "UPDATE billing_wallet SET balance_micros = 1",
        "UPDATE billing_hold SET state = 'released'",
        "INSERT INTO billing_entry (account) VALUES (1)",
    ],
)
def test_m16_the_portals_role_cannot_touch_the_ledger(statement):
    CustomerFactory(balance_micros=1_000_000)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement", ["UPDATE billing_entry SET amount_micros = 0", "DELETE FROM billing_transaction"]
)
def test_m16_even_the_owner_is_refused_by_the_triggers(owner_connection, statement):
    CustomerFactory(balance_micros=1_000_000)
    with pytest.raises(psycopg.Error, match="append-only"):
        owner_connection.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_entries_that_do_not_sum_to_zero_are_refused_even_from_the_owner(owner_connection):
    CustomerFactory(balance_micros=1_000_000)
    with pytest.raises(psycopg.Error, match="off by 5"):
        owner_connection.execute(
            "INSERT INTO billing_entry (tenant_id, transaction_id, account, amount_micros)"
            " SELECT tenant_id, id, 'gateway', 5 FROM billing_transaction LIMIT 1"
        )
