"""Races about money: M1, M2, M7, M8, O3, O4, and the guards that decide them."""

from datetime import timedelta

import pytest

from activations.models import Activation, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due
from billing.models import Hold, Transaction
from portal.errors import InsufficientBalance, NotCancellable, OrderInProgress
from tests.activations.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(results):
    return sorted(type(result).__name__ for result in results)


def test_m1_fifty_orders_at_once_with_money_for_one(make_shop):
    shop = make_shop(balance_micros=None)
    price = shop.price()
    shop.fund(price)

    results = together(*[shop.order] * 50)

    assert kinds(results) == ["ActivationRow"] + ["InsufficientBalance"] * 49
    assert {error.extra["scope"] for error in results if isinstance(error, InsufficientBalance)} == {
        "customer"
    }
    assert shop.money()[:2] == (price, price)
    assert shop.upstream.calls["order"] == 1
    assert Activation.objects.count() == 1


def test_m1_counter_test_without_the_wallet_lock_more_is_sold_than_paid(make_shop, owner_connection):
    shop = make_shop(balance_micros=None)
    shop.fund(shop.price())
    definition = owner_connection.execute(
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'ledger_hold'"
    ).fetchone()[0]
    checked_first = definition.replace(
        "BEGIN\n",
        "BEGIN\n    IF (SELECT balance_micros - held_micros < p_micros FROM billing_wallet"
        " WHERE tenant_id = p_tenant AND customer_id IS NOT DISTINCT FROM p_customer) THEN"
        " RAISE EXCEPTION 'no' USING ERRCODE = 'PT402'; END IF; PERFORM pg_sleep(0.05);\n",
        1,
    ).replace("AND balance_micros - held_micros >= p_micros", "")
    assert checked_first.count("pg_sleep") == 1
    owner_connection.execute(checked_first)
    try:
        results = together(*[shop.order] * 10)
    finally:
        owner_connection.execute(definition)

    assert kinds(results).count("ActivationRow") > 1, "the lock is what M1 rests on"


def test_m2_the_same_key_twice_at_once_buys_one_number(shop):
    results = together(*[lambda: shop.order(key="k1")] * 8)

    rows = [result for result in results if not isinstance(result, Exception)]
    others = [result for result in results if isinstance(result, Exception)]
    assert {row.hex_id for row in rows} == {Activation.objects.get().hex_id}
    assert all(isinstance(error, OrderInProgress) for error in others)
    assert shop.upstream.calls["order"] == 1
    assert shop.order(key="k1").hex_id == rows[0].hex_id


@pytest.mark.parametrize("attempt", range(4))
def test_m7_code_and_cancel_in_the_same_instant_have_one_winner(shop, now, attempt):
    row = shop.order(now=now)

    def code():
        shop.sms(row, "Your code is 123456")
        check_due(now + timedelta(seconds=10))

    _, outcome = together(code, lambda: closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now))
    check_due(now + timedelta(seconds=20))

    changed = shop.row(row.hex_id)
    if isinstance(outcome, NotCancellable):
        assert (changed.sms_code, changed.billing_status) == ("123456", "billed")
    else:
        assert (changed.activation_status, changed.billing_status) == ("canceled", "released")
    assert shop.money()[1] == shop.money()[3] == 0
    assert Transaction.objects.filter(kind="charge").count() == (changed.billing_status == "billed")


def test_m7_a_stored_code_beats_a_cancel_that_upstream_confirms(shop, now):
    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 123456", now=now)

    kept = shop.confirm_cancel(row, now=now)

    assert (kept.activation_status, kept.billing_status) == ("active", "billed")
    with pytest.raises(NotCancellable, match="already received"):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)


@pytest.mark.parametrize("attempt", range(3))
def test_m8_code_and_expiry_in_the_same_instant_have_one_outcome(shop, now, attempt):
    row = shop.order(now=now)
    after = row.expire_at + timedelta(seconds=1)

    together(lambda: shop.take_sms(row, "Your code is 123456", now=after), lambda: expire_due(after))

    changed = shop.row(row.hex_id)
    charges = Transaction.objects.filter(kind="charge").count()
    assert (changed.billing_status, charges) in [("billed", 1), ("released", 0)]
    assert not Hold.objects.filter(state="open").exists()


def test_m8_the_provider_is_asked_once_more_before_a_hold_expires(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 123456")

    expire_due(row.expire_at + timedelta(seconds=1))

    changed = shop.row(row.hex_id)
    assert (changed.billing_status, changed.sms_code) == ("billed", "123456")


def with_second_code_wanted(shop, now):
    """A number whose first code came, and whose buyer asked for another."""
    row = shop.order(now=now)
    shop.sms(row, "Your code is 111111")
    check_due(now + timedelta(seconds=10))
    closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + timedelta(seconds=11))
    return row


def test_m8_a_second_code_is_asked_for_once_more_before_the_number_ends(shop, now):
    row = with_second_code_wanted(shop, now)
    shop.sms(row, "Your code is 222222")

    expire_due(row.expire_at + timedelta(seconds=1))

    changed = shop.row(row.hex_id)
    assert (changed.activation_status, changed.sms_status) == ("expired", "retryReceived")
    assert (changed.sms_code, changed.billing_status) == ("222222", "billed")


@pytest.mark.parametrize("state", ["retrying", "finished", "refunded"])
def test_m8_a_number_without_its_second_code_ends_whatever_the_provider_says(shop, now, state):
    row = with_second_code_wanted(shop, now)
    shop.state(row, state)

    expire_due(row.expire_at + timedelta(seconds=1))

    changed = shop.row(row.hex_id)
    paid = "refunded" if state == "refunded" else "billed"
    assert (changed.activation_status, changed.sms_status, changed.billing_status) == (
        "expired",
        "retryRequested",
        paid,
    )


def test_m8_a_second_code_that_nobody_can_ask_for_delays_the_end_only_by_the_grace(shop, now):
    row = with_second_code_wanted(shop, now)
    shop.upstream.fault("*", "lost", times=-1)

    expire_due(row.expire_at + timedelta(seconds=1))
    assert shop.row(row.hex_id).activation_status == "active"
    expire_due(row.expire_at + timedelta(seconds=50))

    assert shop.row(row.hex_id).activation_status == "expired"


def test_m8_a_provider_that_is_away_delays_expiry_only_by_the_grace(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("*", "lost", times=-1)

    expire_due(row.expire_at + timedelta(seconds=1))
    assert shop.row(row.hex_id).activation_status == "active"
    expire_due(row.expire_at + timedelta(seconds=50))

    assert shop.row(row.hex_id).activation_status == "expired"
    assert shop.money()[1] == shop.money()[3] == 0


def test_o3_o4_sweeps_of_two_schedulers_have_one_effect(shop, now):
    rows = [shop.order(now=now) for _ in range(6)]
    for row in rows[:3]:
        shop.sms(row, f"Your code is {row.num_id}")
    later = rows[0].expire_at + timedelta(seconds=1)

    together(*[lambda: expire_due(later), lambda: check_due(later)] * 3)
    expire_due(later + timedelta(hours=1))

    assert Transaction.objects.filter(kind="charge").count() == 3
    assert (
        sorted(Activation.objects.values_list("activation_status", "billing_status"))
        == [("expired", "billed")] * 3 + [("expired", "released")] * 3
    )
    assert shop.money()[1] == shop.money()[3] == 0
    assert not MoneyAtRisk.objects.exists()
