"""What a reseller switched off or renamed, on the pages of his customers."""

import pytest

from activations.models import Activation
from providers.models import Listing
from providers.services.listing import switch_off
from tests.factories import CountryFactory, OfferFactory, ServiceFactory
from tests.pages.test_buying import words

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stocked(store):
    return store.fill()


def text(client, place):
    return words(client.get(place))


def front(store):
    """What the front door offers to visitors."""
    return [one.id for one in store.visitor().get("/").context["services"]]


def bought(store):
    row = store.order()
    assert row.service_id == "telegram"
    return row


def test_a_service_that_is_switched_off_is_on_no_page(stocked):
    client = stocked.signed_in()
    assert "Telegram" in text(client, "/buy/")
    assert "telegram" in front(stocked)

    switch_off(tenant=stocked.tenant, kind="service", ids=["telegram"])

    assert "Telegram" not in text(client, "/buy/")
    assert "telegram" not in front(stocked)
    assert "WhatsApp" in text(client, "/buy/")
    assert client.get("/buy/telegram/").status_code == 404
    sent = {"price": "0.50", "ceiling": "1", "request_key": "a" * 32}
    assert client.post("/buy/telegram/us/", sent).status_code >= 400
    assert not Activation.objects.exists()


def test_a_country_that_is_switched_off_is_on_no_page(stocked):
    OfferFactory(provider=stocked.provider, kind="rental", duration_hours=24, upstream_ref="rent",
                 service=ServiceFactory(id="full"), country=CountryFactory(id="us"))  # fmt: skip
    client = stocked.signed_in()
    pages = ["/buy/telegram/", "/rent/?service=full&hours=24"]
    assert all("United States" in text(client, place) for place in pages)

    switch_off(tenant=stocked.tenant, kind="country", ids=["us"])

    assert not any("United States" in text(client, place) for place in pages)
    assert "United Kingdom" in text(client, "/buy/telegram/")


def test_names_are_the_resellers(stocked):
    row = bought(stocked)
    Listing.objects.create(tenant=stocked.tenant, service_id="telegram", name="Paper plane")
    Listing.objects.create(tenant=stocked.tenant, country_id="us", name="America")
    client = stocked.signed_in()

    for place in ("/buy/telegram/", "/numbers/", f"/numbers/{row.hex_id}/", "/history/?q=paper"):
        shown = text(client, place)
        assert "Paper plane" in shown, place
        assert "Telegram" not in shown, place
    assert "America" in text(client, "/buy/telegram/")


def test_what_was_bought_before_keeps_its_page(stocked):
    row = bought(stocked)
    switch_off(tenant=stocked.tenant, kind="service", ids=["telegram"])
    switch_off(tenant=stocked.tenant, kind="country", ids=["us"])

    shown = text(stocked.signed_in(), f"/numbers/{row.hex_id}/")
    assert "Telegram" in shown
    assert "United States" in shown
