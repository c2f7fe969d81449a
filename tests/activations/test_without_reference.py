"""Lost orders at providers that keep no reference of ours, and at those without a list (U1, U2, U4, U7)."""

from datetime import timedelta

import pytest

from activations.models import Activation, Attempt, MoneyAtRisk
from activations.services.checking import reconcile_due
from providers.adapters.sandbox import Sandbox
from providers.contract import Can
from tests.activations.test_lost_orders import order_and_kill

pytestmark = pytest.mark.django_db(transaction=True)

GRACE = timedelta(seconds=130)


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def nameless(monkeypatch):
    """The sandbox as a provider that lists its leases without our references."""
    monkeypatch.setattr(Sandbox, "can", Sandbox.can - {Can.OWN_REFERENCE})


@pytest.fixture
def blind(single, nameless):
    """No list and no reference: nobody can tell what became of a lost order."""


def lose(shop, now, **facts):
    shop.upstream.fault("order", "lost", **facts)
    return shop.order(now=now)


def test_u1_without_a_reference_it_is_found_by_what_was_bought_when_and_for_how_much(nameless, shop, now):
    row = lose(shop, now, after=True)
    reconcile_due(now + seconds(10))

    assert shop.row(row.hex_id).phone == shop.upstream.leases[0].phone


def test_u1_two_lost_orders_take_one_lease_each(nameless, shop, now):
    rows = [lose(shop, now, after=True) for _ in range(2)]
    reconcile_due(now + seconds(10))

    phones = {shop.row(row.hex_id).phone for row in rows}
    assert phones == {lease.phone for lease in shop.upstream.leases}
    assert len(phones) == 2


def test_u2_a_lease_that_is_somebodys_is_not_given_to_a_lost_order(nameless, shop, now):
    sold = shop.order(now=now)
    row = lose(shop, now)
    for later in (10, 140, 170):
        reconcile_due(now + seconds(later))

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert shop.row(sold.hex_id).lease_state == "leased"
    assert not MoneyAtRisk.objects.exists()


@pytest.mark.parametrize("is_allocated", [True, False])
def test_u1_u2_without_a_list_the_grace_time_decides_and_the_amount_is_at_risk(
    blind, shop, now, is_allocated
):
    row = lose(shop, now, after=is_allocated)
    reconcile_due(now + seconds(40))
    assert shop.row(row.hex_id).lease_state == "ordering"
    assert shop.money()[1] == row.customer_price_micros

    reconcile_due(now + GRACE)
    reconcile_due(now + 2 * GRACE)

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert shop.money()[1] == shop.money()[3] == 0
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros, risk.state) == ("orphan", shop.offer.cost_micros, "open")
    assert Attempt.objects.get().outcome == "released"
    assert shop.upstream.calls["order"] == 1


def test_u4_without_a_list_the_order_of_a_killed_process_ends_the_same_way(blind, shop, now):
    order_and_kill(shop, row_first=True)
    reconcile_due(now + seconds(60))
    assert Activation.objects.get().lease_state == "ordering"

    reconcile_due(now + seconds(60) + GRACE)

    assert Activation.objects.get().lease_state == "unsold"
    assert MoneyAtRisk.objects.get().kind == "orphan"
    assert shop.money()[1] == shop.money()[3] == 0


def test_u7_without_a_list_a_known_unusable_lease_is_cancelled_and_nothing_is_at_risk(blind, shop, now):
    shop.upstream.fault("order", "wrong_price")
    shop.upstream.fault("cancel", "lost")
    row = shop.order(now=now)
    assert row.is_checking

    reconcile_due(now + seconds(10))

    assert (shop.row(row.hex_id).lease_state, shop.upstream.leases[0].state) == ("unsold", "canceled")
    assert not MoneyAtRisk.objects.exists()
