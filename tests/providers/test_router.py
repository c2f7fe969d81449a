import json
from datetime import UTC, datetime, timedelta

import pytest

from activations.wish import RentalWish
from billing.prices import Rules
from portal.errors import (
    MaxPriceExceeded,
    NoNumbers,
    ServiceProhibited,
    UnknownCountry,
    UnknownService,
    UpstreamUnavailable,
)
from providers.contract import Unreachable
from providers.health import note_failure
from providers.models import Offer, Provider, ProviderHealth, RouteSheet, Service
from providers.router import find_rental_route, find_route
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


def lines(provider, count, **fields):
    """So many lines of a provider, each a micro-dollar dearer than the one before."""
    first = fields.pop("cost_micros", 1_000)
    one = make_offer(provider, cost_micros=first, **fields)
    copies = range(1, count)
    Offer.objects.bulk_create(
        Offer(
            **{name: getattr(one, name) for name in COPIED}, cost_micros=first + n, upstream_ref=f"line-{n}"
        )
        for n in copies
    )


COPIED = (
    "provider_id", "kind", "service_id", "country_id", "operator", "quality", "count", "capabilities",
    "upstream_service", "upstream_country", "duration_hours",
)  # fmt: skip


def trouble(provider, **fields):
    ProviderHealth.objects.create(provider=provider, **fields)


@pytest.mark.parametrize(
    ("fields", "spoil", "wish", "reason"),
    [
        ({"is_enabled": False}, None, {}, "off"),
        ({}, {"state": "out_of_funds"}, {}, "out_of_funds"),
        ({}, {"state": "degraded", "blocked_until": NOW + timedelta(seconds=1)}, {}, "tripped"),
        ({"public_no": 900}, None, {"exclude_providers": (900,)}, "excluded"),
        ({}, None, {"include_providers": (901,)}, "not_included"),
        ({}, None, {"operator": "direct"}, "operator"),
        ({}, None, {"min_price_micros": 90_000}, "too_cheap"),
    ],
)
def test_u6_two_hundred_cheap_lines_that_cannot_be_bought_hide_nobody(tenant, fields, spoil, wish, reason):
    cheap = make_provider(**fields)
    lines(cheap, 250)
    if spoil:
        trouble(cheap, **spoil)
    other = make_offer(make_provider(public_no=901), operator="direct")

    found = route(tenant, **wish)

    assert offers_of(found) == [other.pk]
    assert found.decision["rejected"] == [[cheap.public_no, reason, 250]]


def test_u6_the_dear_lines_of_a_provider_are_found_behind_its_cheap_ones_of_another_operator(tenant):
    provider = make_provider()
    lines(provider, 250)
    dear = make_offer(provider, operator="direct")

    assert offers_of(route(tenant, operator="at&t,direct")) == [dear.pk]
    assert offers_of(route(tenant, min_price_micros=100_000)) == [dear.pk]
    own = make_provider(tenant=tenant)
    lines(own, 250)
    mine = make_offer(own, cost_micros=90_001)
    found = route(tenant, min_price_micros=100_000, quality_factor=0)
    assert sorted(offers_of(found)) == sorted([dear.pk, mine.pk])  # a whole cent is what it costs him


def test_u6_a_provider_of_many_lines_leaves_room_for_the_others(tenant):
    for number in range(3):
        lines(make_provider(), 250, cost_micros=1_000 * (number + 1), quality=0.1)
    good = make_offer(make_provider(), cost_micros=300_000, quality=0.9)

    found = route(tenant, quality_factor=100)

    assert offers_of(found)[0] == good.pk
    assert found.decision["fitting"] == 200


def test_u6_rentals_of_a_provider_that_is_off_hide_nobody(tenant):
    off = make_provider(is_enabled=False)
    lines(off, 250, kind="rental", duration_hours=24)
    on = make_offer(make_provider(), kind="rental", duration_hours=24)

    found = find_rental_route(
        tenant_id=tenant.pk,
        is_test=False,
        wish=RentalWish("telegram", "us", 24),
        rules=Rules(),
        now=NOW,
    )
    assert offers_of(found) == [on.pk]
    assert found.decision["rejected"] == [[off.public_no, "off", 1]]


def test_u12_ranking_takes_no_probe_and_leaves_room_beside_the_providers_that_need_one(tenant):
    for number in range(5):
        doubtful = make_provider()
        note_failure(doubtful.pk, Unreachable(), NOW - timedelta(minutes=5), times=5)
        lines(doubtful, 2, cost_micros=1_000 + number)
    sound = [make_offer(make_provider(), cost_micros=10_000 + number).pk for number in range(5)]

    for _ in range(2):
        found = route(tenant, quality_factor=0)
        assert [one.needs_probe for one in found.candidates] == [True] * 5 + [False] * 4
        assert offers_of(found)[5:] == sound[:4]
        assert [row[1:] for row in found.decision["rejected"]] == [["tripped", 1]] * 5
    trial = found.candidates[0]
    assert [trial.may_be_asked(NOW), trial.may_be_asked(NOW), found.candidates[5].may_be_asked(NOW)] == [
        True,
        False,
        True,
    ]


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
