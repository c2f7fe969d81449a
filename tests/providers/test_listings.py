"""What a reseller switched off does not exist for his customers, and what he renamed has his name."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError

from billing.prices import Rules
from portal.errors import UnknownCountry, UnknownService, ValidationError
from providers.listings import (
    countries_called,
    listed_countries,
    listed_services,
    named_countries,
    named_services,
    services_called,
)
from providers.models import CatalogueChange, Listing
from providers.pair_prices import price_of_pair, sellers_to, shelves
from providers.price_list import lines_on_sale, tiers_on_sale
from providers.queries import countries_for_sale, services_for_sale
from providers.rental_list import rental_terms, rentals_on_sale
from providers.router import find_rental_route, find_route
from providers.services.listing import switch_off, switch_on
from providers.spellings import forget_spellings, names_of
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = [("telegram", "de"), ("telegram", "us"), ("whatsapp", "de"), ("whatsapp", "us")]
pytestmark = pytest.mark.django_db


class RentalWish(Wish):
    hours = 24


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def market():
    """Two services in two countries, as numbers for one SMS and for rent."""
    provider = make_provider(serves_test=True)
    for service, country in EVERYTHING:
        make_offer(provider, service=service, country=country)
        make_offer(provider, service=service, country=country, kind="rental", duration_hours=24)
    return provider


def sold(tenant):
    """What each list of the reseller sells, as pairs of service and country."""
    where = {"tenant_id": tenant.pk, "is_test": tenant.is_test, "now": NOW}
    priced = {**where, "rules": Rules()}
    sellers = sellers_to(**where)
    pairs = [(one.service_id, country) for one in shelves(sellers) for country in one.countries]
    by_service = [
        (service.id, country.id)
        for service in services_for_sale(**priced)
        for country in countries_for_sale(**priced, service_id=service.id)
    ]
    found = {
        "storefront": [(one.service_id, one.country_id) for one in lines_on_sale(**where)],
        "tiers": [(one.service_id, one.country_id) for one in tiers_on_sale(**where)],
        "rentals": [(one.service_id, one.country_id) for one in rentals_on_sale(**priced, hours=24)],
        "published": pairs,
        "by service": by_service,
        "orders": [pair for pair in EVERYTHING if is_sold(tenant, *pair)],
        "rental orders": [pair for pair in EVERYTHING if is_rented(tenant, *pair)],
    }
    return {name: sorted(lines) for name, lines in found.items()}


def is_sold(tenant, service, country):
    wish = Wish(service_id=service, country_id=country)
    try:
        find_route(tenant_id=tenant.pk, is_test=tenant.is_test, wish=wish, rules=Rules(), now=NOW)
    except (UnknownService, UnknownCountry):
        return False
    return True


def is_rented(tenant, service, country, **facts):
    wish = RentalWish(service_id=service, country_id=country)
    facts = {"tenant_id": tenant.pk, "is_test": tenant.is_test, "rules": Rules(), "now": NOW, **facts}
    try:
        find_rental_route(wish=wish, **facts)
    except (UnknownService, UnknownCountry):
        return False
    return True


def test_what_is_switched_off_is_in_no_list_and_cannot_be_ordered(tenant, market):
    assert set(map(tuple, sold(tenant).values())) == {tuple(EVERYTHING)}

    switch_off(tenant=tenant, kind="service", ids=["whatsapp"])
    assert set(map(tuple, sold(tenant).values())) == {(("telegram", "de"), ("telegram", "us"))}

    switch_off(tenant=tenant, kind="country", ids=["de"])
    assert set(map(tuple, sold(tenant).values())) == {(("telegram", "us"),)}

    switch_on(tenant=tenant, kind="service", ids=["whatsapp", "telegram"])
    switch_on(tenant=tenant, kind="country", ids=["de"])
    assert set(map(tuple, sold(tenant).values())) == {tuple(EVERYTHING)}
    assert not Listing.objects.exists(), "a line that says nothing is not kept"


def test_t3_another_reseller_sells_on(tenant, market):
    switch_off(tenant=tenant, kind="service", ids=["whatsapp"])

    assert set(map(tuple, sold(make_tenant()).values())) == {tuple(EVERYTHING)}


def test_a_test_twin_has_its_resellers_catalogue(tenant, market):
    twin = make_tenant(live_tenant=tenant)
    switch_off(tenant=tenant, kind="service", ids=["whatsapp"])

    assert set(map(tuple, sold(twin).values())) == {(("telegram", "de"), ("telegram", "us"))}
    with pytest.raises(ValidationError) as refused:
        switch_off(tenant=twin, kind="service", ids=["telegram"])
    assert list(refused.value.details) == ["tenant"]


def test_refusals_name_what_is_unknown(tenant, market):
    switch_off(tenant=tenant, kind="country", ids=["de"])
    wish = Wish(country_id="de")

    with pytest.raises(UnknownCountry):
        find_route(tenant_id=tenant.pk, is_test=False, wish=wish, rules=Rules(), now=NOW)
    switch_off(tenant=tenant, kind="service", ids=["telegram"])
    with pytest.raises(UnknownService):
        find_route(tenant_id=tenant.pk, is_test=False, wish=wish, rules=Rules(), now=NOW)


def test_a_pairs_price_and_terms_are_gone_too(tenant, market):
    switch_off(tenant=tenant, kind="service", ids=["telegram"])
    sellers = sellers_to(tenant_id=tenant.pk, is_test=False, now=NOW)
    pair = {"service_id": "telegram", "country_id": "us"}

    assert price_of_pair(sellers=sellers, rules=Rules(), **pair) is None
    assert rental_terms(tenant_id=tenant.pk, is_test=False, **pair) == []
    assert rental_terms(tenant_id=tenant.pk, is_test=False, service_id="whatsapp", country_id="us") == [24]


def test_what_is_rented_already_can_be_extended(tenant, market):
    switch_off(tenant=tenant, kind="service", ids=["telegram"])

    assert not is_rented(tenant, "telegram", "us")
    assert is_rented(tenant, "telegram", "us", provider_id=market.pk)


def test_an_order_costs_no_further_statement(tenant, market, django_assert_num_queries):
    switch_off(tenant=tenant, kind="service", ids=["whatsapp"])

    with django_assert_num_queries(1):
        assert is_sold(tenant, "telegram", "us")


def test_names_are_the_resellers_also_of_what_he_stopped_selling(tenant, market, django_assert_num_queries):
    Listing.objects.create(tenant=tenant, service_id="telegram", name="Paper plane", is_off=True)
    Listing.objects.create(tenant=tenant, country_id="us", name="America")
    forget_spellings()

    with django_assert_num_queries(2):
        services = named_services(tenant.pk, ["telegram", "whatsapp"])
        countries = named_countries(tenant.pk, ["us", "de"])
        assert {one.id: one.name for one in services.values()} == {
            "telegram": "Paper plane", "whatsapp": "Whatsapp",
        }  # fmt: skip
        assert {one.id: one.name for one in countries.values()} == {"us": "America", "de": "DE"}
    assert names_of(tenant.pk).services["telegram"] == "Paper plane"
    assert names_of(make_tenant().pk).services["telegram"] == "Telegram"
    assert services_called(tenant.pk, "PAPER") == services_called(tenant.pk, "telegram") == ["telegram"]
    assert countries_called(tenant.pk, "ameri") == countries_called(tenant.pk, "us") == ["us"]
    assert list(listed_services(tenant.pk)) == ["whatsapp"]
    assert list(listed_countries(tenant.pk)) == ["us", "de"], "by the name that customers read"


def test_switching_twice_changes_nothing_and_keeps_the_name(tenant, market):
    Listing.objects.create(tenant=tenant, service_id="telegram", name="Paper plane")

    assert switch_off(tenant=tenant, kind="service", ids=["telegram", "whatsapp", "no-such"]) == 2
    assert switch_off(tenant=tenant, kind="service", ids=["telegram", "whatsapp"]) == 0
    assert switch_on(tenant=tenant, kind="service", ids=["telegram", "whatsapp"]) == 2
    assert list(Listing.objects.values_list("service_id", "name", "is_off")) == [
        ("telegram", "Paper plane", False)
    ]


def test_published_lists_of_the_reseller_and_his_twin_are_written_anew(tenant, market):
    twin = make_tenant(live_tenant=tenant)
    make_tenant()
    CatalogueChange.objects.all().delete()

    switch_off(tenant=tenant, kind="service", ids=["telegram"])

    noted = CatalogueChange.objects.values_list("topic", "tenant_id")
    assert sorted(noted) == sorted(
        (topic, whose.pk) for topic in ("catalogue", "prices") for whose in (tenant, twin)
    )


@pytest.mark.parametrize("fields", [{}, {"service_id": "telegram", "country_id": "us"}])
def test_a_line_is_about_one_service_or_one_country(tenant, market, fields):
    with pytest.raises(IntegrityError):
        Listing.objects.create(tenant=tenant, **fields)
