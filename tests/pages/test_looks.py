"""Every page at 360 and 1280 px, light and dark: no sideways scrolling, no complaints; pictures are kept."""

import pytest
from django.utils import timezone

from tests.webhooks.conftest import make_endpoint
from webhooks.sending import Outcome, Parcel
from webhooks.services.delivering import note
from webhooks.services.replaying import send_sample

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

SIZES = {"narrow": {"width": 360, "height": 740}, "wide": {"width": 1280, "height": 860}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_its_window(store, browsing, shot, size, scheme):
    store.fill()
    store.order()
    received = store.order()
    store.deliver(
        received, "<#> Your Telegram code is 48213. Do not share it with anyone.", sender="Telegram"
    )
    page = browsing.open("/numbers/", viewport=SIZES[size], color_scheme=scheme)
    pages = {
        "numbers": "/numbers/", "buy": "/buy/", "service": "/buy/telegram/", "history": "/history/",
        "detail": f"/numbers/{received.hex_id}/", "wallet": "/wallet/", "account": "/account/",
        "password": "/accounts/password/change/", "second-step": "/accounts/2fa/", "missing": "/nothing/",
    }  # fmt: skip
    pages |= workbench(store.customer)
    for name, path in pages.items():
        page.goto(path)
        check(page, shot, f"{name}-{size}-{scheme}")
    visitor = browsing.open("/", signed_in=False, viewport=SIZES[size], color_scheme=scheme)
    for name, path in {
        "home": "/",
        "login": "/accounts/login/",
        "signup": "/accounts/signup/",
        "reset": "/accounts/password/reset/",
    }.items():
        visitor.goto(path)
        check(visitor, shot, f"{name}-{size}-{scheme}")
    assert [text for text in page.complaints + visitor.complaints if "404" not in text] == []


def workbench(customer):
    """An endpoint that fails, with a delivery that was tried."""
    endpoint = make_endpoint(customer.tenant, "https://8.8.8.8/" + "long/" * 20, customer=customer)
    delivery = send_sample(endpoint=endpoint, type_="customer.activation.updated", now=timezone.now())
    answer = {"status": 500, "excerpt": "<html>" + "a-word-without-an-end" * 20, "milliseconds": 41}
    note(Outcome(Parcel(delivery.pk, endpoint.pk, endpoint.url, b"", {}), **answer), now=timezone.now())
    here = f"/webhooks/{endpoint.public_id}/"
    return {"webhooks": "/webhooks/", "endpoint": here, "delivery": f"{here}{delivery.pk}/"}


def check(page, shot, name):
    shot(page, name)
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{name} scrolls sideways by {width} px"
