"""Providers that do not answer, answer wrongly, or say no: U1–U8, U11, M10, O1, O6."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from activations.models import Activation, Attempt, MoneyAtRisk
from activations.queries import active_rows, find_row
from activations.services.checking import check_due, reconcile_due
from portal.errors import MaxPriceExceeded, NoNumbers, UpstreamUnavailable
from providers.models import ProviderHealth
from tests.activations.proxy import cut_after
from tests.activations.races import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


@pytest.mark.parametrize("fault", ["lost", "html", "cut", "garbage"])
def test_u1_u5_an_allocated_number_whose_answer_was_lost_is_adopted(shop, now, fault):
    shop.upstream.fault("order", fault, **({} if fault == "cut" else {"after": True}))

    row = shop.order(now=now)
    assert (row.lease_state, row.is_checking, row.phone) == ("ordering", True, "")
    assert shop.money()[1] == row.customer_price_micros
    reconcile_due(now + seconds(10))

    adopted = find_row(tenant_id=row.tenant_id, hex_id=row.hex_id)
    lease = shop.upstream.leases[0]
    assert (adopted.lease_state, adopted.phone) == ("leased", lease.phone)
    assert shop.upstream.calls["order"] == 1
    assert Attempt.objects.get().outcome == "leased"


def test_u1_a_code_that_came_while_checking_is_billed_with_the_adoption(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)
    shop.upstream.sms(shop.upstream.leases[0].phone, "Your code is 5566")

    reconcile_due(now + seconds(10))

    assert (shop.row(row.hex_id).sms_code, shop.row(row.hex_id).billing_status) == ("5566", "billed")


def test_u2_nothing_allocated_is_released_after_two_lists_and_the_grace(shop, now):
    shop.upstream.fault("order", "lost")
    row = shop.order(now=now, key="k2")

    reconcile_due(now + seconds(100))
    assert shop.row(row.hex_id).lease_state == "ordering", "one empty list proves nothing"
    reconcile_due(now + seconds(130))

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert find_row(tenant_id=row.tenant_id, hex_id=row.hex_id) is None
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)
    with pytest.raises(NoNumbers):
        shop.order(now=now, key="k2")


def test_u2_two_lists_before_the_grace_release_nothing(shop, now):
    shop.upstream.fault("order", "lost")
    row = shop.order(now=now)
    for later in (10, 30, 50):
        reconcile_due(now + seconds(later))

    assert shop.row(row.hex_id).lease_state == "ordering"


def test_u2_failed_lists_prove_nothing_but_the_longest_life_ends_the_hold(shop, now):
    shop.upstream.fault("order", "lost")
    shop.upstream.fault("list", "html", times=-1)
    row = shop.order(now=now)
    for later in range(10, 200, 20):
        reconcile_due(now + seconds(later))
    assert shop.row(row.hex_id).lease_state == "ordering"

    reconcile_due(now + seconds(1300))

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert MoneyAtRisk.objects.get().kind == "orphan"
    assert shop.money()[1] == shop.money()[3] == 0


def test_u3_unreachable_is_released_at_once_and_the_next_provider_tried(shop, other_upstream):
    away = shop.provider
    away.base_url = "http://127.0.0.1:9"
    away.priority = 1
    away.save()
    shop.sell(other_upstream.provider(priority=50))

    row = shop.order()

    assert row.lease_state == "leased"
    assert other_upstream.calls["order"] == 1
    assert list(Attempt.objects.order_by("id").values_list("outcome", flat=True)) == ["unreachable", "leased"]
    assert shop.money()[1] == row.customer_price_micros


def test_u3_f7_everything_out_of_reach_is_unavailable_and_the_key_may_try_again(shop):
    shop.provider.base_url = "http://127.0.0.1:9"
    shop.provider.save()
    with pytest.raises(UpstreamUnavailable):
        shop.order(key="k3")
    assert shop.money()[1] == shop.money()[3] == 0
    shop.provider.base_url = shop.upstream.url
    shop.provider.save()

    assert shop.order(key="k3").lease_state == "leased"


ORDERING = """
from tests.activations.process import order
order({customer}, row_first={row_first})
"""


def order_and_kill(shop, *, row_first):
    """Another process orders; the provider sells at once, answers late, and the process is dead by then."""
    shop.upstream.fault("order", "late", seconds=30)
    code = ORDERING.format(customer=shop.customer.pk, row_first=row_first)
    buyer = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: shop.upstream.leases)
    finally:
        buyer.kill()
        buyer.wait()


def test_u4_o1_the_lease_of_a_killed_process_is_found_by_its_due_time(shop, now):
    order_and_kill(shop, row_first=True)

    reconcile_due(now + seconds(60))

    found = Activation.objects.get()
    assert (found.lease_state, found.phone) == ("leased", shop.upstream.leases[0].phone)
    assert Attempt.objects.get().outcome == "leased"


def test_u4_counter_test_with_the_row_written_after_the_send_the_lease_is_lost(shop, now):
    order_and_kill(shop, row_first=False)

    for later in (60, 120, 300):
        reconcile_due(now + seconds(later))
        check_due(now + seconds(later))

    assert shop.upstream.leases[0].state == "waiting", "paid for, and nobody knows of it"
    assert not Activation.objects.exists()


@pytest.mark.parametrize("word", ["no_balance", "bad_key", "banned"])
def test_u6_the_operators_trouble_pauses_the_provider_and_buyers_read_unavailable(shop, word):
    shop.upstream.fault("order", word)

    with pytest.raises(UpstreamUnavailable):
        shop.order()

    assert ProviderHealth.objects.get(provider=shop.provider).state != "ok"
    assert shop.money()[1] == shop.money()[3] == 0


def test_u6_known_refusals_are_no_numbers(shop):
    shop.upstream.fault("order", "out_of_stock")

    with pytest.raises(NoNumbers):
        shop.order()

    assert shop.money()[1] == shop.money()[3] == 0
    assert active_rows(tenant_id=shop.tenant.pk, customer_id=shop.customer.pk) == []


def test_u7_a_price_above_the_ceiling_is_cancelled_there_and_released_here(shop):
    shop.upstream.fault("order", "wrong_price")

    with pytest.raises(NoNumbers):
        shop.order()

    assert shop.upstream.leases[0].state == "canceled"
    assert shop.upstream.paid_micros == 0
    assert shop.money()[1] == shop.money()[3] == 0
    assert ProviderHealth.objects.get(provider=shop.provider).failures == 1


def test_u7_what_cannot_be_cancelled_yet_stays_checking_until_it_is(shop, now):
    shop.upstream.fault("order", "wrong_price")
    shop.upstream.fault("cancel", "lost")

    row = shop.order(now=now)
    assert row.is_checking
    reconcile_due(now + seconds(20))

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert shop.upstream.leases[0].state == "canceled"


def test_u7_a_wrong_price_that_a_list_shows_flags_its_provider_once(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)
    shop.upstream.leases[0].cost = 90_000_000
    shop.upstream.fault("cancel", "lost")  # so it is found again

    reconcile_due(now + seconds(10))
    flagged = ProviderHealth.objects.get(provider=shop.provider)
    assert (flagged.state, flagged.reason) == ("degraded", "wrong_price")
    reconcile_due(now + seconds(40))

    assert (shop.row(row.hex_id).lease_state, shop.upstream.leases[0].state) == ("unsold", "canceled")
    assert ProviderHealth.objects.get(provider=shop.provider).blocked_until == flagged.blocked_until


@pytest.mark.parametrize("is_lost", [False, True])
def test_u16_the_fee_for_a_number_that_was_not_sold_is_money_at_risk(shop, is_lost, now):
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    shop.upstream.settings(cancel_fee_micros=5_000)
    if is_lost:
        shop.upstream.fault("order", "lost", after=True)
        shop.order(now=now, exclude_prefixes=("1212",))
    else:
        with pytest.raises(NoNumbers):
            shop.order(now=now, exclude_prefixes=("1212",))
    reconcile_due(now + seconds(40))

    assert shop.upstream.paid_micros == 5_000
    assert list(MoneyAtRisk.objects.values_list("kind", "amount_micros")) == [("kept_fee", 5_000)]


@pytest.mark.parametrize("prefixes", [("1212",), ("999", "+1")])
def test_u7_a_number_with_an_excluded_prefix_is_cancelled_there_and_nobody_is_to_blame(shop, prefixes):
    with pytest.raises(NoNumbers):
        shop.order(exclude_prefixes=prefixes)

    assert [lease.state for lease in shop.upstream.leases] == ["canceled"]
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert not ProviderHealth.objects.filter(provider=shop.provider, failures__gt=0).exists()


def test_u7_another_offer_is_tried_when_a_number_has_an_excluded_prefix(shop):
    shop.sell(shop.provider, tier=1)

    before = shop.order()
    following = str(int(before.phone) + 1)

    row = shop.order(exclude_prefixes=(following,), max_price_micros=20_000_000)

    assert [lease.state for lease in shop.upstream.leases] == ["waiting", "canceled", "waiting"]
    assert (row.lease_state, row.phone) == ("leased", str(int(following) + 1))


@pytest.mark.parametrize("prefixes", [("44", "2"), ("",), ("+",)])
def test_a_number_with_another_prefix_is_sold(shop, prefixes):
    assert shop.order(exclude_prefixes=prefixes).lease_state == "leased"


def test_u1_a_lost_number_with_an_excluded_prefix_is_cancelled_not_adopted(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now, exclude_prefixes=("1212",))
    assert row.is_checking

    reconcile_due(now + seconds(40))

    assert (shop.row(row.hex_id).lease_state, shop.upstream.leases[0].state) == ("unsold", "canceled")
    assert shop.money()[1] == shop.money()[3] == 0


def test_u8_a_price_refusal_with_a_nearest_price_is_passed_on_without_a_hold(shop):
    shop.upstream.stock("telegram", "us", shop.offer.upstream_ref, price_micros=9_000_000)

    with pytest.raises(MaxPriceExceeded) as caught:
        shop.order()

    assert caught.value.extra["suggested_micros"] == 9_000_000
    assert len(caught.value.extra["token"]) == 24
    assert shop.money()[1] == shop.money()[3] == 0


def test_u8_a_raised_price_below_the_callers_cap_is_taken(shop):
    shop.upstream.stock("telegram", "us", shop.offer.upstream_ref, price_micros=9_000_000)

    row = shop.order(max_price_micros=10_000_000)

    assert (row.price_micros, row.customer_price_micros) == (9_000_000, 9_000_000)
    assert shop.money()[1] == 9_000_000


def test_a_lease_that_is_ours_already_is_an_unknown_outcome(shop, now):
    first = shop.order(now=now)
    shop.upstream.fault("order", "old_id")

    second = shop.order(now=now)

    assert second.is_checking
    for later in (20, 120, 140):
        reconcile_due(now + seconds(later))
    assert shop.row(second.hex_id).lease_state == "unsold"
    assert shop.row(first.hex_id).lease_state == "leased"


def test_a_doubled_order_is_cancelled_there(shop, now):
    shop.upstream.fault("order", "doubled")
    row = shop.order(now=now)

    check_due(now + seconds(60))

    states = {
        lease.state for lease in shop.upstream.leases if str(lease.id) != shop.row(row.hex_id).upstream_ref
    }
    assert states == {"canceled"}


def test_u11_a_hanging_provider_costs_ten_seconds_at_most(shop):
    shop.provider.timeout_seconds = 2
    shop.provider.save()
    shop.upstream.fault("order", "lost", hang=True)

    started = time.monotonic()
    row = shop.order()

    assert row.is_checking
    assert time.monotonic() - started < 4


def test_m10_a_connection_lost_in_commit_is_looked_up_by_our_reference(shop):
    buyer = shop.buyer
    with cut_after(b"activation_open") as proxy:
        row = shop.order(buyer=buyer)

    assert proxy.cuts == 1
    assert row.lease_state == "leased"
    assert Activation.objects.count() == shop.upstream.calls["order"] == 1


def test_m10_a_connection_lost_while_the_lease_is_attached_attaches_it_once(shop):
    buyer = shop.buyer
    with cut_after(b"activation_attach") as proxy:
        row = shop.order(buyer=buyer)

    assert proxy.cuts == 1
    assert row.lease_state == "leased"
    assert shop.money()[1] == row.customer_price_micros
    assert Attempt.objects.get().outcome == "leased"


def test_o6_a_read_only_database_refuses_before_anything_is_sent(shop, owner_connection):
    name = connection.settings_dict["NAME"]
    buyer = shop.buyer
    owner_connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    connection.close()
    try:
        with pytest.raises(DatabaseError):
            shop.order(buyer=buyer)
    finally:
        owner_connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        connection.close()

    assert shop.upstream.calls["order"] == 0
