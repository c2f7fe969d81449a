"""Rentals through the ping protocol: the whole life over HTTP (docs/protocols/ping.md R1 to R4)."""

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from activations.models import Rental
from tests.api.ping.conftest import micros, refusal
from tests.factories import PriceRuleFactory, RentalFactory

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = 100_000_000


def seconds(moment):
    return datetime.fromisoformat(moment).timestamp()


def messages(pinger, rental, query=""):
    return pinger.get(f"rentals/{rental['public_id']}/messages{query}")[1]


def extend(pinger, rental, days, **headers):
    return pinger.post(f"rentals/{rental['public_id']}/extend", {"days": days}, **headers)


def cancel(pinger, rental):
    return pinger.post(f"rentals/{rental['public_id']}/cancel")


@pytest.fixture
def days_back(shop):
    """A provider that pays whole unused days back."""
    shop.provider.rental_pays_days_back = True
    shop.provider.save()


def test_the_whole_life_of_a_rental(pinger, shop, arrive, days_back):
    product = pinger.product("rental")
    a_day = product["cost"]

    rental = pinger.rented(days=3)

    assert re.fullmatch(r"rnt_[a-z0-9]{12}", rental["public_id"])
    assert re.fullmatch(r"\+[0-9]{8,15}", rental["phone_number"])
    assert seconds(rental["expires_at"]) == pytest.approx(seconds(rental["created_at"]) + 3 * 86_400, abs=60)
    assert {name: rental[name] for name in ("service_id", "type", "status", "days", "cost")} == {
        "service_id": product["public_id"], "type": "rental", "status": "active", "days": 3,
        "cost": pytest.approx(3 * a_day),
    }  # fmt: skip
    assert (rental["currency"], rental["messages_count"]) == ("USD", 0)
    assert pinger.money() == (WHOLE - 3 * micros(a_day), 0)
    assert messages(pinger, rental) == {"result": "success", "messages": [], "total": 0}

    arrive(rental, "Your code is 482913", sender="Telegram")
    arrive(rental, "And now 771204", sender="+15551234567")

    found = messages(pinger, rental)
    assert found["total"] == 2
    assert [one["text"] for one in found["messages"]] == ["And now 771204", "Your code is 482913"]
    assert [one["from"] for one in found["messages"]] == ["+15551234567", "Telegram"]
    assert all(re.fullmatch(r"msg_[a-z0-9]{12}", one["id"]) for one in found["messages"])
    second = messages(pinger, rental, "?skip=1&limit=1")
    assert (second["total"], second["messages"]) == (2, found["messages"][1:])

    status, answer = extend(pinger, rental, 2)

    longer = answer["rental"]
    assert (status, answer["message"]) == (200, "Rental extended successfully")
    assert {name: longer[name] for name in ("status", "days_added", "total_days", "extension_cost")} == {
        "status": "active", "days_added": 2, "total_days": 5, "extension_cost": pytest.approx(2 * a_day),
    }  # fmt: skip
    assert seconds(longer["expires_at"]) == seconds(rental["expires_at"]) + 2 * 86_400
    assert pinger.money() == (WHOLE - 5 * micros(a_day), 0)

    status, answer = cancel(pinger, rental)

    assert (status, answer["message"]) == (200, "Rental cancelled")
    assert answer["rental"] == {
        "public_id": rental["public_id"],
        "status": "cancelled",
        "refund": {"amount": pytest.approx(4 * a_day), "currency": "USD", "days_remaining": 4},
    }
    assert pinger.money() == (WHOLE - micros(a_day), 0)
    assert messages(pinger, rental)["total"] == 2, "readable after its end"
    assert refusal(cancel(pinger, rental)) == (409, "RENTAL_NOT_ACTIVE")
    assert refusal(extend(pinger, rental, 1)) == (409, "RENTAL_NOT_ACTIVE")


def test_f14_within_the_guard_and_without_a_message_everything_comes_back(pinger, shop):
    rental = pinger.rented(days=7)

    _, answer = cancel(pinger, rental)

    assert answer["rental"]["refund"] == {"amount": rental["cost"], "currency": "USD", "days_remaining": 7}
    assert pinger.money() == (WHOLE, 0)


def test_after_a_message_what_comes_back_is_what_the_answer_says(pinger, shop, arrive):
    rental = pinger.rented(days=7)
    arrive(rental, "code 1234")

    _, answer = cancel(pinger, rental)

    refund = answer["rental"]["refund"]
    assert refund["amount"] < rental["cost"]
    assert pinger.money()[0] == WHOLE - micros(rental["cost"]) + micros(refund["amount"])


def test_a_term_with_a_price_of_its_own_costs_that(pinger, shop):
    """The provider's line of a week is cheaper than seven days; what is booked is what the answer says."""
    week = pinger.rented(days=7)

    assert week["cost"] < 7 * pinger.product("rental")["cost"]
    assert pinger.money() == (WHOLE - micros(week["cost"]), 0)


def test_f19_a_rule_with_fractions_of_a_cent_is_booked_in_whole_cents(pinger, shop):
    PriceRuleFactory(tenant=pinger.customer.tenant, percent_ppm=333_333, rounding_micros=1)

    rental = pinger.rented(days=3)

    assert micros(rental["cost"]) == 3 * micros(pinger.product("rental")["cost"])
    assert pinger.money() == (WHOLE - micros(rental["cost"]), 0)


def test_no_numbers_and_no_money(pinger, shop, poor):
    assert refusal(poor.rent()) == (400, "INSUFFICIENT_BALANCE")
    shop.upstream.fault("rent", "out_of_stock")
    assert refusal(pinger.rent()) == (409, "NO_NUMBERS_AVAILABLE")
    assert pinger.money() == (WHOLE, 0)


def test_m2_m3_request_keys_rent_and_extend_once(pinger, shop):
    _, first = pinger.rent(1, "mine")
    rental = first["rental"]

    assert pinger.rent(1, "mine") == (201, first)
    assert refusal(pinger.rent(3, "mine")) == (422, "IDEMPOTENCY_MISMATCH")
    for _ in range(2):
        _, answer = extend(pinger, rental, 1, **{"Idempotency-Key": "longer"})
        assert answer["rental"]["total_days"] == 2
    assert refusal(extend(pinger, rental, 2, **{"Idempotency-Key": "longer"})) == (
        422,
        "IDEMPOTENCY_MISMATCH",
    )
    assert Rental.objects.count() == 1


def test_n7_a_rental_that_ended_is_expired(pinger):
    past = timezone.now() - timedelta(days=8)
    rental = RentalFactory(
        customer=pinger.customer, rental_status="expired", created_at=past, ended_at=past + timedelta(days=7)
    )

    named = {"public_id": rental.rnt_id}
    assert messages(pinger, named)["total"] == 0
    assert refusal(extend(pinger, named, 1)) == (409, "RENTAL_NOT_ACTIVE")
    assert refusal(cancel(pinger, named)) == (409, "RENTAL_NOT_ACTIVE")


@pytest.mark.parametrize("days", [0, 31, -1, 2.5, "3", True, None, 10**18])
def test_days_are_whole_and_at_most_thirty(pinger, shop, days):
    rental = pinger.rented(days=1)

    assert refusal(pinger.rent(days)) == (400, "INVALID_DAYS")
    assert refusal(extend(pinger, rental, days)) == (400, "INVALID_DAYS")
    assert "from 1 to 30" in pinger.last.json()["error_info"]


def test_the_type_of_the_service_must_fit(pinger, shop):
    order, rental = pinger.product()["public_id"], pinger.product("rental")["public_id"]

    assert refusal(pinger.order(serviceId=rental)) == (400, "INVALID_SERVICE_TYPE")
    assert refusal(pinger.rent(serviceId=order)) == (400, "INVALID_SERVICE_TYPE")
    assert pinger.money() == (WHOLE, 0)
