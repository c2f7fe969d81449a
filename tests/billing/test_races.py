"""Money under real concurrency: real connections, a barrier, and guards that are shown to be needed."""

import threading
from collections import Counter
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from billing import ledger
from billing.models import Transaction, Wallet
from billing.services import move_money
from portal.errors import AlreadyRefunded, Duplicate, InsufficientBalance, PortalError
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work, count):
    """Run `work(i)` in threads that start together; returns what each gave or raised (as its class)."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(i):
        try:
            connection.ensure_connection()
            barrier.wait(20)
            results[i] = work(i)
        except PortalError as error:
            results[i] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    return results


def hold_one(customer):
    def work(_):
        ledger.hold(order_id=uuid4(), tenant_id=customer.tenant_id, customer_id=customer.pk, micros=1_000_000)
        return "held"

    return work


def test_m1_twenty_holds_with_money_for_one():
    customer = CustomerFactory(balance_micros=1_000_000)
    results = Counter(at_once(hold_one(customer), 20))
    assert results == {"held": 1, InsufficientBalance: 19}
    wallet = Wallet.objects.get(customer=customer)
    assert (wallet.balance_micros, wallet.held_micros, wallet.available_micros) == (1_000_000, 1_000_000, 0)


WITHOUT_THE_LOCK = """
CREATE OR REPLACE FUNCTION ledger_hold(p_order uuid, p_tenant bigint, p_customer bigint, p_micros bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE v_wallet bigint;
BEGIN
    SELECT id INTO v_wallet FROM billing_wallet
    WHERE customer_id = p_customer AND balance_micros - held_micros >= p_micros;
    PERFORM pg_sleep(0.2);
    IF v_wallet IS NULL THEN
        RAISE EXCEPTION 'too little' USING ERRCODE = 'PT402', DETAIL = 'customer';
    END IF;
    UPDATE billing_wallet SET held_micros = held_micros + p_micros WHERE id = v_wallet;
END $$
"""


@pytest.fixture
def without_wallet_lock(owner_connection):
    """The same function, but it checks before it locks."""
    [(sound,)] = owner_connection.execute("SELECT pg_get_functiondef('ledger_hold'::regproc)").fetchall()
    owner_connection.execute(WITHOUT_THE_LOCK)
    yield
    owner_connection.execute(sound)


def test_m1_counter_test_without_the_wallet_lock_money_is_held_twice(without_wallet_lock):
    customer = CustomerFactory(balance_micros=1_000_000)
    assert Counter(at_once(hold_one(customer), 4))["held"] > 1
    assert Wallet.objects.get(customer=customer).available_micros < 0


def test_m4_twenty_times_the_same_transaction_id_at_once():
    customer = CustomerFactory(balance_micros=0)

    def top_up(_):
        move_money(
            tenant_id=customer.tenant_id,
            customer_id=customer.pk,
            amount_micros=1_000_000,
            transaction_id="payment1",
        )
        return "booked"

    assert Counter(at_once(top_up, 20)) == {"booked": 1, Duplicate: 19}
    assert Wallet.objects.get(customer=customer).balance_micros == 1_000_000


def billed_order(customer):
    order_id = uuid4()
    for owner in (customer.pk, None):
        ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=owner, micros=1_000_000)
    bill(order_id)
    return order_id


def bill(order_id):
    ledger.bill(
        order_id=order_id,
        customer_micros=1_000_000,
        tenant_micros=1_000_000,
        cost_micros=500_000,
        own_provider=False,
        now=timezone.now(),
    )
    return "billed"


def test_m11_two_people_refund_at_once():
    customer = CustomerFactory(balance_micros=1_000_000)
    order_id = billed_order(customer)

    def refund(_):
        ledger.refund(order_id=order_id, now=timezone.now())
        return "refunded"

    assert Counter(at_once(refund, 8)) == {"refunded": 1, AlreadyRefunded: 7}
    assert Wallet.objects.get(customer=customer).balance_micros == 1_000_000


def test_m7_bill_and_release_at_once_have_one_winner():
    customer = CustomerFactory(balance_micros=1_000_000)
    order_id = uuid4()
    for owner in (customer.pk, None):
        ledger.hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=owner, micros=1_000_000)

    def end(i):
        return bill(order_id) if i % 2 else ledger.release(order_id=order_id, now=timezone.now())

    results = at_once(end, 8)

    assert results.count("billed") + results.count(True) == 1
    wallet = Wallet.objects.get(customer=customer)
    assert wallet.held_micros == 0
    assert wallet.balance_micros == (0 if "billed" in results else 1_000_000)


def test_counter_test_without_the_unique_bill_an_order_is_charged_twice(owner_connection):
    """The constraint, not the code before it, is what makes a second charge impossible."""
    customer = CustomerFactory(balance_micros=5_000_000)
    order_id = billed_order(customer)
    reopen = "UPDATE billing_hold SET state = 'open', billed_micros = 0, ended_at = NULL WHERE order_id = %s"
    rehold = "UPDATE billing_wallet SET held_micros = 1000000"
    owner_connection.execute(reopen, [order_id])
    owner_connection.execute(rehold)

    with pytest.raises(PortalError, match="billed already"):
        bill(order_id)

    owner_connection.execute("DROP INDEX order_billed_once")
    try:
        bill(order_id)
        assert Transaction.objects.filter(order_id=order_id, kind="charge").count() == 2
    finally:
        with psycopg.connect(owner_connection.info.dsn, autocommit=True) as again:
            again.execute("SET lock_timeout = '5s'")
            again.execute("TRUNCATE billing_entry, billing_transaction CASCADE")
            again.execute(
                "CREATE UNIQUE INDEX order_billed_once "
                "ON billing_transaction (order_id) WHERE kind = 'charge'"
            )
