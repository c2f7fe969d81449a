"""Rents, extensions and cancels whose answers were lost: U1–U5, U7, U10, and request keys M2, M3."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections

from activations.models import MoneyAtRisk, Rental, RentalAttempt
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from portal.errors import (
    NoNumbers,
    OrderInProgress,
    RequestKeyMismatch,
    UpstreamUnavailable,
)
from providers.models import Offer, ProviderHealth
from providers.sandbox.http import reply
from tests.providers.wire import wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture(autouse=True)
def _the_ledger_is_right_afterwards():
    yield
    call_command("check_ledger")


@pytest.mark.parametrize("fault", ["lost", "html", "cut", "garbage"])
def test_u1_u5_a_number_whose_answer_was_lost_is_adopted_and_charged(desk, now, fault):
    desk.upstream.fault("rent", fault, **({} if fault == "cut" else {"after": True}))

    row = desk.rent(now=now)
    assert (row.is_checking, row.billing_status, desk.money()[:2]) == (
        True, "reserved", (100_000_000, desk.price()),
    )  # fmt: skip
    reconcile_due_rentals(now + seconds(10))

    adopted = desk.now_is(row)
    assert (adopted.lease_state, adopted.billing_status) == ("leased", "billed")
    assert adopted.phone == desk.upstream.leases[0].phone
    assert desk.money()[:2] == (100_000_000 - desk.price(), 0)
    assert desk.upstream.calls["rent"] == 1


def test_u2_nothing_rented_is_released_after_two_lists_and_the_grace(desk, now):
    desk.upstream.fault("rent", "lost")
    row = desk.rent(now=now, key="k2")

    reconcile_due_rentals(now + seconds(100))
    assert desk.stored(row).lease_state == "ordering", "one empty list proves nothing"
    reconcile_due_rentals(now + seconds(130))

    assert desk.stored(row).lease_state == "unsold"
    assert desk.now_is(row) is None
    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)
    with pytest.raises(NoNumbers):
        desk.rent(now=now, key="k2")


def test_u2_without_a_list_the_grace_decides_and_the_amount_is_at_risk(desk, now, single):
    desk.upstream.fault("rent", "lost", after=True)
    row = desk.rent(now=now)

    reconcile_due_rentals(now + seconds(100))

    assert desk.stored(row).lease_state == "unsold"
    assert MoneyAtRisk.objects.get().amount_micros == desk.upstream.paid_micros


def test_u3_unreachable_is_released_at_once_and_the_next_provider_tried(desk, other_upstream):
    desk.provider.base_url = "http://127.0.0.1:9"
    desk.provider.priority = 1
    desk.provider.save()
    desk.sell(other_upstream.provider(priority=50))

    row = desk.rent()

    assert row.lease_state == "leased"
    assert list(RentalAttempt.objects.order_by("id").values_list("outcome", flat=True)) == [
        "unreachable", "leased",
    ]  # fmt: skip
    assert desk.spent() == row.customer_price_micros


def test_u3_everything_out_of_reach_is_unavailable_and_the_key_may_try_again(desk):
    desk.provider.base_url = "http://127.0.0.1:9"
    desk.provider.save()
    with pytest.raises(UpstreamUnavailable):
        desk.rent(key="k3")
    assert desk.money()[1] == 0
    desk.provider.base_url = desk.upstream.url
    desk.provider.save()

    assert desk.rent(key="k3").lease_state == "leased"


def test_u7_a_number_above_the_ceiling_is_cancelled_there_and_not_sold(desk):
    desk.upstream.fault("rent", "wrong_price", price_micros=90_000_000)

    with pytest.raises(NoNumbers):
        desk.rent()

    assert desk.upstream.leases[0].state == "canceled"
    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert ProviderHealth.objects.get(provider=desk.provider).reason == "wrong_price"


def test_u7_a_wrong_price_that_a_list_shows_flags_its_provider_once(desk, now):
    desk.upstream.fault("rent", "lost", after=True)
    row = desk.rent(now=now)
    desk.upstream.leases[0].charged = 90_000_000
    desk.upstream.fault("rental_cancel", "lost")  # so it is found again

    reconcile_due_rentals(now + seconds(10))
    flagged = ProviderHealth.objects.get(provider=desk.provider)
    assert (flagged.state, flagged.reason) == ("degraded", "wrong_price")
    reconcile_due_rentals(now + seconds(40))

    assert (desk.stored(row).lease_state, desk.upstream.leases[0].state) == ("unsold", "canceled")
    assert ProviderHealth.objects.get(provider=desk.provider).blocked_until == flagged.blocked_until


def test_doubled_rents_are_found_in_the_list_and_cancelled(desk, now):
    desk.upstream.fault("rent", "doubled")
    row = desk.rent(now=now)

    check_due_rentals(now + seconds(60))

    assert desk.now_is(row).is_open
    assert sorted(lease.state for lease in desk.upstream.leases) == ["canceled", "waiting"]
    assert desk.upstream.paid_micros == desk.cost()


def test_what_a_doubled_rent_does_not_bring_back_is_money_at_risk(desk, now):
    desk.upstream.settings(guard_seconds=-1)
    desk.upstream.fault("rent", "doubled")
    row = desk.rent(now=now)

    check_due_rentals(now + seconds(60))

    assert desk.now_is(row).is_open
    assert MoneyAtRisk.objects.get().amount_micros == desk.upstream.paid_micros - desk.cost() > 0


@pytest.mark.parametrize("fault", ["lost", "html", "cut"])
def test_u1_an_extension_whose_answer_was_lost_is_found_by_its_end(desk, now, fault):
    row = desk.rent(now=now)
    desk.upstream.fault("extend", fault, **({} if fault == "cut" else {"after": True}))

    with pytest.raises(OrderInProgress):
        desk.extend(row, 72, key="e1", now=now)
    assert desk.now_is(row).is_extending
    assert desk.money()[1] == 3 * desk.price(24)
    for act in (desk.extend, desk.cancel, desk.finish):
        with pytest.raises(OrderInProgress):
            act(row, now=now)
    reconcile_due_rentals(now + seconds(10))

    longer = desk.now_is(row)
    assert (longer.is_extending, longer.hours) == (False, 240)
    assert longer.ends_at == row.ends_at + timedelta(days=3)
    assert desk.spent() == desk.price() + 3 * desk.price(24)
    assert desk.extend(row, 72, key="e1", now=now).term.hours == 72
    assert desk.upstream.calls["extend"] == 1


def test_u2_an_extension_that_never_happened_is_released(desk, now):
    row = desk.rent(now=now)
    desk.upstream.fault("extend", "lost")
    with pytest.raises(OrderInProgress):
        desk.extend(row, 72, key="e1", now=now)

    reconcile_due_rentals(now + seconds(100))
    assert desk.now_is(row).is_extending, "one answer proves nothing"
    reconcile_due_rentals(now + seconds(130))

    assert not desk.now_is(row).is_extending
    assert desk.now_is(row).ends_at == row.ends_at
    assert desk.spent() == desk.price()
    with pytest.raises(NoNumbers):
        desk.extend(row, 72, key="e1", now=now)
    assert desk.extend(row, 72, key="e2", now=now).rental.hours == 240


def test_u1_a_found_extension_costs_what_the_provider_took(desk, now):
    """Our list was dearer by then."""
    row = desk.rent(now=now)
    Offer.objects.filter(duration_hours=24).update(cost_micros=desk.cost(24) + 50_000)
    desk.upstream.fault("extend", "lost", after=True)
    with pytest.raises(OrderInProgress):
        desk.extend(row, now=now)

    reconcile_due_rentals(now + seconds(10))

    assert desk.stored(row).cost_micros == desk.upstream.paid_micros == desk.cost() + desk.cost(24)
    assert desk.spent() == desk.price() + desk.price(24) + 50_000


def test_u2_an_answer_after_the_extension_was_given_up_is_money_at_risk(desk, now, wire):  # noqa: F811
    """As of a process that stood still: while the provider works at it, two looks do not show it."""
    row = desk.rent(now=now)
    before, after = (round((row.ends_at + timedelta(days=days)).timestamp()) for days in (0, 1))

    def answer(connection, request):
        content = {"s": "waiting", "expires": before}
        if b"/extend " in request:
            for later in (60, 120):
                reconcile_due_rentals(now + seconds(later))
            connections.close_all()
            content = {"price": desk.cost(24), "expires": after}
        connection.sendall(reply(content))

    wire.answer = answer
    desk.provider.base_url = wire.url
    desk.provider.save()

    with pytest.raises(NoNumbers):
        desk.extend(row, now=now)

    assert (desk.now_is(row).hours, desk.now_is(row).is_extending) == (168, False)
    assert desk.spent() == desk.price()
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("orphan", desk.cost(24))


def test_the_end_waits_for_an_extension_that_is_being_found_out(desk, now):
    row = desk.rent(4, now=now)
    desk.upstream.fault("extend", "lost", after=True)
    with pytest.raises(OrderInProgress):
        desk.extend(row, 24, now=now)
    end_due_rentals(row.ends_at + seconds(1))
    assert desk.now_is(row).is_open
    desk.sweep(row.ends_at + seconds(60))

    assert desk.now_is(row).hours == 28


def test_u10_a_cancel_whose_answer_was_lost_pays_back_when_it_is_confirmed(desk, now):
    row = desk.rent(now=now)
    desk.upstream.fault("rental_cancel", "lost", after=True)

    assert desk.cancel(row, now=now).is_cancelling
    assert desk.spent() == desk.price()
    with pytest.raises(OrderInProgress):
        desk.cancel(row, now=now)
    check_due_rentals(now + seconds(2))

    assert desk.now_is(row).rental_status == "canceled"
    assert desk.spent() == 0


def test_u10_a_cancel_that_never_arrived_is_sent_again(desk, now):
    row = desk.rent(now=now)
    desk.upstream.fault("rental_cancel", "lost")
    assert desk.cancel(row, now=now).is_cancelling

    check_due_rentals(now + seconds(2))
    assert desk.now_is(row).is_cancelling
    check_due_rentals(now + seconds(20))

    assert desk.now_is(row).rental_status == "canceled"
    assert desk.spent() == 0


def test_a_cancel_that_could_not_be_sent_leaves_the_rental_running(desk, now):
    row = desk.rent(now=now)
    url, desk.provider.base_url = desk.provider.base_url, "http://127.0.0.1:9"
    desk.provider.save()

    with pytest.raises(UpstreamUnavailable):
        desk.cancel(row, now=now)
    assert not desk.now_is(row).is_cancelling
    desk.provider.base_url = url
    desk.provider.save()

    assert desk.cancel(row, now=now).rental_status == "canceled"


def test_u13_a_provider_that_forgot_it_changes_nothing_before_its_end(desk, now, single):
    row = desk.rent(now=now)
    desk.upstream.fault("rental_status", "unknown_order", times=-1)

    desk.sweep(now + timedelta(hours=1))

    assert desk.now_is(row).is_open


@pytest.mark.parametrize("state", ["canceled", "refunded", "finished", "expired"])
def test_an_end_there_with_messages_pays_whole_unused_days_back(desk, now, state):
    row = desk.rent(now=now)
    desk.sms(row, "Your code is 5566")
    desk.upstream.state(desk.stored(row).upstream_ref, state)

    desk.sweep(now + seconds(60))

    ended = desk.now_is(row)
    assert (ended.rental_status, ended.refund_days) == ("canceled", 6)
    assert ended.messages_count == 1


def test_m2_m3_a_request_key_rents_once_and_answers_the_same(desk, now):
    first = desk.rent(key="k1", now=now)

    assert desk.rent(key="k1", now=now).rnt_id == first.rnt_id
    with pytest.raises(RequestKeyMismatch):
        desk.rent(key="k1", digest=b"x" * 32, now=now)
    assert Rental.objects.count() == desk.upstream.calls["rent"] == 1


def test_m2_m3_an_extension_has_a_key_of_its_own(desk, now):
    row = desk.rent(key="k1", now=now)
    first = desk.extend(row, key="k2", now=now)

    again = desk.extend(row, key="k2", now=now)

    assert again.term == first.term
    assert again.rental.hours == 192
    with pytest.raises(RequestKeyMismatch):
        desk.extend(row, key="k2", digest=b"x" * 32, now=now)
    with pytest.raises(RequestKeyMismatch):
        desk.extend(row, key="k1", now=now)
    assert desk.upstream.calls["extend"] == 1


def test_m3_a_refusal_is_repeated_with_its_key(desk, now):
    desk.upstream.stock("full", "us", "rent", count=0)
    with pytest.raises(NoNumbers):
        desk.rent(key="k1", now=now)
    desk.upstream.stock("full", "us", "rent", count=9)

    with pytest.raises(NoNumbers):
        desk.rent(key="k1", now=now)
    assert desk.rent(key="k2", now=now).lease_state == "leased"
