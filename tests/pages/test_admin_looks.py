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
