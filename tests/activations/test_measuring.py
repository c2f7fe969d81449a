"""Measured quality of routes: counted once from orders that ended, added up over seven days."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from activations.models import Attempt
from activations.services.measuring import measure_due
from providers.models import RouteOutcome, RouteQuality, RouteSheet
from tests.factories import ActivationFactory, CustomerFactory, OfferFactory

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def offer():
    return OfferFactory()


@pytest.fixture
def customer():
    return CustomerFactory(balance_micros=1_000_000_000)


@pytest.fixture
def end(offer, customer):
    """An order that ended; `after`: seconds to its code, None: none came."""

    def end(*, ended=NOW - timedelta(minutes=5), after=None, lived=1200, **fields):
        created = ended - timedelta(seconds=lived)
        state = {"activation_status": "expired", "billing_status": "released", "ended_at": ended}
        if after is not None:
            state = {"billed": True, "activation_status": "finalized", "ended_at": ended,
                     "received_at": created + timedelta(seconds=after)}  # fmt: skip
        return ActivationFactory(
            **{
                "customer": customer,
                "offer": offer,
                "operator": "direct",
                "created_at": created,
                **state,
                **fields,
            }
        )

    return end


def figures(**narrow):
    """(service, country, operator) → (orders, codes, median, nine of ten)."""
    return {
        (q.service_id, q.country_id, q.operator): (q.orders, q.codes, q.median_seconds, q.p90_seconds)
        for q in RouteQuality.objects.filter(**narrow)
    }


def sheets():
    return {(s.service_id, s.country_id): json.loads(s.figures) for s in RouteSheet.objects.all()}


def test_each_ended_order_counts_once_at_four_widths(end):
    for after in (4, 8, 14, 100):
        end(after=after)
    end()
    measure_due(NOW)
    measure_due(NOW + timedelta(seconds=30))

    assert figures() == {
        ("netflix", "us", "direct"): (5, 4, 10, 120),
        ("netflix", "us", ""): (5, 4, 10, 120),
        ("", "us", ""): (5, 4, 10, 120),
        ("", "", ""): (5, 4, 10, 120),
    }
    [route] = RouteQuality.objects.filter(operator="direct")
    assert (route.success, round(route.at_least, 3)) == (0.8, 0.376)


def test_what_is_open_or_just_ended_waits_for_a_later_sweep(end, customer, offer):
    ActivationFactory(customer=customer, offer=offer, created_at=NOW - timedelta(minutes=30))
    end(ended=NOW - timedelta(seconds=10), after=5)
    measure_due(NOW)
    assert figures() == {}

    measure_due(NOW + timedelta(minutes=2))

    assert figures(service_id="netflix", operator="direct") == {("netflix", "us", "direct"): (1, 1, 5, 5)}


def test_without_an_operator_there_are_three_widths(end):
    end(after=5, operator="any")
    measure_due(NOW)

    assert {key[2] for key in figures()} == {""}
    assert len(figures()) == 3


def test_a_number_given_back_at_once_says_nothing_and_a_refunded_one_failed(end):
    end(activation_status="canceled", lived=59)
    end(activation_status="canceled", lived=61)
    end(after=20, billing_status="refunded")
    end(lease_state="unsold", activation_status="canceled")
    measure_due(NOW)

    assert figures(operator="direct") == {("netflix", "us", "direct"): (2, 0, None, None)}


def test_the_wait_starts_with_the_lease_and_ends_with_the_first_message(end, customer):
    order = end(after=300, sms_status="retryReceived", lived=600)
    leased = order.created_at + timedelta(seconds=20)
    Attempt.objects.create(tenant=order.tenant, activation=order, provider=order.provider, our_ref="r1",
                           ceiling_micros=1, outcome="leased", ended_at=leased)  # fmt: skip
    for seconds in (30, 280):
        order.messages.create(tenant=order.tenant, msg_id=f"m{seconds}", upstream_ref=f"m{seconds}",
                              received_at=leased + timedelta(seconds=seconds))  # fmt: skip
    measure_due(NOW)

    assert figures(operator="direct") == {("netflix", "us", "direct"): (1, 1, 30, 30)}


def test_an_order_moved_to_another_number_counts_for_both(end, customer):
    first, second = OfferFactory(operator="direct"), OfferFactory(operator="other")
    order = end(after=200, offer=second, operator="other")
    for offer, outcome in ((first, "exchanged"), (second, "leased")):
        Attempt.objects.create(tenant=order.tenant, activation=order, provider=offer.provider,
                               offer_id=offer.pk, our_ref=outcome, ceiling_micros=1, outcome=outcome,
                               ended_at=order.created_at + timedelta(seconds=150))  # fmt: skip
    measure_due(NOW)

    assert figures(provider=first.provider, operator="direct") == {
        ("netflix", "us", "direct"): (1, 0, None, None)
    }
    assert figures(provider=second.provider, operator="other") == {("netflix", "us", "other"): (1, 1, 50, 50)}


def test_the_router_reads_what_is_no_accident(end, offer):
    for _ in range(19):
        end(after=10)
    measure_due(NOW)
    assert sheets() == {
        ("netflix", "us"): [],
        ("", "us"): [],
        ("", ""): [[offer.provider_id, "", 19, 19, 10]],
    }

    end(ended=NOW, after=100)
    measure_due(NOW + timedelta(minutes=2))

    line = [20, 20, 10]
    assert sheets() == {
        ("netflix", "us"): [[offer.provider_id, "", *line], [offer.provider_id, "direct", *line]],
        ("", "us"): [[offer.provider_id, "", *line]],
        ("", ""): [[offer.provider_id, "", *line]],
    }


def test_days_leave_the_window_and_their_counts_go(end):
    end(ended=NOW - timedelta(days=6), after=5)
    end(ended=NOW - timedelta(days=3), after=30)
    measure_due(NOW)
    assert figures(operator="direct") == {("netflix", "us", "direct"): (2, 2, 5, 30)}

    measure_due(NOW + timedelta(days=1))
    assert figures(operator="direct") == {("netflix", "us", "direct"): (1, 1, 30, 30)}

    measure_due(NOW + timedelta(days=9))
    assert figures() == {}
    assert not RouteOutcome.objects.exists()


def test_a_week_that_nobody_counted_is_counted_in_one_sweep(end):
    for day in range(7):
        end(ended=NOW - timedelta(days=day, minutes=5), after=10)
    measure_due(NOW)

    assert figures(operator="direct") == {("netflix", "us", "direct"): (7, 7, 10, 10)}
