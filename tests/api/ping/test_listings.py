"""What a reseller switched off or renamed, in the ping protocol."""

import pytest
from django.core.cache import cache

from providers.models import Listing
from providers.services.listing import switch_off
from tests.api.conftest import COUNTRY, SERVICE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("kind", "one"), [("service", SERVICE), ("country", COUNTRY)])
def test_what_is_switched_off_is_gone_and_refused(pinger, foreigner, shop, kind, one):
    known = pinger.product()["public_id"]

    switch_off(tenant=pinger.customer.tenant, kind=kind, ids=[one])
    cache.clear()  # the list is remembered for 20 s

    _, found = pinger.get("services?service_type=verification")
    assert (found["services"], found["total"]) == ([], 0)
    status, answer = pinger.post("orders/create", {"serviceId": known})
    assert status >= 400
    assert answer["result"] == "failed"
    assert pinger.money() == (100_000_000, 0)
    assert foreigner.bought()


def test_names_are_the_resellers(pinger, shop):
    Listing.objects.create(tenant=pinger.customer.tenant, service_id=SERVICE, name="Paper plane")

    assert "Paper plane" in str(pinger.product())
