"""Rentals under real connections: M1, M2, M7, M8, O3, O4, and two ends or extensions at once."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from activations.models import Rental, RentalTerm
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.closing import close_rental
from activations.services.rentals.renewing import renew_due_rentals, set_auto_renew
from billing.models import Hold, Transaction
from portal.errors import PortalError
from tests.activations.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


def kinds(results):
    return sorted(type(result).__name__ for result in results)


@pytest.fixture(autouse=True)
def _the_ledger_is_right_afterwards():
    yield
    call_command("check_ledger")
    assert not Hold.objects.filter(state="open").exists()


def test_m1_ten_rents_at_once_with_money_for_one(make_desk):
    desk = make_desk(balance_micros=None)
    desk.fund(desk.price())

    results = together(*[desk.rent] * 10)

    assert kinds(results) == ["InsufficientBalance"] * 9 + ["RentalRow"]
    assert desk.upstream.calls["rent"] == 1


def test_m2_one_key_rents_once_however_often_at_once(desk):
    results = together(*[lambda: desk.rent(key="k1")] * 6)

    assert set(kinds(results)) <= {"RentalRow", "OrderInProgress"}
    assert Rental.objects.count() == desk.upstream.calls["rent"] == 1


def test_m2_two_extensions_with_one_key_extend_once(desk, now):
    row = desk.rent(now=now)

    results = together(*[lambda: desk.extend(row, key="e1", now=now)] * 4)

    assert set(kinds(results)) <= {"Paid", "OrderInProgress"}
    assert desk.now_is(row).hours == 192
    assert desk.upstream.calls["extend"] == 1


def test_two_extensions_with_two_keys_both_count_or_one_waits(desk, now):
    row = desk.rent(now=now)

    results = together(
        lambda: desk.extend(row, key="e1", now=now), lambda: desk.extend(row, key="e2", now=now)
    )

    done = kinds(results).count("Paid")
    assert set(kinds(results)) <= {"Paid", "OrderInProgress"}
    assert done >= 1
    assert desk.now_is(row).hours == 168 + 24 * done
    assert desk.upstream.calls["extend"] == done


@pytest.mark.parametrize("attempt", range(4))
def test_m7_m8_cancel_message_and_expiry_in_the_same_instant_have_one_outcome(desk, now, attempt):
    row = desk.rent(4, now=now)
    at = row.starts_at + timedelta(minutes=1)

    def message():
        desk.sms(row, "Your code is 123456")
        check_due_rentals(at)

    Rental.objects.filter(pk=row.id).update(ends_at=at)
    together(message, lambda: desk.cancel(row, now=at - seconds(1)), lambda: end_due_rentals(at))
    check_due_rentals(at + seconds(20))
    end_due_rentals(at + timedelta(hours=5))

    ended = desk.now_is(row)
    refunds = Transaction.objects.filter(kind="rental_refund").count()
    assert not ended.is_open
    assert (ended.billing_status, refunds) in [("billed", 0), ("refunded", 1)]
    assert refunds == 0 or ended.messages_count == 0
    assert desk.spent() == ended.customer_price_micros - ended.customer_refund_micros


@pytest.mark.parametrize("attempt", range(3))
def test_renewing_and_finishing_in_the_same_instant_charge_only_what_was_used(desk, now, attempt):
    row = desk.rent(24, now=now)
    set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    at = row.ends_at - timedelta(minutes=30)

    together(lambda: renew_due_rentals(at), lambda: desk.finish(row, now=at), lambda: renew_due_rentals(at))

    ended, billed = desk.now_is(row), RentalTerm.objects.filter(state="billed").count()
    assert billed in (1, 2)
    assert ended.hours == 24 * billed == desk.upstream.leases[0].hours
    assert desk.spent() == billed * desk.price(24)


def test_o3_o4_sweeps_of_two_schedulers_renew_and_end_once(desk, now):
    rows = [desk.rent(24, now=now) for _ in range(3)]
    set_auto_renew(buyer=desk.buyer, rnt_id=rows[0].rnt_id, is_on=True, now=now)
    at = rows[0].ends_at - timedelta(minutes=30)

    together(*[lambda: renew_due_rentals(at)] * 4)
    together(*[lambda: end_due_rentals(rows[0].ends_at + seconds(1))] * 3)

    assert [desk.now_is(row).rental_status for row in rows] == ["active", "expired", "expired"]
    assert desk.now_is(rows[0]).hours == 48
    assert desk.upstream.calls["extend"] == 1


def test_m11_two_cancels_at_once_pay_back_once(desk, now):
    row = desk.rent(now=now)

    results = together(*[lambda: desk.cancel(row, now=now)] * 4)

    assert kinds(results).count("RentalRow") == 1
    assert all(isinstance(result, PortalError) for result in results if not hasattr(result, "rnt_id"))
    assert Transaction.objects.filter(kind="rental_refund").count() == 1
    assert desk.spent() == 0


def test_m7_counter_test_without_the_row_lock_a_cancel_pays_back_twice(desk, now, owner_connection):
    """Without its look at the state rental_close leaves refusing to the constraints."""
    row = desk.rent(now=now)
    definition = owner_connection.execute(
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'rental_close'"
    ).fetchone()[0]
    unguarded = definition.replace("r.rental_status <> 'active' OR ", "false OR ")
    assert unguarded != definition
    desk.cancel(row, now=now)
    owner_connection.execute(unguarded)
    try:
        with pytest.raises(Exception, match=r"rental_refunded_once|rental_state_is_legal|refund_at_most"):
            close_rental(row, to="canceled", upstream_state="canceled", rule="full", cost_back=None, now=now)
    finally:
        owner_connection.execute(definition)
