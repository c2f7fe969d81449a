"""What the router remembers for a moment: whose, for which wish, and for how long."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from portal.errors import MaxPriceExceeded, NoNumbers, UnknownService, UpstreamUnavailable
from providers import routing_memory
from providers.contract import Banned, Unreachable
from providers.health import note_failure, note_success
from providers.listing_models import Listing
from providers.models import Offer, ProviderHealth
from providers.router import find_route
from providers.routing_models import RoutingPolicy, RoutingRule
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant, plus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAME_SECOND, NEXT_SECOND = NOW + timedelta(milliseconds=999), NOW + timedelta(seconds=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def remembering(settings):
    settings.ROUTES_REMEMBERED_SECONDS = 1
    routing_memory._latest = None
    yield
    routing_memory._latest = None


def offers(tenant, *, now=NOW, is_test=False, markup=0, **wish):
    found = find_route(tenant_id=tenant.pk, is_test=is_test, wish=Wish(**wish), rules=plus(markup), now=now)
    return [candidate.offer_id for candidate in found.candidates]


def test_orders_of_one_moment_ask_once_for_all_resellers(django_assert_num_queries):
    offer, resellers = make_offer(make_provider()), [make_tenant() for _ in range(5)]

    with django_assert_num_queries(2):  # what is in stock, and who sees something else
        for tenant in resellers:
            assert offers(tenant) == offers(tenant, now=SAME_SECOND) == [offer.pk]


def test_what_changed_counts_from_the_next_moment_on():
    tenant, offer = make_tenant(), make_offer(make_provider(), cost_micros=100_000)
    assert offers(tenant) == [offer.pk]
    cheaper = make_offer(make_provider(), cost_micros=50_000)
    Offer.objects.filter(pk=offer.pk).update(count=0)

    assert offers(tenant, now=SAME_SECOND) == [offer.pk]
    assert offers(tenant, now=NEXT_SECOND) == [cheaper.pk]


def test_nothing_is_remembered_where_that_is_off(settings, django_assert_num_queries):
    settings.ROUTES_REMEMBERED_SECONDS = 0
    tenant = make_tenant()
    make_offer(make_provider())

    with django_assert_num_queries(2):
        offers(tenant)
        offers(tenant)


def test_t1_an_own_account_is_seen_by_its_reseller_alone():
    shared = make_offer(make_provider(), cost_micros=100_000)
    owner, other = make_tenant(), make_tenant()
    own = make_offer(make_provider(tenant=owner), cost_micros=10_000)

    assert offers(other, quality_factor=0) == [shared.pk]
    assert offers(owner, quality_factor=0) == [own.pk, shared.pk]
    assert offers(other, quality_factor=0, now=SAME_SECOND) == [shared.pk]


def test_a_policy_is_its_resellers_alone():
    cheap = make_offer(make_provider(), cost_micros=100_000, quality=0.1)
    good = make_offer(make_provider(), cost_micros=200_000, quality=0.9)
    choosy, other, strict = make_tenant(), make_tenant(), make_tenant()
    RoutingPolicy.objects.create(tenant=choosy, quality_factor=100)
    policy = RoutingPolicy.objects.create(tenant=strict)
    RoutingRule.objects.create(policy=policy, provider=good.provider, verdict="deny")

    assert offers(other) == [good.pk, cheap.pk]
    assert offers(choosy) == [good.pk, cheap.pk]
    assert offers(strict) == [cheap.pk]


@pytest.mark.parametrize("is_twin", [False, True])
def test_what_a_reseller_switched_off_is_off_for_him_and_his_test_twin(is_twin):
    make_offer(make_provider(serves_test=True, serves_live=True))
    reseller, other = make_tenant(), make_tenant()
    Listing.objects.create(tenant=reseller, service_id="telegram", is_off=True)
    asking = make_tenant(live_tenant=reseller) if is_twin else reseller

    assert offers(other, is_test=is_twin)
    with pytest.raises(UnknownService):
        offers(asking, is_test=is_twin)


def test_other_wishes_see_other_shelves():
    real = make_offer(make_provider(), operator="o2")
    trial = make_offer(make_provider(serves_live=False, serves_test=True), operator="any")
    tenant = make_tenant()

    assert offers(tenant) == [real.pk]
    assert offers(tenant, is_test=True) == [trial.pk]
    assert offers(tenant, operator="o2") == [real.pk]
    for other in ({"operator": "vodafone"}, {"exclude_providers": [real.provider.public_no]},
                  {"capability": "voice"}, {"min_price_micros": 10**9}):  # fmt: skip
        with pytest.raises(NoNumbers):
            offers(tenant, **other)


def test_u6_a_provider_that_said_no_to_this_process_is_skipped_at_once(django_capture_on_commit_callbacks):
    tenant, offer = make_tenant(), make_offer(make_provider())
    assert offers(tenant) == [offer.pk]

    with django_capture_on_commit_callbacks(execute=True):
        note_failure(offer.provider_id, Banned("no"), NOW)
    with pytest.raises(UpstreamUnavailable):
        offers(tenant, now=SAME_SECOND)

    with django_capture_on_commit_callbacks(execute=True):
        note_success(offer.provider_id, ordered=True, now=NOW + timedelta(hours=1))
    assert offers(tenant, now=SAME_SECOND) == [offer.pk]


def test_u6_a_success_knows_of_the_failure_of_the_same_second(django_capture_on_commit_callbacks):
    tenant, offer = make_tenant(), make_offer(make_provider())

    def was_failing():
        found = find_route(tenant_id=tenant.pk, is_test=False, wish=Wish(), rules=plus(0), now=SAME_SECOND)
        return found.candidates[0].was_failing

    assert not was_failing()
    with django_capture_on_commit_callbacks(execute=True):
        note_failure(offer.provider_id, Unreachable("away"), NOW)
    assert was_failing()
    with django_capture_on_commit_callbacks(execute=True):
        note_success(offer.provider_id, ordered=True, now=NOW)
    assert not was_failing()


def test_u6_who_comes_with_old_news_asks_a_provider_that_is_well_again():
    tenant, offer = make_tenant(), make_offer(make_provider())
    ProviderHealth.objects.create(provider=offer.provider, state="degraded", failures=5, blocked_until=NOW)
    found = find_route(tenant_id=tenant.pk, is_test=False, wish=Wish(), rules=plus(0), now=SAME_SECOND)
    ProviderHealth.objects.update(state="ok", failures=0, blocked_until=None)

    assert found.candidates[0].needs_probe
    assert found.candidates[0].may_be_asked(SAME_SECOND)


def test_one_time_that_is_used_for_long_sees_what_changed_meanwhile(monkeypatch):
    clock = itertools.count(step=2)
    monkeypatch.setattr(routing_memory, "monotonic", lambda: next(clock))
    tenant, offer = make_tenant(), make_offer(make_provider())
    assert offers(tenant) == [offer.pk]
    cheaper = make_offer(make_provider(), cost_micros=10_000)

    assert {tuple(offers(tenant, quality_factor=0)) for _ in range(3)} == {(cheaper.pk, offer.pk)}


def test_who_lives_in_an_earlier_moment_displaces_nobody(django_assert_num_queries):
    make_offer(make_provider())
    tenant = make_tenant()
    offers(tenant, now=NEXT_SECOND)

    with django_assert_num_queries(3):
        for _ in range(3):
            offers(tenant, now=NOW)
            offers(tenant, now=NEXT_SECOND)


def test_the_choice_is_made_anew_for_another_taste_and_other_prices():
    cheap = make_offer(make_provider(), cost_micros=100_000, quality=0.1)
    good = make_offer(make_provider(), cost_micros=200_000, quality=0.9)
    tenant = make_tenant()

    assert offers(tenant, quality_factor=0) == [cheap.pk, good.pk]
    assert offers(tenant, quality_factor=100) == [good.pk, cheap.pk]
    assert offers(tenant, max_price_micros=150_000) == [cheap.pk]
    assert offers(tenant, min_price_micros=150_000) == [good.pk]
    assert offers(tenant, markup=60_000, max_price_micros=250_000) == [cheap.pk]
    with pytest.raises(MaxPriceExceeded):
        offers(tenant, markup=60_000, max_price_micros=150_000)
    assert offers(tenant, quality_factor=0, caps_at_suggested=True) == [cheap.pk, good.pk]


def test_a_moment_keeps_no_more_than_its_share(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(routing_memory, "KEPT_MOST", 2)
    make_offer(make_provider())
    tenant = make_tenant()
    offers(tenant)
    offers(tenant, quality_factor=1)

    with django_assert_num_queries(0):
        offers(tenant)
        offers(tenant, quality_factor=1)
    with django_assert_num_queries(2):
        offers(tenant, operator="any,o2")
        offers(tenant, operator="any,o2")


def test_nothing_outlives_its_moment():
    make_offer(make_provider())
    tenant = make_tenant()
    offers(tenant)
    earlier = routing_memory._latest
    offers(tenant, now=NEXT_SECOND)

    assert routing_memory._latest is not earlier
