"""Forms of providers in the admin fit a phone's window, whatever their protocol has to say."""

import pytest
from django.conf import settings

from accounts.services import create_operator
from providers.registry import ADAPTERS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_forms_of_a_provider_fit_their_window(store, browsing, shot, width, scheme):
    page = browsing.open("/", signed_in=False, viewport={"width": width, "height": 800}, color_scheme=scheme)
    operator = create_operator(email="op@example.com", password="correct-horse-battery")
    session = store.signed_in(operator).cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": browsing.base}
    page.context.add_cookies([cookie])
    store.provider.callback_token = "a" * 40  # a word without a place to end a line
    store.provider.save()
    for name in ("add", f"{store.provider.pk}/change"):
        page.goto(f"/admin/providers/provider/{name}/")
        for protocol in ADAPTERS if name == "add" else [store.provider.protocol]:
            page.locator("select[name=protocol]").select_option(protocol)
            page.evaluate("document.fonts.ready")
            shot(page, f"provider-{name.rpartition('/')[2]}-{protocol}-{width}-{scheme}")
            wide = page.evaluate(TOO_WIDE)
            assert wide <= 0, f"{name} of {protocol} scrolls sideways by {wide} px"


@pytest.mark.parametrize("width", [360, 1280])
def test_an_orders_page_fits_its_window_and_tells_its_seconds(store, browsing, shot, width):
    order = store.order()
    page = browsing.open("/", signed_in=False, viewport={"width": width, "height": 800})
    operator = create_operator(email="op@example.com", password="correct-horse-battery")
    session = store.signed_in(operator).cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": browsing.base}
    page.context.add_cookies([cookie])

    page.goto(f"/admin/activations/activation/{order.id}/change/")

    assert page.get_by_role("columnheader", name="Tenant pays").count() == 1, "how it was routed"
    assert f"{order.created_at:%-d %b %Y, %H:%M:%S}" in page.locator("body").inner_text()
    shot(page, f"order-{width}")
    assert page.evaluate(TOO_WIDE) <= 0


@pytest.mark.parametrize("width", [360, 1280])
def test_every_protocol_of_a_new_account_has_its_sign_in_view(store, browsing, member_of, width):
    page = browsing.open("/", signed_in=False, viewport={"width": width, "height": 800})
    session = store.signed_in(member_of(store)).cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": browsing.base}
    page.context.add_cookies([cookie])

    page.goto("/providers/")

    signs = page.locator("a.row svg")
    assert signs.count() == len(ADAPTERS)
    assert all(sign.bounding_box()["width"] == 16 for sign in signs.all())
