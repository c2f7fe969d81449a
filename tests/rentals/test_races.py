"""Rentals under real connections: M1, M2, M7, M8, M11, O3, O4; ends, extensions and renewals at once."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import call_command

from activations.models import Rental, RentalDue, RentalTerm
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.closing import close_rental
from activations.services.rentals.renewing import renew_due_rentals, set_auto_renew
from billing.models import Hold, Transaction
from portal.errors import OrderInProgress, PortalError
from tests.activations.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


def kinds(results):
    return sorted(type(result).__name__ for result in results)


@contextmanager
def without(owner, function, guard):
    """Within it a function of the database does not look at that condition."""
    definition = owner.execute(
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", [function]
    ).fetchone()[0]
    assert guard in definition
    owner.execute(definition.replace(guard, "false"))
    try:
        yield
    finally:
        owner.execute(definition)


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


@pytest.mark.parametrize("attempt", range(3))
def test_m1_two_extensions_with_money_for_one(make_desk, now, attempt):
    desk = make_desk(balance_micros=None)
    desk.fund(desk.price() + desk.price(24))
    row = desk.rent(now=now)

    results = together(
        lambda: desk.extend(row, key="e1", now=now), lambda: desk.extend(row, key="e2", now=now)
    )

    assert kinds(results) in (["InsufficientBalance", "Paid"], ["OrderInProgress", "Paid"])
    assert desk.money()[:2] == (0, 0)
    assert desk.upstream.calls["extend"] == 1


def books_agree(desk, row):
    """What the provider has of a rental is what we have."""
    lease, stored = desk.upstream.leases[0], desk.stored(row)
    assert (lease.hours, lease.charged) == (stored.hours, stored.cost_micros)
    assert lease.refunded == stored.cost_refund_micros
    assert desk.spent() == stored.customer_price_micros - stored.customer_refund_micros


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize("end", ["cancel", "finish"])
def test_m7_an_end_and_an_extension_in_the_same_instant_follow_each_other(desk, now, end, attempt):
    row = desk.rent(now=now)
    desk.upstream.settings(delay_ms=10 * attempt)

    extended, ended = together(
        lambda: desk.extend(row, key="e1", now=now), lambda: getattr(desk, end)(row, now=now)
    )

    assert kinds([extended])[0] in ("Paid", "OrderInProgress", "RentalNotActive")
    assert kinds([ended])[0] in ("RentalRow", "OrderInProgress", "RentalNotActive")
    assert "Paid" in kinds([extended]) or "RentalRow" in kinds([ended]), "one of them is first"
    assert desk.now_is(row).hours == (192 if "Paid" in kinds([extended]) else 168)
    assert desk.now_is(row).is_open == ("RentalRow" not in kinds([ended]))
    books_agree(desk, row)


@pytest.mark.parametrize("attempt", range(4))
def test_m7_of_cancel_and_finish_in_the_same_instant_one_wins_here_and_there(desk, now, attempt):
    row = desk.rent(now=now)
    desk.upstream.settings(delay_ms=10 * attempt)

    results = together(lambda: desk.cancel(row, now=now), lambda: desk.finish(row, now=now))

    ended = desk.now_is(row)
    assert kinds(results).count("RentalRow") == 1
    assert ended.rental_status in ("canceled", "finished")
    assert desk.spent() == (0 if ended.rental_status == "canceled" else desk.price())
    books_agree(desk, row)


def test_m7_a_finish_that_a_cancel_has_overtaken_ends_nothing(desk, now):
    """It read the rental before; now the provider is being asked to pay it back."""
    row = desk.rent(now=now)
    Rental.objects.filter(pk=row.id).update(cancel_requested_at=now)

    closed = close_rental(row, to="finished", upstream_state="finished", rule="none", cost_back=None, now=now)
    assert closed.is_open
    check_due_rentals(now + seconds(60))

    assert desk.now_is(row).rental_status == "canceled"
    books_agree(desk, row)


@pytest.mark.parametrize("attempt", range(4))
def test_m8_expiry_and_an_extension_in_the_same_instant_have_one_outcome(desk, now, attempt):
    """The extension is asked for in the last second, and answered when the end has come."""
    row = desk.rent(4, now=now)
    desk.upstream.settings(delay_ms=15 * attempt)

    extended, _ = together(
        lambda: desk.extend(row, 24, now=row.ends_at - seconds(1)),
        lambda: end_due_rentals(row.ends_at + seconds(1)),
    )
    end_due_rentals(row.ends_at + seconds(60))

    is_extended = "Paid" in kinds([extended])
    assert is_extended or kinds([extended]) == ["RentalNotActive"]
    assert desk.now_is(row).rental_status == ("active" if is_extended else "expired")
    assert desk.upstream.calls["extend"] == is_extended
    books_agree(desk, row)
    end_due_rentals(row.ends_at + timedelta(days=1, seconds=1))
    assert desk.now_is(row).rental_status == "expired"


def was_overtaken(row, kind):
    """What a slow sweep leaves: it claimed the rental before an extension, and puts it back after that."""
    RentalDue.objects.filter(rental_id=row.id, kind=kind).update(due_at=row.ends_at - timedelta(hours=1))


def due_at(row, kind):
    return RentalDue.objects.get(rental_id=row.id, kind=kind).due_at


def test_n7_an_end_that_an_extension_has_overtaken_ends_nothing(desk, now):
    row = desk.rent(4, now=now)
    desk.extend(row, 24, now=row.ends_at - seconds(1))
    was_overtaken(row, "expire")

    end_due_rentals(row.ends_at)

    assert desk.now_is(row).is_open
    assert due_at(row, "expire") == desk.now_is(row).ends_at == row.ends_at + timedelta(days=1)


def test_n7_counter_test_without_a_look_at_the_end_an_extended_rental_expires(desk, now, owner_connection):
    row = desk.rent(4, now=now)
    desk.extend(row, 24, now=row.ends_at - seconds(1))
    was_overtaken(row, "expire")

    with without(owner_connection, "rental_close", "r.ends_at > p_now"):
        end_due_rentals(row.ends_at)

    assert desk.now_is(row).rental_status == "expired", "paid for a day that it does not run"


@pytest.mark.parametrize("attempt", range(4))
def test_o3_a_renewal_and_an_extension_in_the_same_instant_buy_no_day_twice(desk, now, attempt):
    row = desk.rent(24, now=now)
    set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    at = row.ends_at - timedelta(minutes=50)
    desk.upstream.settings(delay_ms=10 * attempt)

    together(lambda: desk.extend(row, 24, now=at), lambda: renew_due_rentals(at))
    renew_due_rentals(at + timedelta(minutes=5))

    terms = list(RentalTerm.objects.order_by("number").values_list("is_renewal", flat=True))
    assert terms in ([False, False], [False, True], [False, True, False]), "renewed only if it was first"
    assert desk.upstream.calls["extend"] == len(terms) - 1
    books_agree(desk, row)


def test_o3_a_renewal_that_an_extension_has_overtaken_buys_nothing(desk, now):
    row = desk.rent(24, now=now)
    set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    at = row.ends_at - timedelta(minutes=50)
    desk.extend(row, 24, now=at)

    with pytest.raises(OrderInProgress):  # planned before, asked for after it
        desk.extend(row, 24, now=at, renews_end=row.ends_at)
    was_overtaken(row, "renew")
    renew_due_rentals(at)

    assert desk.now_is(row).hours == 48
    assert desk.upstream.calls["extend"] == 1
    assert due_at(row, "renew") == row.ends_at + timedelta(hours=23)


@pytest.mark.parametrize("attempt", range(3))
def test_o3_two_workers_of_which_one_is_slow_renew_once(desk, now, attempt):
    """The second finds the claim of the first run out, before, while or after that is done."""
    row = desk.rent(24, now=now)
    set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    at = row.ends_at - timedelta(minutes=50)
    desk.upstream.settings(delay_ms=20 * attempt)

    together(lambda: renew_due_rentals(at), lambda: renew_due_rentals(at + seconds(31)))
    renew_due_rentals(at + seconds(120))

    assert desk.now_is(row).hours == 48
    assert desk.upstream.calls["extend"] == 1
    books_agree(desk, row)


def test_m7_counter_test_without_the_row_lock_a_cancel_pays_back_twice(desk, now, owner_connection):
    """Without its look at the state rental_close leaves refusing to the constraints."""
    row = desk.rent(now=now)
    desk.cancel(row, now=now)
    with (
        without(owner_connection, "rental_close", "r.rental_status <> 'active'"),
        pytest.raises(Exception, match=r"rental_refunded_once|rental_state_is_legal|refund_at_most"),
    ):
        close_rental(row, to="canceled", upstream_state="canceled", rule="full", cost_back=None, now=now)
