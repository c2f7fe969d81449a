"""Countries, services and prices of rentverify (docs/protocols/rentverify.md 3)."""

import pytest

from tests.factories import CountryFactory, OfferFactory, PriceRuleFactory, ProviderFactory, ServiceFactory

pytestmark = pytest.mark.django_db


def test_countries_and_services_are_those_with_something_on_sale(verifier, shelf):
    assert verifier.ask("getCountries") == (200, [{"id": "usa", "name": "USA"}])
    services = [{"code": "tg", "name": "Telegram"}, {"code": "whatsapp", "name": "WhatsApp"}]
    assert verifier.ask("getServices", country="usa") == (200, services)
    assert verifier.ask("getServices", country="in") == (200, [])


def test_prices_name_the_cheapest_offer_and_what_is_left_at_it(verifier, shelf):
    status, found = verifier.ask("getPrices")
    ids = {code: entry.pop("price_id") for code, entry in found["usa"].items()}
    assert (status, found) == (200, {"usa": {
        "tg": {"price": 0.3, "available": 4},
        "whatsapp": {"price": 0.7, "available": 2},
    }})  # fmt: skip
    assert len(set(ids.values())) == 2
    assert '"price":0.30,' in verifier.last.content.decode(), "two decimals"


def test_prices_of_equal_offers_of_one_provider_add_up(verifier, shelf):
    telegram, us = ServiceFactory(id="telegram"), CountryFactory(id="us")
    cheap = ProviderFactory(public_no=9)
    for ref in "xy":
        OfferFactory(
            provider=cheap, service=telegram, country=us, cost_micros=100_000, count=3, upstream_ref=ref
        )
    assert verifier.price()["available"] == 6


def test_filters(verifier, shelf):
    assert list(verifier.ask("getPrices", service="whatsapp")[1]["usa"]) == ["whatsapp"]
    assert verifier.ask("getPrices", country="in") == (200, {})
    both = verifier.ask("getPrices", service="tgram", country="187")[1]
    assert list(both["usa"]) == ["tg"], "handler's codes are understood, ours are sent"


def test_f19_prices_are_what_this_customer_pays_in_whole_cents(verifier, shelf):
    PriceRuleFactory(tenant=verifier.customer.tenant, percent_ppm=333_333, rounding_micros=1)
    assert verifier.price()["price"] == 0.4


def test_t3_what_only_another_tenant_sells_is_not_listed(verifier, foreigner, shelf):
    own = ProviderFactory(public_no=11, tenant=foreigner.customer.tenant)
    OfferFactory(provider=own, service=ServiceFactory(id="secret"), country=CountryFactory(id="in"))
    assert [one["id"] for one in verifier.ask("getCountries")[1]] == ["usa"]
    assert list(verifier.ask("getPrices")[1]) == ["usa"]
    assert [one["id"] for one in foreigner.ask("getCountries")[1]] == ["in", "usa"]
