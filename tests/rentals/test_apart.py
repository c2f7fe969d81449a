"""Trouble stays local (O7): a rental that cannot be worked keeps no other back, and loses no money."""

from datetime import timedelta

import pytest
from django.core import mail

from accounts.models import Customer, User
from activations import policy
from activations.models import RentalDue
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.renewing import remind_due_rentals
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def poisoned(owner_connection):
    """A message that says `poison` cannot be stored."""
    owner_connection.execute(
        "ALTER TABLE activations_rentalmessage ADD CONSTRAINT poison CHECK (text <> 'poison') NOT VALID"
    )
    yield
    owner_connection.execute("ALTER TABLE activations_rentalmessage DROP CONSTRAINT poison")


def status_due(row):
    return RentalDue.objects.get(rental_id=row.id, kind="status")


def test_o7_a_rental_that_always_fails_is_parked_and_its_neighbours_go_on(desk, now, single, poisoned):
    bad, good = desk.rent(now=now), desk.rent(now=now)
    desk.sms(bad, "poison")
    desk.sms(good, "Your code is 1357")

    for step in range(1, policy.PARK_AFTER_TRIES + 1):
        check_due_rentals(now + timedelta(minutes=2 * step))

    assert desk.texts(good) == ["Your code is 1357"]
    assert (status_due(bad).parked_reason, desk.texts(bad)) == ("Unstorable", [])
    assert status_due(good).parked_reason == ""


def test_o7_an_end_whose_last_message_cannot_be_stored_waits_for_the_grace(desk, now, single, poisoned):
    bad, good = desk.rent(24, now=now), desk.rent(24, now=now)
    desk.sms(bad, "poison")

    end_due_rentals(good.ends_at + timedelta(seconds=1))
    assert [desk.now_is(row).rental_status for row in (bad, good)] == ["active", "expired"]

    end_due_rentals(good.ends_at + policy.EXPIRY_GRACE + timedelta(minutes=2))
    assert desk.now_is(bad).rental_status == "expired"


def test_o7_a_reminder_that_cannot_be_sent_keeps_no_other_back(desk, now):
    neighbour = desk.neighbour()
    first = desk.rent(24, now=now - timedelta(minutes=1))  # so that it is due first
    desk.rent(24, now=now, buyer=neighbour)
    unlucky, other = UserFactory(), UserFactory()
    for customer_id, user in ((desk.customer.pk, unlucky), (neighbour.customer_id, other)):
        Customer.objects.filter(pk=customer_id).update(user=user)
    address = unlucky.email
    User.objects.filter(pk=unlucky.pk).update(email="two\nlines@example.com")
    late = first.ends_at - timedelta(minutes=20)

    remind_due_rentals(late)
    assert [one.to for one in mail.outbox] == [[other.email]]
    assert list(RentalDue.objects.filter(kind="remind").values_list("rental_id", flat=True)) == [first.id]

    User.objects.filter(pk=unlucky.pk).update(email=address)
    remind_due_rentals(late + timedelta(minutes=2))
    assert [one.to for one in mail.outbox][1:] == [[address]]
