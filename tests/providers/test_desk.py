"""What a provider's page tells of funds, stock, success and prices."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.catalogue.due import ask_for_sync, sync_due
from providers.desk import days_left, days_until, prices_of, stock_of, success_of, with_funds
from providers.models import CatalogueSync, OfferDay, Provider, ProviderSpend, RouteOutcome, RouteQuality
from tests.providers.factories import make_offer, make_provider, make_tenant

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOW.date()
pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    return make_provider()


def row(provider):
    return with_funds(Provider.objects.select_related("sync"), now=NOW).get(pk=provider.pk)


def spend(provider, days_ago, micros, tenant=None):
    ProviderSpend.objects.create(
        provider=provider, tenant=tenant or make_tenant(), day=TODAY - timedelta(days=days_ago),
        cost_micros=micros,
    )  # fmt: skip


def fund(provider, micros):
    CatalogueSync.objects.create(provider=provider, balance_micros=micros, balance_at=NOW)


def test_funds_last_as_long_as_the_last_seven_days_say(provider):
    fund(provider, 30_000_000)
    spend(provider, 6, 50_000_000)
    spend(provider, 0, 15_000_000)
    spend(provider, 0, 5_000_000)
    spend(provider, 7, 999_000_000)
    spend(make_provider(), 1, 999_000_000)

    assert row(provider).spent_micros == 70_000_000
    assert days_left(row(provider), now=NOW) == 3.0


def test_of_a_new_account_only_its_days_count(provider):
    fund(provider, 30_000_000)
    spend(provider, 1, 10_000_000)

    assert days_left(row(provider), now=NOW) == 6.0


@pytest.mark.parametrize("micros", [None, 5_000_000])
def test_nothing_is_guessed(provider, micros):
    assert days_left(row(provider), now=NOW) is None
    fund(provider, micros)
    if micros is None:
        spend(provider, 1, 10_000_000)
    assert days_left(row(provider), now=NOW) is None


def test_an_overdrawn_account_lasts_no_day(provider):
    fund(provider, -5_000_000)
    spend(provider, 1, 10_000_000)
    assert days_left(row(provider), now=NOW) == 0.0


def test_the_list_is_one_query(provider, django_assert_num_queries):
    for _ in range(3):
        fund(make_provider(), 1_000_000)
    RouteQuality.objects.create(
        provider=provider, orders=8, codes=6, median_seconds=9, p90_seconds=30, due_at=NOW
    )
    RouteQuality.objects.create(provider=provider, service_id="telegram", orders=1, codes=0, due_at=NOW)

    with django_assert_num_queries(1):
        rows = list(with_funds(Provider.objects.select_related("sync", "health"), now=NOW).order_by("pk"))
        assert [days_left(one, now=NOW) for one in rows] == [None] * 4
    assert (rows[0].measured_success, rows[0].measured_median, rows[1].measured_success) == (0.75, 9, None)


def test_stock_counts_what_can_be_bought(provider):
    make_offer(provider, count=10, physical_count=3)
    make_offer(provider, service="whatsapp", country="de", count=5)
    make_offer(provider, count=0)
    make_offer(provider, count=4, physical_count=0)
    make_offer(make_provider(), count=100)

    stock = stock_of(provider.pk)
    assert (stock.offers, stock.numbers, stock.services, stock.countries) == (2, 8, 2, 2)


def outcome(provider, days_ago, wait, orders, **pair):
    RouteOutcome.objects.create(
        provider=provider, day=TODAY - timedelta(days=days_ago), wait=wait, orders=orders, **pair
    )


def test_success_by_day(provider):
    outcome(provider, 1, 3, 6)
    outcome(provider, 1, -1, 2)
    outcome(provider, 0, 5, 1)
    outcome(provider, 1, 5, 50, service_id="telegram")

    found = success_of(provider.pk, days=days_until(NOW, count=3))
    assert [(one.orders, one.codes) for one in found] == [(0, 0), (8, 6), (1, 1)]


def change(offer, days_ago, low, last, count=5):
    OfferDay.objects.create(
        offer=offer, day=TODAY - timedelta(days=days_ago), low_micros=low, high_micros=max(low, last),
        cost_micros=last, count=count,
    )  # fmt: skip


def test_prices_of_what_is_sold_most_with_the_days_between(provider):
    for orders, service in ((3, "telegram"), (9, "whatsapp")):
        outcome(provider, 1, 3, orders, service_id=service, country_id="us")
    first, second = make_offer(provider), make_offer(provider)
    change(first, 50, 300, 300)
    change(first, 2, 200, 250)
    change(second, 3, 280, 280)
    change(second, 1, 280, 280, count=0)

    whatsapp, telegram = prices_of(provider.pk, days=days_until(NOW, count=5))
    assert (whatsapp.service_id, list(whatsapp.micros)) == ("whatsapp", [None] * 5)
    assert (telegram.service_id, list(telegram.micros)) == ("telegram", [300, 280, 200, 250, 250])


@pytest.mark.django_db(transaction=True)
def test_the_balance_is_asked_with_the_price_list(upstream):
    provider = upstream.provider(sync_seconds=300)
    ask_for_sync([provider.pk], now=NOW)

    sync_due(lambda: NOW)

    sync = CatalogueSync.objects.get(provider=provider)
    assert sync.balance_at == NOW
    assert sync.balance_micros > 0
