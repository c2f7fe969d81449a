"""On which terms a contract sells, and what it shows as stock (onlinesim.md 4, 5, 10)."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from activations.models import Activation, Sale
from api import shelf
from providers.models import Offer, ProviderHealth, RoutingPolicy
from tests.api.onlinesim.conftest import price
from tests.factories import CountryFactory, OfferFactory, ServiceFactory, TenantFactory, fund

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = {"status": "NO_NUMBERS"}


def test_t6_a_suspended_reseller_sells_nothing_but_settles(marketplace, shop):
    number = marketplace.order()["activationId"]
    tenant = marketplace.contract.tenant
    tenant.status = "suspended"
    tenant.save()
    assert marketplace.order() == NOTHING
    assert marketplace.services() == {"countryList": [], "status": "SUCCESS"}
    assert marketplace.finish(number, 3) == {"status": "SUCCESS"}
    assert marketplace.income() == 500_000


def test_it_is_sold_only_when_the_sum_covers_cost_and_margin(make_marketplace, shop):
    marketplace = make_marketplace(least_margin_micros=100_000)
    cents = -(-shop.offer.cost_micros // 10_000)  # without a rule the price is the cost in whole cents
    least = (cents + 10) * 80 / 100
    assert marketplace.order(sum=least - 0.01) == NOTHING
    assert marketplace.order(sum=0) == NOTHING
    assert not Activation.objects.exists(), "our provider was not even asked"
    assert marketplace.order(sum=least)["status"] == "SUCCESS"
    assert marketplace.order(sum=least, currency=840)["status"] == "SUCCESS", "80 times as much"
    assert marketplace.order(sum=least / 80, currency="840")["status"] == "SUCCESS"
    assert marketplace.order(sum=least / 80, currency=643) == NOTHING


def test_an_agreed_price_is_the_least(marketplace, shop):
    price(marketplace, 50)
    price(marketplace, 30, service="telegram")
    assert marketplace.order(sum=29) == NOTHING
    assert marketplace.order(sum=30)["status"] == "SUCCESS"
    price(marketplace, 45, service="telegram", country="us")
    assert marketplace.order(sum=44) == NOTHING


def test_countries_of_the_contract(make_marketplace, shop):
    assert make_marketplace(countries=["de"]).order() == NOTHING
    assert make_marketplace(countries=["us", "de"]).order()["status"] == "SUCCESS"


@pytest.mark.parametrize("members", [{"country": "atlantis"}, {"service": "nothing"}, {"country": "germany"}])
def test_what_we_do_not_know_or_have_are_no_numbers(marketplace, shop, members):
    assert marketplace.order(**members) == NOTHING


def test_our_ids_are_understood_too_and_a_contracts_own_words_first(marketplace, shop):
    assert marketplace.order(country="US", service="Telegram")["status"] == "SUCCESS"
    marketplace.contract.codes.create(
        tenant=marketplace.contract.tenant, kind="service", code="tg_messenger", canonical_id="telegram"
    )
    assert marketplace.order(service="tg_messenger")["status"] == "SUCCESS"
    assert "tg_messenger" in marketplace.services()["countryList"][0]["operatorMap"]["any"]


@pytest.mark.parametrize("prefixes", [[1212], ["1212"], ["+1212"], [999, 12]])
def test_excluded_prefixes_are_not_issued(marketplace, shop, prefixes):
    assert marketplace.order(exceptionPhoneSet=prefixes) == NOTHING
    assert marketplace.order(exceptionPhoneSet=[46950, "33"])["status"] == "SUCCESS"


def test_an_empty_wallet_has_no_numbers(marketplace, shop):
    fund(tenant=marketplace.contract.tenant, micros=-10_000_000_000)
    assert marketplace.order() == NOTHING
    assert marketplace.services()["countryList"] == []


def test_a_days_cap(make_marketplace, shop):
    marketplace = make_marketplace(daily_cap=2)
    first = marketplace.order()["activationId"]
    marketplace.finish(first, 4)
    assert marketplace.order()["status"] == "SUCCESS"
    assert marketplace.order() == NOTHING
    assert stock(marketplace) == {}
    Sale.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert marketplace.order()["status"] == "SUCCESS", "a new day"


# --- stock ---


def stock(marketplace, path="/getServices"):
    cache.clear()
    answer = marketplace.services(path)
    assert answer.pop("status") == "SUCCESS"
    return {one["country"]: one["operatorMap"] for one in answer["countryList"]}


def test_stock_is_what_can_be_honoured(marketplace, shop):
    assert stock(marketplace) == {"usa": {"any": {"telegram": 10, "rent": 10}}}
    Offer.objects.filter(pk=shop.offer.pk).update(count=3)
    assert stock(marketplace)["usa"]["any"]["telegram"] == 3
    Offer.objects.filter(pk=shop.offer.pk).update(physical_count=2)
    assert stock(marketplace)["usa"]["any"]["telegram"] == 2
    Offer.objects.filter(pk=shop.offer.pk).update(count=0)
    assert stock(marketplace) == {"usa": {"any": {"rent": 10}}}


@pytest.mark.parametrize("path", ["/getServices", "/getServicesRent"])
def test_a_days_cap_leaves_no_more_than_its_rest(make_marketplace, shop, path):
    marketplace = make_marketplace(daily_cap=3)
    marketplace.order()
    assert set(stock(marketplace, path)["usa"]["any"].values()) == {2}


def test_stock_is_what_the_reseller_can_pay(make_marketplace, shop):
    marketplace = make_marketplace(rent_hours=0)
    price_micros = -(-shop.offer.cost_micros // 10_000) * 10_000
    fund(tenant=marketplace.contract.tenant, micros=3 * price_micros - 10_000_000_000)
    assert stock(marketplace) == {"usa": {"any": {"telegram": 3}}}
    assert [marketplace.order()["status"] for _ in range(4)] == ["SUCCESS"] * 3 + ["NO_NUMBERS"]


def test_stock_is_what_the_reseller_may_have_open(make_marketplace, shop):
    marketplace = make_marketplace(tenant=TenantFactory(max_active=2))
    marketplace.order()
    assert stock(marketplace) == {"usa": {"any": {"telegram": 1, "rent": 2}}}
    assert [marketplace.order()["status"] for _ in range(2)] == ["SUCCESS", "NO_NUMBERS"]
    assert stock(marketplace) == {"usa": {"any": {"rent": 2}}}


def test_stock_follows_the_resellers_routing_policy(marketplace, shop):
    policy = RoutingPolicy.objects.create(tenant=marketplace.contract.tenant)
    rule = policy.rules.create(provider=shop.provider, service_id="telegram", verdict="deny")
    assert stock(marketplace) == {"usa": {"any": {"rent": 10}}}
    assert marketplace.order() == NOTHING
    rule.verdict, rule.service, rule.daily_cap_micros = "", None, 1
    rule.spent_until = timezone.now() + timedelta(hours=1)
    rule.save()
    assert stock(marketplace) == {}
    rule.delete()
    assert stock(marketplace) == {"usa": {"any": {"telegram": 10, "rent": 10}}}


def test_stock_is_remembered(marketplace, shop, monkeypatch):
    monkeypatch.setattr(shelf, "REMEMBERED_SECONDS", 600)  # 20 are few on a busy machine
    before = marketplace.services()
    Offer.objects.all().delete()
    assert marketplace.services() == before
    assert stock(marketplace) == {}


def test_safety_share_and_most(make_marketplace, shop):
    Offer.objects.filter(pk=shop.offer.pk).update(count=9)
    marketplace = make_marketplace(stock_percent=50, rent_hours=0)
    assert stock(marketplace) == {"usa": {"any": {"telegram": 4}}}
    assert stock(make_marketplace(stock_most=2, rent_hours=0)) == {"usa": {"any": {"telegram": 2}}}


def test_what_an_agreed_price_does_not_cover_is_not_promised(make_marketplace, shop):
    marketplace = make_marketplace(rent_hours=0)
    cost = shop.offer.cost_micros * 80 / 1_000_000
    line = price(marketplace, round(cost - 0.01, 2))
    assert stock(marketplace) == {}
    line.least_sum = round(cost + 1, 2)
    line.save()
    assert stock(marketplace) == {"usa": {"any": {"telegram": 10}}}


@pytest.mark.parametrize("lists_any", [True, False])
def test_operators_with_and_without_any(make_marketplace, shop, lists_any):
    marketplace = make_marketplace(lists_any=lists_any, rent_hours=0)
    facts = {"provider": shop.provider, "service": shop.offer.service, "country": shop.offer.country}
    for name, count in (("verizon", 2), ("telekom", 3)):
        OfferFactory(**facts, operator=name, count=count, upstream_ref=name)
    Offer.objects.filter(pk=shop.offer.pk).update(count=1)
    expected = {"verizon": {"telegram": 2}, "telekom": {"telegram": 3}}
    if lists_any:
        expected["any"] = {"telegram": 6}
    assert stock(marketplace) == {"usa": expected}


def test_stock_is_of_the_contracts_countries_and_of_providers_that_sell(make_marketplace, shop):
    facts = {"provider": shop.provider, "country": CountryFactory(id="de")}
    OfferFactory(**facts, service=ServiceFactory(id="telegram"), upstream_ref="d")
    assert set(stock(make_marketplace())) == {"usa", "germany"}
    assert set(stock(make_marketplace(countries=["de"]))) == {"germany"}
    ProviderHealth.objects.create(provider=shop.provider, state="out_of_funds")
    assert stock(make_marketplace()) == {}


def test_the_rent_address_lists_rentals_alone(marketplace, shop):
    assert stock(marketplace, "/getServicesRent") == {"usa": {"any": {"rent": 10}}}
