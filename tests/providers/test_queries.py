from datetime import UTC, datetime, timedelta

import pytest

from billing.prices import Rules
from providers.catalogue import load_catalogue, sync_offers
from providers.models import ProviderHealth, Service
from providers.queries import countries_for_sale, resting_providers, services_for_sale
from tests.providers.factories import make_offer, make_provider, make_tenant, plus, rule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant()


def services(tenant, *, rules=None, is_test=False, **facts):
    found = services_for_sale(tenant_id=tenant.pk, is_test=is_test, rules=rules or Rules(), now=NOW, **facts)
    return [(one.id, one.price_micros, one.stock, one.countries) for one in found]


def countries(tenant, *, service="telegram", rules=None, is_test=False):
    found = countries_for_sale(
        tenant_id=tenant.pk, is_test=is_test, service_id=service, rules=rules or Rules(), now=NOW
    )
    return [(one.id, one.price_micros, one.stock) for one in found]


def test_services_show_their_lowest_price_and_stock_in_one_query(tenant, django_assert_num_queries):
    pool = make_provider()
    make_offer(pool, cost_micros=123_000)
    make_offer(pool, cost_micros=99_000, country="de", count=3)
    make_offer(pool, cost_micros=50_000, country="de", count=0)
    make_offer(pool, cost_micros=500_000, service="whatsapp", physical_count=2)

    with django_assert_num_queries(1):
        found = services(tenant)
    assert found == [("telegram", 100_000, 13, 2), ("whatsapp", 500_000, 2, 1)]
    assert countries(tenant) == [("de", 100_000, 3), ("us", 130_000, 10)]


def test_prices_follow_the_rules_country_by_country(tenant):
    pool = make_provider()
    make_offer(pool, cost_micros=100_000)
    make_offer(pool, cost_micros=90_000, country="de")
    rules = Rules(
        platform=(rule("platform", country_id="de", fixed_micros=60_000), rule("platform")),
        tenant=(rule("tenant", fixed_micros=10_000),),
    )

    assert services(tenant, rules=rules) == [("telegram", 110_000, 20, 2)]
    assert services(tenant, rules=rules, to_customer=False) == [("telegram", 100_000, 20, 2)]
    assert countries(tenant, rules=rules) == [("de", 160_000, 10), ("us", 110_000, 10)]


def test_t3_what_another_tenant_or_nobody_sells_is_not_shown(tenant):
    make_offer(make_provider(tenant=make_tenant()), service="whatsapp")
    make_offer(make_provider(is_enabled=False), service="whatsapp")
    make_offer(make_provider(serves_live=False, serves_test=True), service="whatsapp", cost_micros=10_000)
    tripped = make_offer(make_provider(), service="whatsapp").provider
    ProviderHealth.objects.create(
        provider=tripped, state="degraded", blocked_until=NOW + timedelta(seconds=9)
    )
    make_offer(make_provider(), service="casino")
    Service.objects.filter(pk="casino").update(prohibited=True)
    make_offer(make_provider(tenant=tenant), cost_micros=20_000)

    assert services(tenant, rules=plus(5_000)) == [("telegram", 20_000, 10, 1)]
    assert services(tenant, is_test=True) == [("whatsapp", 10_000, 10, 1)]
    assert countries(tenant, service="casino") == []
    assert resting_providers(now=NOW) == {tripped.pk: NOW + timedelta(seconds=9)}


def test_the_whole_sandbox_is_for_sale(tenant, upstream):
    load_catalogue()
    sync_offers(upstream.provider(), NOW)

    assert len(services(tenant)) == 64
    assert len(countries(tenant)) == 64
