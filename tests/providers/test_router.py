import json
from datetime import UTC, datetime, timedelta

import pytest

from portal.errors import (
    MaxPriceExceeded,
    NoNumbers,
    ServiceProhibited,
    UnknownCountry,
    UnknownService,
    UpstreamUnavailable,
)
from providers.models import Provider, ProviderHealth, RouteSheet, Service
from providers.router import find_route
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant, plus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant()


def route(tenant, *, markup=0, is_test=False, **wish):
    return find_route(tenant_id=tenant.pk, is_test=is_test, wish=Wish(**wish), rules=plus(markup), now=NOW)


def offers_of(found):
    return [candidate.offer_id for candidate in found.candidates]


def test_quality_factor_weighs_price_against_quality(tenant):
    provider = make_provider()
    cheap = make_offer(provider, cost_micros=100_000, quality=0.2)
    good = make_offer(provider, cost_micros=200_000, quality=0.9)
    unknown = make_offer(provider, cost_micros=150_000)

    assert offers_of(route(tenant, quality_factor=0)) == [cheap.pk, unknown.pk, good.pk]
    assert offers_of(route(tenant, quality_factor=100)) == [good.pk, unknown.pk, cheap.pk]
    assert offers_of(route(tenant, quality_factor=50)) == [good.pk, unknown.pk, cheap.pk]  # .55 .625 .65
    assert route(tenant, quality_factor=0).suggested_micros == 200_000


def test_a_tie_goes_to_the_provider_with_the_lower_priority(tenant):
    late = make_offer(make_provider(priority=200))
    early = make_offer(make_provider(priority=10))

    assert offers_of(route(tenant)) == [early.pk, late.pk]


def test_at_most_four_candidates_in_one_query(tenant, django_assert_num_queries):
    for cost in range(1, 8):
        make_offer(make_provider(), cost_micros=cost * 10_000)
    with django_assert_num_queries(1):
        found = route(tenant, quality_factor=0)

    assert [candidate.cost_micros for candidate in found.candidates] == [10_000, 20_000, 30_000, 40_000]
    assert found.decision["fitting"] == 7
    assert [row[2] for row in found.decision["ranked"]] == [10_000, 20_000, 30_000, 40_000]


def test_a_candidate_can_order_without_asking_the_database(tenant, django_assert_num_queries):
    provider = make_provider(base_url="http://127.0.0.1:9/", options={"a": 1})
    make_offer(provider, operator="direct", upstream_ref="t1")
    [candidate] = route(tenant).candidates

    with django_assert_num_queries(0):
        account = candidate.adapter.account
    assert (account.base_url, account.secret, account.options) == (
        "http://127.0.0.1:9",
        provider.secret,
        {"a": 1},
    )
    assert provider.secret not in repr(candidate)


def test_the_price_cap_is_in_tenant_price(tenant):
    offer = make_offer(make_provider(), cost_micros=100_000)
    dear = make_offer(make_provider(), cost_micros=300_000, quality=1.0)

    found = route(tenant, markup=50_000, max_price_micros=150_000)
    assert offers_of(found) == [offer.pk]
    assert (found.candidates[0].price_micros, found.cheapest_above_micros) == (150_000, 350_000)
    assert found.decision["rejected"] == [[dear.provider.public_no, "too_dear", 1]]

    with pytest.raises(MaxPriceExceeded) as refusal:
        route(tenant, markup=50_000, max_price_micros=149_999)
    assert refusal.value.extra["suggested_micros"] == 150_000


@pytest.mark.parametrize("quality_factor", [0, 50, 100])
def test_u8_above_the_cap_the_nearest_price_is_named_whatever_is_best(tenant, quality_factor):
    for cost, quality in ((140_000, 0.1), (190_000, 0.9), (310_000, 1.0)):
        make_offer(make_provider(), cost_micros=cost, quality=quality)

    with pytest.raises(MaxPriceExceeded) as refusal:
        route(tenant, max_price_micros=130_000, quality_factor=quality_factor)

    assert refusal.value.extra["suggested_micros"] == 140_000


def test_rt_21_where_the_suggested_price_is_the_cap_nothing_dearer_is_tried(tenant):
    fair = make_offer(make_provider(), cost_micros=190_000, quality=0.9)
    dear = make_offer(make_provider(), cost_micros=310_000, quality=1.0)

    assert offers_of(route(tenant, quality_factor=100)) == [dear.pk, fair.pk]
    assert offers_of(route(tenant, quality_factor=100, caps_at_suggested=True)) == [fair.pk]
    bound = route(tenant, quality_factor=100, caps_at_suggested=True, max_price_micros=400_000)
    assert offers_of(bound) == [dear.pk, fair.pk]


def test_u6_providers_in_trouble_are_skipped_with_the_reason(tenant):
    state = ProviderHealth.State
    later, before = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
    for name, until in [
        (state.OUT_OF_FUNDS, None),
        (state.BAD_CREDENTIALS, later),
        (state.BANNED, later),
        (state.DEGRADED, later),
    ]:
        ProviderHealth.objects.create(
            provider=make_offer(make_provider()).provider, state=name, blocked_until=until
        )
    with pytest.raises(UpstreamUnavailable):
        route(tenant)
    make_offer(make_provider(is_enabled=False))
    with pytest.raises(NoNumbers):
        route(tenant)

    again = make_offer(make_provider())
    ProviderHealth.objects.create(
        provider=again.provider, state=state.DEGRADED, failures=6, blocked_until=before
    )
    found = route(tenant)
    assert offers_of(found) == [again.pk]
    assert found.candidates[0].was_failing
    assert {row[1] for row in found.decision["rejected"]} == {
        "off",
        "out_of_funds",
        "bad_credentials",
        "banned",
        "tripped",
    }


def test_wishes_narrow_the_choice(tenant):
    first, second = make_provider(), make_provider()
    one = make_offer(first, operator="direct")
    two = make_offer(second, capabilities=["sms", "voice"])

    assert offers_of(route(tenant, operator="direct")) == [one.pk]
    assert offers_of(route(tenant, capability="voice")) == [two.pk]
    assert offers_of(route(tenant, include_providers=(first.public_no,))) == [one.pk]
    assert offers_of(route(tenant, exclude_providers=(first.public_no,))) == [two.pk]
    with pytest.raises(NoNumbers):
        route(tenant, operator="nobody")


def test_t1_another_tenants_provider_is_never_a_candidate(tenant):
    stranger = make_tenant()
    own = make_offer(make_provider(tenant=tenant), cost_micros=100_001)
    make_offer(make_provider(tenant=stranger))
    pool = make_offer(make_provider(), cost_micros=100_000)

    found = route(tenant, markup=500_000, quality_factor=0)
    assert offers_of(found) == [own.pk, pool.pk]
    assert [(c.is_own, c.price_micros) for c in found.candidates] == [(True, 110_000), (False, 600_000)]


def test_test_and_live_are_served_by_different_providers(tenant):
    live = make_offer(make_provider())
    test = make_offer(make_provider(serves_test=True, serves_live=False))

    assert offers_of(route(tenant)) == [live.pk]
    assert offers_of(route(tenant, is_test=True)) == [test.pk]


def test_what_does_not_exist_or_may_not_be_sold(tenant):
    make_offer(make_provider(), count=0)
    make_offer(make_provider(), physical_count=0)
    Service.objects.create(pk="casino", name="Casino", prohibited=True)

    with pytest.raises(NoNumbers):
        route(tenant)
    with pytest.raises(UnknownService):
        route(tenant, service_id="nothing")
    with pytest.raises(UnknownCountry):
        route(tenant, country_id="xx")
    with pytest.raises(ServiceProhibited):
        route(tenant, service_id="casino")


def test_s5_a_secret_that_no_key_opens_leaves_the_others_working(tenant):
    locked = make_provider()
    Provider.objects.filter(pk=locked.pk).update(secret_encrypted=b"gAAAAABnothing")
    make_offer(locked, cost_micros=1)
    with pytest.raises(UpstreamUnavailable):
        route(tenant)
    other = make_offer(make_provider())

    found = route(tenant)
    assert offers_of(found) == [other.pk]
    assert found.decision["rejected"] == [[locked.public_no, "secret_unreadable", 1]]


def measured(*samples, service="telegram", country="us"):
    """A sheet of (offer, orders, codes[, operator])."""
    figures = [[offer.provider_id, *(operator or [""]), orders, codes, 60]
               for offer, orders, codes, *operator in samples]  # fmt: skip
    RouteSheet.objects.create(service_id=service, country_id=country, figures=json.dumps(figures))


def test_what_our_own_orders_showed_outweighs_what_a_provider_says(tenant):
    boasts = make_offer(make_provider(), quality=0.9)
    modest = make_offer(make_provider(), quality=0.5)
    measured((boasts, 980, 98), (modest, 980, 784))

    found = route(tenant)

    assert offers_of(found) == [modest.pk, boasts.pk]
    assert [candidate.quality for candidate in found.candidates] == [0.794, 0.116]
    assert [row[4:] for row in found.decision["ranked"]] == [
        [100_000, 0.794, 980, 0.0],
        [100_000, 0.116, 980, 0.0],
    ]


def test_the_narrowest_figure_is_used(tenant):
    offer = make_offer(make_provider(), quality=0.5, operator="direct")
    seen = []
    for sheet in [
        {"service": "", "country": ""},
        {"service": ""},
        {},
    ]:
        measured((offer, 20, 5 * len(seen)), **sheet)
        seen.append(route(tenant).candidates[0].quality)
    RouteSheet.objects.filter(service_id="telegram").delete()
    measured((offer, 20, 0), (offer, 20, 20, "direct"), (offer, 20, 10, "other"))
    seen.append(route(tenant).candidates[0].quality)

    assert seen == [0.25, 0.375, 0.5, 0.75]


def test_another_pairs_or_providers_figures_are_not_used(tenant):
    offer = make_offer(make_provider(), quality=0.7)
    measured((offer, 100, 0), service="whatsapp")
    measured((offer, 100, 0), country="fr")
    measured((make_offer(make_provider(), quality=0.1), 100, 0))

    best = route(tenant).candidates[0]
    assert (best.offer_id, best.quality) == (offer.pk, 0.7)
