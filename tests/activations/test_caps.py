"""Daily caps: what is spent at a provider in a UTC day, and that buying stops there."""

from datetime import UTC, datetime, timedelta

import pytest

from activations.models import Activation
from activations.services.measuring import measure_due
from activations.services.spending import check_caps
from portal.errors import UpstreamUnavailable
from providers.models import Provider, ProviderHealth, ProviderSpend, RoutingPolicy
from tests.factories import ActivationFactory, CustomerFactory, OfferFactory, RentalFactory, TenantFactory

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
MIDNIGHT, TOMORROW = NOW.replace(hour=0, minute=0), NOW.replace(day=11, hour=0, minute=0)
COST = 200_000  # of each order
pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(balance_micros=1_000_000_000)


@pytest.fixture
def offer():
    return OfferFactory()


@pytest.fixture
def bought(customer, offer):
    """An order of NOW's day; `ended`: when it ended with a code."""

    def bought(*, ended=None, **fields):
        state = {"created_at": MIDNIGHT + timedelta(hours=1)}
        if ended is not None:
            state |= {"billed": True, "activation_status": "finalized", "ended_at": ended}
        return ActivationFactory(**{"customer": customer, "offer": offer, **state, **fields})

    return bought


def cap(offer, micros):
    Provider.objects.filter(pk=offer.provider_id).update(daily_cap_micros=micros)


def state(offer):
    return ProviderHealth.objects.get(provider=offer.provider).state


def test_open_and_billed_numbers_of_the_day_count_and_released_ones_do_not(bought, offer):
    for ended in (MIDNIGHT, NOW - timedelta(hours=3), NOW):
        bought(ended=ended)
    bought(ended=MIDNIGHT - timedelta(seconds=1))
    bought()
    bought(billed=True)
    bought(canceled=True)
    bought(offer=OfferFactory())
    for counted in (False, True):
        if counted:
            measure_due(NOW)
        cap(offer, 5 * COST + 1)
        check_caps(NOW)
        assert state(offer) == "ok"

        cap(offer, 5 * COST)
        check_caps(NOW)
        assert state(offer) == "spent"
        assert ProviderHealth.objects.get(provider=offer.provider).blocked_until == TOMORROW

    assert (
        sum(ProviderSpend.objects.filter(day="2026-03-10").values_list("cost_micros", flat=True)) == 2 * COST
    )


def test_it_begins_again_at_midnight_or_with_a_higher_cap(bought, offer):
    bought(ended=NOW)
    cap(offer, COST)
    check_caps(NOW)
    cap(offer, COST + 1)
    check_caps(NOW)
    assert state(offer) == "ok"

    cap(offer, COST)
    check_caps(NOW)
    measure_due(TOMORROW + timedelta(minutes=5))
    check_caps(TOMORROW)
    assert state(offer) == "ok"


def test_a_pause_outlasts_the_cap_and_ends_by_itself(bought, offer):
    health = ProviderHealth.objects.filter(provider=offer.provider)
    health.update(state="paused", blocked_until=NOW + timedelta(hours=1))
    bought(ended=NOW)
    cap(offer, COST)
    check_caps(NOW)
    assert state(offer) == "paused"

    check_caps(NOW + timedelta(hours=1))
    assert state(offer) == "spent"

    cap(offer, None)
    check_caps(NOW + timedelta(hours=1))
    assert state(offer) == "ok"


def test_a_tenants_cap_stops_that_tenant(bought, offer, customer):
    stranger = RoutingPolicy.objects.create(tenant=TenantFactory())
    own = RoutingPolicy.objects.create(tenant=customer.tenant)
    rules = [
        policy.rules.create(provider=offer.provider, daily_cap_micros=COST) for policy in (own, stranger)
    ]
    bought()
    check_caps(NOW)
    for rule in rules:
        rule.refresh_from_db()
    assert [rule.spent_until for rule in rules] == [TOMORROW, None]

    Activation.objects.update(activation_status="expired", billing_status="released", ended_at=NOW)
    check_caps(NOW)
    rules[0].refresh_from_db()
    assert rules[0].spent_until is None


def test_rents_and_extensions_of_the_day_count_less_what_came_back(customer, offer):
    rented = OfferFactory(provider=offer.provider, kind="rental", service__id="full", duration_hours=168)

    def paid(at, *, cost=COST, **rental):
        rental = RentalFactory(customer=customer, offer=rented, **rental)
        rental.terms.update(settled_at=at, cost_micros=cost)
        return rental

    paid(MIDNIGHT)
    paid(None)  # its answer is awaited
    paid(MIDNIGHT - timedelta(seconds=1))
    paid(NOW, cost_refund_micros=COST - 1)
    old = paid(MIDNIGHT - timedelta(days=3), cost_refund_micros=5 * COST)
    old.terms.create(tenant=old.tenant, number=2, hours=24, cost_micros=7, price_micros=7,
                     customer_price_micros=7, settled_at=NOW, state="released")  # fmt: skip
    cap(offer, 2 * COST + 2)
    check_caps(NOW)
    assert state(offer) == "ok"

    cap(offer, 2 * COST + 1)
    check_caps(NOW)
    assert state(offer) == "spent"


def test_an_order_is_refused_once_the_day_is_spent(shop, now):
    shop.order(now=now)
    Provider.objects.update(daily_cap_micros=1)
    check_caps(now)

    with pytest.raises(UpstreamUnavailable):
        shop.order(now=now)
