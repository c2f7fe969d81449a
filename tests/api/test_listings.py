"""What a reseller switched off or renamed, over the retail API."""

import pytest

from providers.models import Listing
from providers.services.listing import switch_off
from tests.api.conftest import COUNTRY, SERVICE, names, publish

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = ["services", "countries", "retail/m/prices/services", "retail/m/prices/countries"]
UNKNOWN = (404, "NotFoundException")


def ids(partner, kind):
    """The ids of that kind in every list that names some."""
    prices = partner.get(f"{partner.a}/rentals/prices")[1]
    found = {line[f"{kind}_id"] for line in prices}
    for address in LISTS:
        for entry in partner.get(address)[1]:
            found |= {value for value in [entry.get(f"{kind}_id")] if value}
            found |= {one.get(f"{kind}_id") for one in entry.get("services", entry.get("countries", []))}
    return found - {None, "full"}


@pytest.mark.parametrize(("kind", "one"), [("service", SERVICE), ("country", COUNTRY)])
def test_what_is_switched_off_is_gone_and_refused(partner, stranger, shop, kind, one):
    assert ids(partner, kind) == ids(stranger, kind) == {one}

    switch_off(tenant=partner.tenant, kind=kind, ids=[one])
    publish()

    assert ids(partner, kind) == set()
    assert names(partner.order()) == UNKNOWN
    pair = f"services/{SERVICE}/countries/{COUNTRY}"
    assert names(partner.get(f"retail/m/prices/{pair}")) == UNKNOWN
    assert names(partner.get(f"retail/m/offers/{pair}")) == UNKNOWN
    plural = "services" if kind == "service" else "countries"
    assert names(partner.get(f"retail/m/prices/{plural}?{kind}_id={one}")) == UNKNOWN
    rent = {"service_id": "full", "country_id": COUNTRY, "hours": 24}
    if kind == "country":
        assert names(partner.post(f"{partner.a}/rental", rent)) == UNKNOWN
    assert partner.money() == (100_000_000, 0)
    assert ids(stranger, kind) == {one}


def test_an_order_is_placed_where_nothing_is_switched_off(partner, shop):
    switch_off(tenant=partner.tenant, kind="service", ids=["full"])

    assert partner.order()[0] == 200


def test_names_are_the_resellers(partner, stranger, shop):
    Listing.objects.create(tenant=partner.tenant, service_id=SERVICE, name="Paper plane")
    Listing.objects.create(tenant=partner.tenant, country_id=COUNTRY, name="America")

    assert [one["name"] for one in partner.get("services")[1]] == ["Paper plane"]
    assert [one["name"] for one in partner.get("countries")[1]] == ["America"]
    assert "Paper plane" not in str(stranger.get("services")[1])


def test_the_test_base_lists_the_same(tester, shop):
    switch_off(tenant=tester.tenant.live_tenant, kind="service", ids=[SERVICE])

    assert tester.get("services") == (200, [])
    assert names(tester.order()) == UNKNOWN
