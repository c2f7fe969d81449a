"""What a reseller switched off or renamed, in the text protocol."""

import pytest

from providers.models import CodeMap, Listing
from providers.services.listing import switch_off
from providers.spellings import forget_spellings
from tests.api.conftest import COUNTRY, SERVICE, publish

pytestmark = pytest.mark.django_db(transaction=True)
PRICES = ["getPrices", "getPricesV2", "getPricesV3", "getNumbersStatus", "getTopCountriesByService"]
REFUSED = {"service": "BAD_SERVICE", "country": "BAD_COUNTRY"}


@pytest.mark.parametrize(("kind", "one"), [("service", SERVICE), ("country", COUNTRY)])
def test_what_is_switched_off_is_gone_and_refused(family, foreigner, shop, kind, one):
    codes = {"service": "tg", "country": "187"}
    assert all(family.ask(action) for action in PRICES)

    switch_off(tenant=family.customer.tenant, kind=kind, ids=[one])
    publish()

    assert [family.ask(action) for action in PRICES] == [{}, {}, {}, {}, {}]
    for action in PRICES:
        assert family.ask(action, **{kind: codes[kind]}) == REFUSED[kind]
    assert family.ask("getNumber", **codes) == REFUSED[kind]
    assert family.ask("getNumberV2", **codes) == REFUSED[kind]
    listed = str(family.ask("getServicesList")) + str(family.ask("getCountries"))
    assert codes[kind] not in listed.replace("'id': 187", "187" if kind == "country" else "")
    assert family.money() == (100_000_000, 0)
    assert foreigner.order()


def test_names_are_the_resellers(family, shop):
    Listing.objects.create(tenant=family.customer.tenant, service_id=SERVICE, name="Paper plane")
    Listing.objects.create(tenant=family.customer.tenant, country_id=COUNTRY, name="America")
    forget_spellings()
    family.order()

    services = family.ask("getServicesList")["services"]
    assert {"code": "tg", "name": "Paper plane"} in services
    assert family.ask("getCountries")["187"]["eng"] == "America"
    assert family.ask("getActiveActivations")["data"][0]["countryName"] == "America"


def test_codes_stay_what_they_are(family, shop):
    """A code that means something switched off means nothing else."""
    CodeMap.objects.create(scheme="handler", kind="service", canonical_id="full", code="full")
    switch_off(tenant=family.customer.tenant, kind="service", ids=["full"])
    forget_spellings()

    assert family.order()
    assert family.ask("getPrices", service="full") == "BAD_SERVICE"
