"""Numbers that a provider without references sold after we had given their order up (U1, U2, U4, U16)."""

from datetime import timedelta

import pytest

from activations.models import Activation, Attempt, MoneyAtRisk
from activations.services.checking import check_due, reconcile_due
from activations.services.checking.orphans import LATE_FOR, find_late
from providers.contract import Can, WrongState
from providers.http import send
from tests.activations.conftest import Shop
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ["retail", "handler", "handler-classic", "handler-hero", "rentverify"]


@pytest.fixture(params=LISTS)
def shop(request, make_supplier):
    return Shop(make_supplier(request.param))


def seconds(number):
    return timedelta(seconds=number)


def give_up(shop, now, **wish):
    """An order of which two lists and the grace time show nothing."""
    shop.upstream.fault("order", "lost")
    row = shop.order(now=now, **wish)
    for later in (100, 130):
        reconcile_due(now + seconds(later))
    assert shop.row(row.hex_id).lease_state == "unsold"
    return row


def sell(shop, *, age_seconds=0):
    """Somebody with the account buys the same, or what we ordered is worked at last."""
    adapter = shop.upstream.adapter()
    send(adapter.order(**shop.upstream.wish(), ceiling_micros=shop.offer.cost_micros, our_ref="late"))
    lease = shop.upstream.leases[-1]
    lease.created -= age_seconds
    return lease


def at_risk():
    return list(MoneyAtRisk.objects.values_list("kind", "amount_micros"))


def test_u1_u2_u4_a_number_sold_late_is_cancelled_there(shop, now):
    assert Can.OWN_REFERENCE not in shop.upstream.adapter().can
    give_up(shop, now)
    find_late(now + seconds(161))
    lease = sell(shop)

    find_late(now + seconds(230))

    assert (lease.state, shop.upstream.paid_micros, at_risk()) == ("canceled", 0, [])
    assert not Attempt.objects.filter(look_at__isnull=False).exists()


def test_u16_what_cancelling_it_costs_is_money_at_risk(shop, now):
    shop.provider.cancel_fee_micros = 20_000
    shop.provider.save()
    shop.upstream.settings(cancel_fee_micros=20_000)
    give_up(shop, now)
    sell(shop)

    find_late(now + seconds(161))

    assert (shop.upstream.paid_micros, at_risk()) == (20_000, [("kept_fee", 20_000)])


def test_u2_the_lists_that_are_read_for_open_numbers_show_it_as_well(shop, now):
    if Can.MESSAGES_IN_LIST not in shop.upstream.adapter().can:
        pytest.skip("its numbers are asked about singly")
    shop.order(now=now)
    give_up(shop, now)
    lease = sell(shop)

    check_due(now + seconds(140))

    assert [one.state for one in shop.upstream.leases] == ["waiting", "canceled"]
    assert lease is shop.upstream.leases[-1]


def test_u2_what_cannot_be_cancelled_there_is_money_at_risk_once(shop, now):
    row = give_up(shop, now)
    sell(shop)
    shop.upstream.refuse(WrongState, action="cancel")

    for later in (161, 230, 300):
        find_late(now + seconds(later))

    assert at_risk() == [("orphan", shop.offer.cost_micros)]
    assert MoneyAtRisk.objects.get().activation.hex_id == row.hex_id
    assert shop.upstream.calls["cancel"] == 1


def test_u2_nothing_of_another_program_is_cancelled(shop, now):
    """Older than our order; nor is one that an order of ours still waits for."""
    give_up(shop, now)
    older = sell(shop, age_seconds=300)
    shop.upstream.fault("order", "lost", after=True)
    mine = shop.order(now=now + seconds(70))
    shop.upstream.leases[-1].created += 90

    for later in (161, 230):
        find_late(now + seconds(later))

    assert (older.state, shop.upstream.leases[-1].state) == ("waiting", "waiting")
    assert shop.row(mine.hex_id).lease_state == "ordering"
    assert at_risk() == []


def test_u2_of_two_that_may_be_it_none_is_cancelled(shop, now):
    give_up(shop, now)
    leases = [sell(shop), sell(shop)]

    for later in (161, 230):
        find_late(now + seconds(later))

    assert [lease.state for lease in leases] == ["waiting", "waiting"]
    assert at_risk() == [("orphan", shop.offer.cost_micros)]


def test_u2_a_number_of_another_row_with_the_same_account_is_left_alone(shop, now):
    give_up(shop, now)
    lease = sell(shop)
    other = shop.upstream.offer(shop.upstream.provider())
    sold = ActivationFactory(offer=other)
    Activation.objects.filter(pk=sold.pk).update(upstream_ref=shop.upstream.ref(lease))

    find_late(now + seconds(230))

    assert (lease.state, at_risk()) == ("waiting", [])


def test_u2_one_list_a_minute_looks_for_all_of_them(shop, now):
    for later in (0, 10, 20):
        give_up(shop, now + seconds(later))
    before = shop.upstream.calls["list"]

    for later in range(150, 270, 5):
        find_late(now + seconds(later))

    assert shop.upstream.calls["list"] == before + 2


def test_u2_nobody_looks_for_ever(shop, now):
    give_up(shop, now)
    find_late(now + LATE_FOR + seconds(200))
    calls = shop.upstream.calls["list"]

    find_late(now + 2 * LATE_FOR)

    assert calls == shop.upstream.calls["list"]
    assert not Attempt.objects.filter(look_at__isnull=False).exists()


def test_u2_a_failed_list_is_read_again(shop, now):
    give_up(shop, now)
    lease = sell(shop)
    shop.upstream.fault("list", "html")
    find_late(now + seconds(161))
    assert lease.state == "waiting"

    find_late(now + seconds(230))

    assert lease.state == "canceled"
