"""Ending the pause of a low success rate: three times a day by oneself, at will by staff."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Customer
from accounts.unblocking import unblock_by_staff, unblock_self
from activations.services.eligibility import check_buyer
from activations.services.judging import judge
from portal.errors import InvalidState, LowSuccessRate
from tests.activations.races import together
from tests.factories import ActivationFactory, CustomerFactory

NOW = timezone.now()


def pause(customer, *, at=NOW):
    Customer.objects.filter(pk=customer.pk).update(blocked_until=at + timedelta(hours=24))
    customer.refresh_from_db()
    return customer


@pytest.mark.django_db
def test_three_unblocks_in_24_hours_and_then_again():
    customer = CustomerFactory()
    for hour in range(3):
        pause(customer, at=NOW + timedelta(hours=hour))
        unblock_self(customer_id=customer.pk, now=NOW + timedelta(hours=hour))
    pause(customer, at=NOW + timedelta(hours=4))

    with pytest.raises(LowSuccessRate) as refusal:
        unblock_self(customer_id=customer.pk, now=NOW + timedelta(hours=4))
    assert refusal.value.extra["until"] == customer.blocked_until

    unblock_self(customer_id=customer.pk, now=NOW + timedelta(hours=24))
    customer.refresh_from_db()
    assert (customer.blocked_until, customer.unblocks_used) == (None, 1)


@pytest.mark.django_db
def test_who_is_not_paused_spends_nothing():
    customer = CustomerFactory()

    with pytest.raises(InvalidState):
        unblock_self(customer_id=customer.pk, now=NOW)

    customer.refresh_from_db()
    assert customer.unblocks_used == 0


@pytest.mark.django_db
def test_after_an_unblock_the_rate_is_counted_afresh():
    customer = CustomerFactory(balance_micros=1_000_000_000)
    for _ in range(10):
        ActivationFactory(customer=customer, canceled=True, created_at=NOW - timedelta(minutes=5))
    judge([customer.pk], now=NOW)
    with pytest.raises(LowSuccessRate):
        check_buyer(Buyer.of(Customer.objects.get(pk=customer.pk)), now=NOW)

    unblock_self(customer_id=customer.pk, now=NOW)
    judge([customer.pk], now=NOW)

    check_buyer(Buyer.of(Customer.objects.get(pk=customer.pk)), now=NOW)


@pytest.mark.django_db(transaction=True)
def test_five_clicks_at_once_are_one_unblock():
    customer = pause(CustomerFactory())

    results = together(*[lambda: unblock_self(customer_id=customer.pk, now=NOW)] * 5)

    assert sorted(type(one).__name__ for one in results) == ["InvalidState"] * 4 + ["NoneType"]
    customer.refresh_from_db()
    assert customer.unblocks_used == 1


@pytest.mark.django_db
def test_staff_spend_none_of_the_customers_own():
    customer = pause(CustomerFactory())

    unblock_by_staff(customer_id=customer.pk, now=NOW)

    customer.refresh_from_db()
    assert (customer.blocked_until, customer.unblocks_used) == (None, 0)


@pytest.mark.django_db
def test_the_page_ends_the_pause_and_t1_only_ones_own(client):
    customer, other = (CustomerFactory(with_login=True) for _ in range(2))
    pause(customer, at=timezone.now())
    pause(other, at=timezone.now())
    home = {"host": f"{customer.tenant.slug}.localhost"}
    client.force_login(customer.user)

    page = client.get("/pause/", headers=home).content.decode()
    refused = client.post("/pause/", {"customer": other.pk}, headers=home)
    answer = client.post("/pause/", {}, headers=home)

    assert "Buying is paused" in page
    assert "3 times left" in page
    assert (refused.status_code, answer["location"]) == (400, "/buy/")
    assert Customer.objects.get(pk=customer.pk).blocked_until is None
    assert Customer.objects.get(pk=other.pk).blocked_until is not None
