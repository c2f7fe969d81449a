"""What a reseller switched off or renamed, in RentVerify."""

import pytest

from providers.models import Listing
from providers.services.listing import switch_off
from providers.spellings import forget_spellings
from tests.api.conftest import COUNTRY, SERVICE, publish

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = (400, "BAD_ACTION")


@pytest.mark.parametrize(("kind", "one"), [("service", SERVICE), ("country", COUNTRY)])
def test_what_is_switched_off_is_gone_and_refused(verifier, foreigner, shop, kind, one):
    assert verifier.ask("getServices", country="usa") == foreigner.ask("getServices", country="usa")

    switch_off(tenant=verifier.customer.tenant, kind=kind, ids=[one])
    publish()

    assert verifier.ask("getPrices")[1] == {}
    assert verifier.ask("getCountries")[1] == []
    assert verifier.ask("getNumber", service="tg", country="usa") == REFUSED
    assert verifier.ask("getPrices", **{kind: {"service": "tg", "country": "usa"}[kind]}) == REFUSED
    assert verifier.money() == (100_000_000, 0)
    assert foreigner.order()


def test_names_are_the_resellers(verifier, shop):
    Listing.objects.create(tenant=verifier.customer.tenant, service_id=SERVICE, name="Paper plane")
    Listing.objects.create(tenant=verifier.customer.tenant, country_id=COUNTRY, name="America")
    forget_spellings()

    assert verifier.ask("getServices", country="usa")[1] == [{"code": "tg", "name": "Paper plane"}]
    assert verifier.ask("getCountries")[1] == [{"id": "usa", "name": "America"}]
