"""Catalogue and prices of the text protocol (docs/protocols/handler.md 9)."""

import pytest

from api.models import DialectSettings
from providers.models import CodeMap
from providers.spellings import forget_spellings
from tests.factories import CountryFactory, OfferFactory, PriceRuleFactory, ProviderFactory, ServiceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(family):
    """Two providers for one pair, and a country that the protocol has no number for."""
    telegram, us = (
        ServiceFactory(id="telegram", name="Telegram"),
        CountryFactory(id="us", name="USA", iso2="US"),
    )
    first, second = ProviderFactory(public_no=7), ProviderFactory(public_no=8)
    facts = {"service": telegram, "country": us}
    OfferFactory(provider=first, cost_micros=500_000, count=10, upstream_ref="a", **facts)
    OfferFactory(provider=first, cost_micros=300_000, count=5, upstream_ref="b", physical_count=2, **facts)
    OfferFactory(provider=second, cost_micros=400_000, count=4, operator="tele2", **facts)
    OfferFactory(provider=second, service=telegram, country=CountryFactory(id="zz"), cost_micros=100_000)
    OfferFactory(provider=second, service=ServiceFactory(id="bad", prohibited=True), country=us)
    return {"service": "tg", "country": "187"}


def test_prices(family, shelf):
    everything = {"187": {"tg": {"cost": 0.3, "count": 19}}}
    assert family.ask("getPrices") == everything
    assert family.ask("getPrices", **shelf) == everything
    assert family.ask("getPrices", country="187") == everything
    assert family.ask("getPricesV2", service="tg") == {"187": {"tg": {"0.30": 5, "0.40": 4, "0.50": 10}}}
    assert family.ask("getPricesV3", **shelf) == {
        "187": {
            "tg": {
                "7": {"count": 15, "price": 0.3, "provider_id": 7},
                "8": {"count": 4, "price": 0.4, "provider_id": 8},
            }
        }
    }
    assert list(family.ask("getPricesV3", providerIds="8", **shelf)["187"]["tg"]) == ["8"]


def test_prices_are_those_that_this_customer_pays(family, shelf):
    PriceRuleFactory(tenant=family.customer.tenant, percent_ppm=333_333, rounding_micros=1)
    assert family.ask("getPrices", **shelf)["187"]["tg"]["cost"] == 0.4, "0.3999999 in steps of 0.0001"


def test_classic_names_the_real_stock(family, shelf):
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_style="classic")
    assert family.ask("getPrices", **shelf)["187"]["tg"] == {"cost": 0.3, "count": 19, "physicalCount": 16}


def test_canonical_ids_are_understood_and_unknown_ones_named(family, shelf):
    assert family.ask("getPrices", service="telegram", country="US") == family.ask("getPrices", **shelf)
    assert family.ask("getPrices", service="nothing") == "BAD_SERVICE"
    assert family.ask("getPricesV3", country="98765") == "BAD_COUNTRY"
    assert family.ask("getPrices", country="../..") == "BAD_COUNTRY"


def test_country_zero_is_a_country(family, shelf):
    CountryFactory(id="ru")
    CodeMap.objects.create(scheme="handler", kind="country", canonical_id="ru", code="0")
    forget_spellings()
    assert family.ask("getPrices", country="0") == {}


def test_stock_operators_and_the_top_countries(family, shelf):
    assert family.ask("getNumbersStatus", country="187") == {"tg": "16"}
    assert family.ask("getNumbersStatus", country="187", operator="tele2") == {"tg": "4"}
    assert family.ask("getOperators", country="187") == {
        "status": "success", "countryOperators": {"187": ["tele2"]},
    }  # fmt: skip
    top = {"country": 187, "count": 19, "price": 0.3, "retail_price": 0.3}
    assert family.ask("getTopCountriesByService", service="tg") == {"0": top}
    assert family.ask("getTopCountriesByService") == {"tg": {"0": top}}
    free = family.ask("getTopCountriesByService", service="tg", freePrice="true")
    assert free["0"]["freePriceMap"] == {"0.30": 5, "0.40": 4, "0.50": 10}
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_style="hero")
    assert family.ask("getTopCountriesByService", service="tg") == [top]


def test_no_operators_is_a_word(family):
    assert family.ask("getOperators") == "OPERATORS_NOT_FOUND"


def test_countries_and_services(family, shelf):
    found = family.ask("getCountries")
    assert list(found) == ["187"], "a country without a number here stays unseen"
    assert (found["187"]["id"], found["187"]["eng"], found["187"]["visible"]) == (187, "USA", 1)
    assert found["187"]["rus"] != found["187"]["chn"] != "USA"
    services = family.ask("getServicesList")
    assert services == {"status": "success", "services": [{"code": "tg", "name": "Telegram"}]}
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_style="hero")
    assert family.ask("getCountries") == [found["187"]]
