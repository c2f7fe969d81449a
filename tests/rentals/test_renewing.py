"""Automatic renewal and the reminder before an end."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command

from activations.models import RentalTerm
from activations.services.rentals.renewing import remind_due_rentals, renew_due_rentals, set_auto_renew
from portal.errors import InvalidDuration, RentalNotActive
from providers.models import Offer
from tests.factories import UserFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_ledger_is_right_afterwards():
    yield
    call_command("check_ledger")


def switch(desk, row, is_on=True, **facts):
    return set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=is_on, **facts)


@pytest.fixture
def desk(make_desk):
    desk = make_desk()
    desk.customer.user = UserFactory(tenant=desk.tenant)
    desk.customer.save()
    return desk


def test_it_renews_shortly_before_the_end_and_again_before_the_next(desk, now):
    row = desk.rent(24, now=now)
    on = switch(desk, row, now=now)
    assert (on.auto_renew, on.renew_hours, on.renew_max_price_micros) == (True, 24, desk.price(24))

    renew_due_rentals(row.ends_at - timedelta(hours=2))
    assert desk.now_is(row).hours == 24, "not yet"
    for times in (2, 3):
        renew_due_rentals(desk.now_is(row).ends_at - timedelta(minutes=50))
        assert desk.now_is(row).hours == 24 * times

    assert desk.spent() == 3 * desk.price(24)
    assert [term.is_renewal for term in RentalTerm.objects.order_by("number")] == [False, True, True]


def test_switched_off_it_ends(desk, now):
    row = desk.rent(24, now=now)
    switch(desk, row, now=now)
    assert not switch(desk, row, False, now=now).auto_renew

    renew_due_rentals(row.ends_at - timedelta(minutes=1))
    desk.sweep(row.ends_at + timedelta(seconds=1))

    assert desk.now_is(row).rental_status == "expired"


def test_above_the_price_that_was_agreed_it_is_not_renewed_and_told_once(desk, now):
    row = desk.rent(24, now=now)
    switch(desk, row, now=now)
    Offer.objects.filter(duration_hours=24).update(cost_micros=desk.cost(24) + 10_000)

    renew_due_rentals(row.ends_at - timedelta(minutes=50))
    renew_due_rentals(row.ends_at - timedelta(minutes=30))

    assert desk.now_is(row).renew_refusal == "max_price_exceeded"
    assert desk.spent() == desk.price(24)
    assert [one.subject for one in mail.outbox] == ["Your rented number could not be renewed"]
    assert desk.stored(row).phone not in mail.outbox[0].body


def test_without_money_it_is_tried_again_until_there_is_some(make_desk, now):
    desk = make_desk(balance_micros=None)
    desk.fund(desk.price(24))
    row = desk.rent(24, now=now)
    switch(desk, row, now=now)

    renew_due_rentals(row.ends_at - timedelta(minutes=50))
    assert desk.now_is(row).renew_refusal == "insufficient_balance"
    desk.fund(desk.price(24))
    renew_due_rentals(row.ends_at - timedelta(minutes=30))

    assert (desk.now_is(row).hours, desk.now_is(row).renew_refusal) == (48, "")


def test_without_a_time_it_renews_by_the_first_term_however_often_it_was_extended(desk, now):
    row = desk.rent(24, now=now)
    desk.extend(row, 4, now=now)  # 28 hours together, for which nothing is sold

    on = switch(desk, row, now=now)

    assert (on.hours, on.renew_hours, on.renew_max_price_micros) == (28, 24, desk.price(24))


@pytest.mark.parametrize("fault", ["out_of_stock", "lost"])
def test_a_renewal_that_the_provider_refused_is_tried_again_and_told(desk, now, fault):
    """Also after one whose answer was lost, and which was found not to have happened."""
    row = desk.rent(24, now=now)
    switch(desk, row, now=now)
    at = row.ends_at - timedelta(minutes=50)
    desk.upstream.fault("extend", fault)
    renew_due_rentals(at)
    for seconds in range(5, 120, 20):
        desk.sweep(at + timedelta(seconds=seconds))
    if fault == "lost":
        assert (desk.now_is(row).is_extending, desk.now_is(row).renew_refusal) == (False, "")
        desk.upstream.fault("extend", "out_of_stock")
        renew_due_rentals(at + timedelta(minutes=5))

    assert desk.now_is(row).renew_refusal == "no_numbers"
    assert [one.subject for one in mail.outbox].count("Your rented number could not be renewed") == 1
    desk.sweep(at + timedelta(minutes=16))
    assert (desk.now_is(row).hours, desk.now_is(row).renew_refusal) == (48, "")


def test_only_a_running_rental_renews_and_only_by_what_is_sold(desk, now):
    row = desk.rent(24, now=now)
    with pytest.raises(InvalidDuration):
        switch(desk, row, hours=5, now=now)
    desk.finish(row, now=now)

    with pytest.raises(RentalNotActive):
        switch(desk, row, now=now)
    with pytest.raises(RentalNotActive):
        switch(desk, row, False, now=now)


@pytest.mark.parametrize(("is_on", "subject"), [(True, "renews soon"), (False, "ends soon")])
def test_the_end_is_told_a_day_before_by_event_and_mail_once(desk, now, is_on, subject):
    row = desk.rent(168, now=now)
    if is_on:
        switch(desk, row, now=now)
    remind_due_rentals(row.ends_at - timedelta(hours=25))
    assert mail.outbox == []

    for _ in range(2):
        remind_due_rentals(row.ends_at - timedelta(hours=23))

    assert [one.subject for one in mail.outbox] == [f"Your rented number {subject}"]
    assert mail.outbox[0].to == [desk.customer.user.email]
    assert desk.stored(row).phone not in mail.outbox[0].body
    assert Event.objects.filter(type="rental.ends_soon").count() == 1
