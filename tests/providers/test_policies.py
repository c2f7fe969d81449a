"""What a tenant's routing policy does to a choice, and what is kept of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from portal.errors import NoNumbers, UpstreamUnavailable
from providers import health
from providers.models import ProviderHealth, RouteSheet, RoutingPolicy
from providers.router import find_route
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant, plus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def policy(tenant):
    return RoutingPolicy.objects.create(tenant=tenant)


@pytest.fixture
def rule(policy):
    """A rule: provider (None: all), service and country (None: all), settings."""

    def rule(provider, *, service=None, country=None, **settings):
        return policy.rules.create(provider=provider, service_id=service, country_id=country, **settings)

    return rule


def route(tenant, *, now=NOW, **wish):
    return find_route(tenant_id=tenant.pk, is_test=False, wish=Wish(**wish), rules=plus(0), now=now)


def chosen(tenant, **wish):
    return [candidate.provider_id for candidate in route(tenant, **wish).candidates]


def left_out(tenant, **wish):
    return sorted((number, reason) for number, reason, _ in route(tenant, **wish).decision["rejected"])


def test_the_tenants_quality_factor_is_for_orders_that_name_none(tenant, policy):
    cheap = make_offer(make_provider(), cost_micros=100_000, quality=0.2)
    good = make_offer(make_provider(), cost_micros=200_000, quality=0.9)
    RoutingPolicy.objects.update(quality_factor=0)

    assert chosen(tenant) == [cheap.provider_id, good.provider_id]
    assert chosen(tenant, quality_factor=100.0) == [good.provider_id, cheap.provider_id]
    assert route(tenant).quality_factor == 0
    assert route(make_tenant()).quality_factor == 50


def test_the_most_particular_verdict_decides(tenant, rule):
    one, two = make_offer(make_provider()).provider, make_offer(make_provider()).provider
    rule(None, service="telegram", verdict="deny")
    with pytest.raises(NoNumbers):
        route(tenant)

    rule(one, verdict="allow")
    assert chosen(tenant) == [one.pk]
    assert left_out(tenant) == [(two.public_no, "denied")]

    rule(one, service="telegram", country="us", verdict="deny")
    rule(two, country="us", verdict="allow")
    assert chosen(tenant) == [two.pk]


def test_rules_of_other_pairs_and_other_tenants_do_not_count(tenant, rule):
    provider = make_offer(make_provider()).provider
    make_offer(provider, service="whatsapp", country="fr")
    rule(provider, service="whatsapp", verdict="deny")
    rule(provider, country="fr", verdict="deny")
    stranger = RoutingPolicy.objects.create(tenant=make_tenant(), quality_factor=0)
    stranger.rules.create(provider=provider, verdict="deny")

    assert chosen(tenant) == [provider.pk]
    assert route(tenant).quality_factor == 50


def test_a_boost_is_taken_off_the_score(tenant, rule):
    dear = make_offer(make_provider(), cost_micros=200_000).provider
    cheap = make_offer(make_provider(), cost_micros=100_000).provider
    rule(dear, boost_percent=24)
    assert chosen(tenant) == [cheap.pk, dear.pk]

    rule(dear, service="telegram", boost_percent=26)
    assert chosen(tenant) == [dear.pk, cheap.pk]
    assert [line[7] for line in route(tenant).decision["ranked"]] == [0.26, 0.0]


def test_a_route_below_the_least_success_is_left_out_once_it_is_known(tenant, policy, rule):
    poor, fine, new = (make_offer(make_provider()).provider for _ in range(3))
    RouteSheet.objects.create(service_id="telegram", country_id="us", figures=json.dumps(
        [[poor.pk, "", 20, 9, 60], [fine.pk, "", 20, 10, 60]]))  # fmt: skip
    RouteSheet.objects.create(service_id="", country_id="", figures=json.dumps([[new.pk, "", 19, 0, None]]))
    RoutingPolicy.objects.update(min_success_percent=50)

    assert sorted(chosen(tenant)) == sorted([fine.pk, new.pk])
    assert left_out(tenant) == [(poor.public_no, "unreliable")]

    rule(poor, min_success_percent=45)
    assert len(chosen(tenant)) == 3


def test_a_daily_cap_that_is_reached_stops_the_tenant_until_midnight(tenant, rule):
    provider, other = make_offer(make_provider()).provider, make_offer(make_provider()).provider
    rule(provider, daily_cap_micros=1, spent_until=NOW + timedelta(hours=12))

    assert chosen(tenant) == [other.pk]
    assert left_out(tenant) == [(provider.public_no, "spent")]
    assert provider.pk in chosen(tenant, now=NOW + timedelta(hours=12))
    assert provider.pk in chosen(make_tenant())


@pytest.mark.parametrize("settings", [
    {"boost_percent": 51}, {"boost_percent": -51}, {"min_success_percent": 101},
    {"daily_cap_micros": 1, "service": "telegram"}, {"daily_cap_micros": 1, "provider": None},
    {"daily_cap_micros": -1},
])  # fmt: skip
def test_rules_that_make_no_sense_are_refused(rule, settings):
    provider = make_offer(make_provider()).provider
    with pytest.raises(IntegrityError), transaction.atomic():
        rule(settings.pop("provider", provider), **settings)


def test_there_is_one_rule_for_a_provider_service_and_country(rule):
    rule(None, verdict="deny")
    with pytest.raises(IntegrityError), transaction.atomic():
        rule(None, boost_percent=1)


def test_the_lowest_price_is_kept_to(tenant):
    make_offer(make_provider(), cost_micros=99_999)
    offer = make_offer(make_provider(), cost_micros=100_000)

    assert chosen(tenant, min_price_micros=100_000) == [offer.provider_id]
    assert [reason for _, reason in left_out(tenant, min_price_micros=100_000)] == ["too_cheap"]


def test_what_another_weight_would_have_chosen_is_kept_beside_the_four_candidates(tenant):
    best = make_offer(make_provider(), cost_micros=900_000, quality=0.99)
    bargain = make_offer(make_provider(), cost_micros=400_000, quality=0.6)
    for number in range(10):
        make_offer(make_provider(), cost_micros=100_000 + number, quality=0.5)

    account = route(tenant, quality_factor=0).decision

    assert len(account["ranked"]) == 4
    assert [line[0] for line in account["others"]] == [bargain.pk, best.pk]
    assert (account["fitting"], account["dearest"], account["weight"]) == (12, 900_000, 0.0)


# --- paused by hand, stopped for the day ---


@pytest.fixture
def provider():
    return make_offer(make_provider()).provider


def state(provider):
    row = ProviderHealth.objects.get(provider=provider)
    return row.state, row.reason, row.blocked_until


def test_a_pause_ends_with_its_time_or_by_hand(tenant, provider):
    soon = NOW + timedelta(minutes=5)
    health.pause(provider.pk, until=soon, reason="prices look odd", now=NOW)
    assert state(provider) == ("paused", "prices look odd", soon)
    with pytest.raises(UpstreamUnavailable):
        route(tenant)
    assert chosen(tenant, now=soon) == [provider.pk]

    health.pause(provider.pk, until=None, reason="", now=NOW)
    with pytest.raises(UpstreamUnavailable):
        route(tenant, now=NOW + timedelta(days=400))

    health.resume(provider.pk, now=NOW)
    assert chosen(tenant) == [provider.pk]


def test_what_running_calls_come_to_neither_ends_nor_hides_a_pause(provider):
    health.pause(provider.pk, until=NOW + timedelta(hours=1), reason="", now=NOW)

    health.note_success(provider.pk, now=NOW)
    health.note_success(provider.pk, ordered=True, now=NOW)
    health.flag(provider.pk, "wrong_price", NOW)

    assert state(provider)[0] == "paused"
    health.note_success(provider.pk, now=NOW + timedelta(hours=1))
    assert state(provider)[0] == "ok"


def test_a_drained_provider_gets_nothing_new(tenant, provider):
    provider.is_enabled = False
    provider.save()
    other = make_offer(make_provider()).provider

    assert chosen(tenant) == [other.pk]
    assert left_out(tenant) == [(provider.public_no, "off")]
